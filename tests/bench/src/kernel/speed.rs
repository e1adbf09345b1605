//! Operations in a second, at a load of one half.

use std::time::{Duration, Instant};

use serde_json::json;

use crate::kernel::contender::{Contender, Heap};
use crate::kernel::player::Player;
use crate::kernel::region::Region;
use crate::kernel::sizes::Sizes;
use crate::kernel::trace::Trace;
use crate::kernel::{Outcome, TIMED_LOAD};

/// What takes longer is cut short: the rate is that of the operations until then.
pub(super) const LIMIT: Duration = Duration::from_secs(2);

/// Fills the heap to its load; then the clock starts.
pub(super) fn run<C: Contender>(region: &mut Region, seed: u64, operations: usize) -> Outcome {
    let sizes = Sizes::for_region(region.size);
    let trace = Trace::new(seed, sizes, region.size / 100 * TIMED_LOAD, operations);
    let heap = Heap::<C>::new(region)?;
    let mut player = Player::new(&*heap, trace.slots, ());
    player.play_all(&trace.filling);
    let start = Instant::now();
    let done = player.play_for(&trace.steady, LIMIT);
    let seconds = start.elapsed().as_secs_f64();
    Ok(json!({
        "operations": done, "seconds": seconds, "is_whole": done == trace.steady.len(),
        "failed": player.failed, "requests": player.requests,
    }))
}
