//! How full a region gets before the first request fails.

use serde_json::json;

use crate::kernel::Outcome;
use crate::kernel::contender::{Contender, Heap};
use crate::kernel::player::Player;
use crate::kernel::region::Region;
use crate::kernel::sizes::Sizes;
use crate::kernel::trace::{Kind, Operation};
use crate::random::Random;

/// Where blocks also go: one free to two allocations.
const STEPS_TO_A_FREE: u32 = 3;

/// Allocates until a request fails; where `aged`, blocks go at random in between.
pub(super) fn run<C: Contender>(region: &mut Region, seed: u64, aged: bool) -> Outcome {
    let size = region.size;
    let sizes = Sizes::for_region(size);
    let heap = Heap::<C>::new(region)?;
    // The least size bounds how many there can be.
    let mut player = Player::new(&*heap, size / 8, ());
    let mut random = Random::new(seed);
    let mut live: Vec<(u32, u32)> = Vec::new();
    let mut empty: Vec<u32> = (0..size as u32 / 8).rev().collect();
    while player.failed == 0 {
        if aged && random.below(STEPS_TO_A_FREE) == 0 && !live.is_empty() {
            let (slot, _) = live.swap_remove(random.below(live.len() as u32) as usize);
            player.play(Operation { kind: Kind::Free, slot, size: 0 });
            empty.push(slot);
            continue;
        }
        let size = sizes.draw(&mut random);
        let slot = empty.pop().expect("blocks do not overlap");
        player.play(Operation { kind: Kind::Alloc, slot, size });
        live.push((slot, size));
    }
    // The last one is the one that failed.
    live.pop();
    let bytes: u64 = live.iter().map(|block| u64::from(block.1)).sum();
    Ok(json!({ "live": bytes, "part": bytes as f64 / size as f64 }))
}
