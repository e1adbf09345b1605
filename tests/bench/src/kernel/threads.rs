//! Threads that share one heap.

use serde_json::json;

use crate::kernel::contender::{Contender, Heap};
use crate::kernel::cpu::become_cpu;
use crate::kernel::player::Player;
use crate::kernel::region::Region;
use crate::kernel::sizes::Sizes;
use crate::kernel::speed::LIMIT;
use crate::kernel::trace::Trace;
use crate::kernel::{Outcome, TIMED_LOAD};
use crate::race::race;

/// Each thread plays a trace of its own, of its share of the load.
pub(super) fn run<C: Contender>(
    region: &mut Region,
    seed: u64,
    operations: usize,
    count: usize,
) -> Outcome {
    let sizes = Sizes::for_region(region.size);
    let load = region.size / 100 * TIMED_LOAD / count;
    let heap = Heap::<C>::new(region)?;
    let heap: &C = &heap;
    let prepare = |index| {
        // SAFETY: each has its own, but for the first, which shares with this thread; and this one
        // waits for them.
        unsafe { become_cpu(index) };
        let trace = Trace::new(seed + index as u64, sizes, load, operations);
        let mut player = Player::new(heap, trace.slots, ());
        player.play_all(&trace.filling);
        (player, trace)
    };
    let (players, took) = race(count, prepare, |(mut player, trace)| {
        let done = player.play_for(&trace.steady, LIMIT);
        (done, player.failed, player.requests)
    });
    Ok(json!({
        "operations": players.iter().map(|player| player.0).sum::<usize>(), "seconds": took.wall, "cpu_seconds": took.cpu,
        "failed": players.iter().map(|player| player.1).sum::<u64>(),
        "requests": players.iter().map(|player| player.2).sum::<u64>(),
    }))
}
