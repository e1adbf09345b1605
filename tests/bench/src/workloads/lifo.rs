//! Mixed LIFO: N blocks of 8 to 1,024 bytes allocated, then freed in reverse order.

use core::hint::black_box;

use crate::alloc::Alloc;
use crate::race::race;
use crate::random::Random;
use crate::workload::{Outcome, Scale};

/// Sizes that a run goes through beyond its own N, so that rounds differ.
const SPARE: usize = 4096;

/// Blocks that a full run allocates, for each N.
fn full_run(blocks: usize) -> usize {
    match blocks {
        0..=1000 => 30_000_000,
        1001..=50_000 => 40_000_000,
        _ => 9_000_000,
    }
}

/// `blocks` at a time, on each of `threads` threads.
pub(crate) fn run<A: Alloc>(blocks: usize, threads: usize, scale: Scale) -> Outcome {
    let rounds = scale.of(full_run(blocks)) / blocks + 1;
    let prepare = |index: usize| {
        let sizes = Random::new(1 + index as u64).sizes(blocks + SPARE, 8, 1024);
        (sizes, vec![core::ptr::null_mut::<u8>(); blocks])
    };
    let work = |(sizes, mut held): (Vec<u32>, Vec<*mut u8>)| {
        let mut sum = 0_u64;
        let mut first = 0;
        for round in 0..rounds {
            let sizes = &sizes[first..first + blocks];
            sum = sum.wrapping_add(once::<A>(sizes, black_box(&mut held), round as u64));
            first = (first + blocks) % SPARE;
        }
        sum
    };
    let (sums, took) = race(threads, prepare, work);
    let (n, r) = (blocks as u64, rounds as u64);
    let expected = r * (n * (n - 1) / 2) + n * (r * (r - 1) / 2);
    assert!(sums.iter().all(|&sum| sum == expected), "a block lost its first word");
    Outcome::new(2 * blocks * rounds * threads, took)
}

/// One round; the sum of the words found in the blocks.
#[inline(never)]
fn once<A: Alloc>(sizes: &[u32], held: &mut [*mut u8], round: u64) -> u64 {
    for (index, (&size, place)) in sizes.iter().zip(held.iter_mut()).enumerate() {
        let block = A::alloc(size as usize);
        // SAFETY: the block has 8 bytes at least, aligned to 8.
        unsafe { block.cast::<u64>().write(index as u64 + round) };
        *place = block;
    }
    let mut sum = 0;
    for (&size, &block) in sizes.iter().zip(held.iter()).rev() {
        // SAFETY: the block was allocated above with this size, and is freed once.
        unsafe {
            sum += block.cast::<u64>().read();
            A::free(block, size as usize);
        }
    }
    sum
}
