//! Requests that fail in the long run, at a load of nine tenths.

use std::time::Duration;

use serde_json::json;

use crate::kernel::contender::{Contender, Heap};
use crate::kernel::player::Player;
use crate::kernel::region::Region;
use crate::kernel::sizes::Sizes;
use crate::kernel::trace::Trace;
use crate::kernel::{CHURN_LOAD, Outcome};

/// Far more than any takes that a table is made of.
const LIMIT: Duration = Duration::from_secs(100);

/// Counts the requests that fail, from the empty heap on.
pub(super) fn run<C: Contender>(region: &mut Region, seed: u64, operations: usize) -> Outcome {
    let sizes = Sizes::for_region(region.size);
    let trace = Trace::new(seed, sizes, region.size / 100 * CHURN_LOAD, operations);
    let heap = Heap::<C>::new(region)?;
    let mut player = Player::new(&*heap, trace.slots, ());
    player.play_all(&trace.filling);
    if player.play_for(&trace.steady, LIMIT) < operations {
        return Err("too slow".to_owned());
    }
    Ok(json!({ "failed": player.failed, "requests": player.requests }))
}
