//! Zeroed blocks of mixed sizes, replaced at random: each is checked to be zero at a word in every
//! 256 bytes, then dirtied there, so that memory used again must really be cleared.

use crate::alloc::Alloc;
use crate::race::race;
use crate::random::Random;
use crate::workload::{Outcome, Scale};

/// Live blocks.
const LIVE: usize = 2_000;
/// Replacements of a full run.
const SWAPS: usize = 800_000;
/// Distance of the words looked at, in bytes.
const STRIDE: usize = 256;

pub(crate) fn run<A: Alloc>(scale: Scale) -> Outcome {
    let swaps = scale.of(SWAPS);
    let prepare = |_| {
        let mut random = Random::new(3);
        // As many in each doubling: most are small, most bytes are in large ones.
        (0..LIVE * 4).map(|_| random.log_between(16, 64 << 10) as usize & !7).collect()
    };
    let (_, took) = race(1, prepare, |sizes: Vec<usize>| work::<A>(&sizes, swaps));
    Outcome::new(swaps, took)
}

fn work<A: Alloc>(sizes: &[usize], swaps: usize) {
    let mut random = Random::new(4);
    let mut held: Vec<(*mut u8, usize)> =
        sizes[..LIVE].iter().map(|&size| fresh::<A>(size)).collect();
    for _ in 0..swaps {
        let place = random.below(LIVE as u32) as usize;
        let size = sizes[random.below(sizes.len() as u32) as usize];
        // SAFETY: a live block, replaced at once.
        unsafe { A::free(held[place].0, held[place].1) };
        held[place] = fresh::<A>(size);
    }
    for (block, size) in held {
        // SAFETY: a live block, freed once.
        unsafe { A::free(block, size) };
    }
}

#[inline(always)]
fn fresh<A: Alloc>(size: usize) -> (*mut u8, usize) {
    let block = A::zeroed(size);
    for offset in (0..size).step_by(STRIDE) {
        // SAFETY: sizes are multiples of 8, so a word at a multiple of 8 below it lies inside.
        unsafe { spoil(block.add(offset)) };
    }
    if size > 8 && !(size - 8).is_multiple_of(STRIDE) {
        // SAFETY: the last word of the block.
        unsafe { spoil(block.add(size - 8)) };
    }
    (block, size)
}

/// Checks that a word is zero, and makes it another.
///
/// # Safety
/// `at` is aligned to 8, with 8 bytes of a live block.
#[inline(always)]
unsafe fn spoil(at: *mut u8) {
    let word = at.cast::<u64>();
    // SAFETY: the caller's promise.
    unsafe {
        assert_eq!(word.read(), 0, "a zeroed block is not zero");
        word.write(!0);
    }
}
