//! A size mix like that of ordinary programs: mostly small blocks, a few large ones, in a working
//! set where each block is replaced at a random time. Every block is written (its first KiB).

use crate::alloc::Alloc;
use crate::race::race;
use crate::random::Random;
use crate::workload::{Outcome, Scale};

/// Live blocks of each thread.
const LIVE: usize = 40_000;
/// Replacements of a full run.
const SWAPS: usize = 10_000_000;
/// Sizes drawn beforehand.
const SIZES: usize = 1 << 16;
/// Bytes of a block that are written.
const WRITTEN: usize = 1024;

/// A working set.
struct Set {
    random: Random,
    sizes: Vec<u32>,
    held: Vec<(*mut u8, u32)>,
}

/// On each of `threads` threads.
pub(crate) fn run<A: Alloc>(threads: usize, scale: Scale) -> Outcome {
    let swaps = scale.of(SWAPS);
    let (_, took) = race(threads, |index| prepare::<A>(index as u64), |set| work::<A>(set, swaps));
    Outcome::new(swaps * threads, took)
}

fn prepare<A: Alloc>(index: u64) -> Set {
    let mut random = Random::new(11 + index);
    let sizes: Vec<u32> = (0..SIZES).map(|_| draw(&mut random)).collect();
    let held = sizes[..LIVE].iter().map(|&size| fresh::<A>(size)).collect();
    Set { random, sizes, held }
}

/// 55 % of 16 to 64 B, 35 % to 256 B, 8 % to 1 KiB, 1.8 % to 8 KiB, 0.2 % to 32 KiB.
fn draw(random: &mut Random) -> u32 {
    match random.below(1000) {
        0..550 => random.between(16, 64),
        550..900 => random.between(65, 256),
        900..980 => random.between(257, 1024),
        980..998 => random.between(1025, 8192),
        _ => random.between(8193, 32 * 1024),
    }
}

fn work<A: Alloc>(mut set: Set, swaps: usize) {
    for _ in 0..swaps {
        let number = set.random.number();
        let place = (((number >> 32) * LIVE as u64) >> 32) as usize;
        let size = set.sizes[number as usize % SIZES];
        retire::<A>(set.held[place]);
        set.held[place] = fresh::<A>(size);
    }
    for held in set.held {
        retire::<A>(held);
    }
}

#[inline(always)]
fn fresh<A: Alloc>(size: u32) -> (*mut u8, u32) {
    let block = A::alloc(size as usize);
    // SAFETY: the block has `size` bytes.
    unsafe { block.write_bytes(size as u8, (size as usize).min(WRITTEN)) };
    (block, size)
}

#[inline(always)]
fn retire<A: Alloc>((block, size): (*mut u8, u32)) {
    let last = (size as usize).min(WRITTEN) - 1;
    // SAFETY: a live block of this set, written to `last`; freed once.
    unsafe {
        assert_eq!((block.read(), block.add(last).read()), (size as u8, size as u8), "overwritten");
        A::free(block, size as usize);
    }
}
