//! The longest of single operations.
//!
//! The same trace is played several times, each on a fresh heap, so that the same operation has the
//! same to do each time. What an operation takes is the least of its times: an interruption of the
//! program does not count, what the allocator itself does always there does.

use std::time::{Duration, Instant};

use serde_json::json;

use crate::kernel::contender::{Contender, Heap};
use crate::kernel::player::{Player, Watch};
use crate::kernel::region::Region;
use crate::kernel::sizes::Sizes;
use crate::kernel::trace::{Kind, Trace};
use crate::kernel::{Outcome, TIMED_LOAD};
use crate::ticks;

/// What is cut short in one pass is cut there in all.
const LIMIT: Duration = Duration::from_secs(3);

/// Times each call.
struct Timer {
    start: u64,
    /// Ticks of the last call.
    took: u64,
}

impl Watch for Timer {
    #[inline(always)]
    fn before(&mut self) {
        self.start = ticks::now();
    }

    #[inline(always)]
    fn after(&mut self) {
        self.took = ticks::now().saturating_sub(self.start);
    }
}

/// The worst allocation or free, and the worst resize, in nanoseconds.
pub(super) fn run<C: Contender>(
    region: &mut Region,
    seed: u64,
    operations: usize,
    passes: usize,
) -> Outcome {
    let sizes = Sizes::for_region(region.size);
    let trace = Trace::new(seed, sizes, region.size / 100 * TIMED_LOAD, operations);
    let mut least = vec![u64::MAX; operations];
    for _ in 0..passes {
        let heap = Heap::<C>::new(region)?;
        let mut player = Player::new(&*heap, trace.slots, Timer { start: 0, took: 0 });
        player.play_all(&trace.filling);
        let start = Instant::now();
        let mut done = 0;
        for (operation, least) in trace.steady.iter().zip(&mut least) {
            player.watch.took = 0;
            player.play(*operation);
            *least = player.watch.took.min(*least);
            done += 1;
            if done % 64 == 0 && start.elapsed() > LIMIT {
                break;
            }
        }
        least.truncate(done);
    }
    let scale = ticks::nanos_per_tick();
    let worst = |is_resize: bool| {
        let all = trace.steady.iter().zip(&least);
        let kind = all.filter(|(operation, _)| (operation.kind == Kind::Resize) == is_resize);
        let ticks = kind.map(|(_, ticks)| *ticks).max().unwrap_or(0) as f64;
        ((ticks - ticks::overhead()) * scale).max(0.0)
    };
    Ok(json!({
        "operations": least.len(), "is_whole": least.len() == operations,
        "alloc_or_free_ns": worst(false), "resize_ns": worst(true),
    }))
}
