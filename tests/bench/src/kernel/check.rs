//! Nobody cheats: blocks are aligned, inside the region, and apart; and once all are freed, a region
//! takes the same trace again.

use std::collections::BTreeMap;

use serde_json::json;

use crate::kernel::contender::{Contender, Heap};
use crate::kernel::player::{ALIGN, Player, Watch};
use crate::kernel::region::Region;
use crate::kernel::sizes::Sizes;
use crate::kernel::trace::Trace;
use crate::kernel::{CHURN_LOAD, Outcome};

/// Every live block's start and size.
#[derive(Default)]
struct Map {
    live: BTreeMap<usize, usize>,
    start: usize,
    end: usize,
}

impl Watch for Map {
    const CHECKS: bool = true;

    fn given(&mut self, start: *mut u8, size: usize) {
        let start = start.addr();
        assert_eq!(start % ALIGN, 0, "aligned");
        assert!(start >= self.start && start + size <= self.end, "inside the region");
        let below = self.live.range(..=start).next_back();
        assert!(below.is_none_or(|(other, size)| other + size <= start), "apart");
        let above = self.live.range(start..).next();
        assert!(above.is_none_or(|(other, _)| start + size <= *other), "apart");
        self.live.insert(start, size);
    }

    fn returned(&mut self, start: *mut u8) {
        assert!(self.live.remove(&start.addr()).is_some());
    }
}

/// Two traces at a high load, each from an empty heap to an empty heap.
pub(super) fn run<C: Contender>(region: &mut Region, seed: u64, operations: usize) -> Outcome {
    let sizes = Sizes::for_region(region.size);
    let start = region.start.addr();
    let map = Map { start, end: start + region.size - size_of::<C>(), live: BTreeMap::new() };
    let trace = Trace::new(seed, sizes, region.size / 100 * CHURN_LOAD, operations);
    let heap = Heap::<C>::new(region)?;
    let mut player = Player::new(&*heap, trace.slots, map);
    let mut failed = Vec::new();
    for _ in 0..2 {
        player.play_all(&trace.filling);
        player.play_all(&trace.steady);
        player.free_all();
        assert!(player.watch.live.is_empty());
        failed.push(player.failed);
    }
    Ok(json!({ "failed": failed, "requests": player.requests }))
}
