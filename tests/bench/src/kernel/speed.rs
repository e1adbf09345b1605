//! Operations in a second of CPU time. One thread that never waits takes as much
//! CPU time as time, but for what other programs take from it.

use std::time::Duration;

use serde_json::json;

use crate::clock::Stopwatch;
use crate::kernel::Outcome;
use crate::kernel::contender::{Contender, Heap};
use crate::kernel::player::Player;
use crate::kernel::region::Region;
use crate::kernel::sizes::Sizes;
use crate::kernel::trace::Trace;

/// What takes longer is cut short: the rate is that of the operations until then.
pub(super) const LIMIT: Duration = Duration::from_secs(2);

/// Fills the heap with `load` bytes; then the clock starts.
pub(super) fn run<C: Contender>(
    region: &mut Region,
    seed: u64,
    operations: usize,
    load: usize,
) -> Outcome {
    let trace = Trace::new(seed, Sizes::for_region(region.size), load, operations);
    let heap = Heap::<C>::new(region)?;
    let mut player = Player::new(&*heap, trace.slots, ());
    player.play_all(&trace.filling);
    let watch = Stopwatch::start();
    let done = player.play_for(&trace.steady, LIMIT);
    let took = watch.read();
    Ok(json!({
        "operations": done, "seconds": took.cpu, "is_whole": done == trace.steady.len(),
        "failed": player.failed, "requests": player.requests,
    }))
}
