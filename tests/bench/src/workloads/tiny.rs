//! Tiny hot: short bursts of blocks of one size.

use core::hint::black_box;

use crate::alloc::Alloc;
use crate::race::race;
use crate::workload::{Outcome, Scale};

/// Blocks in a burst.
const BURST: usize = 32;
/// Bursts in a full run.
const BURSTS: usize = 1_000_000;

/// Bursts of blocks of `size` bytes.
pub(crate) fn run<A: Alloc>(size: usize, scale: Scale) -> Outcome {
    let bursts = scale.of(BURSTS);
    let work = |mut held: [*mut u8; BURST]| {
        let mut sum = 0_u64;
        for burst in 0..bursts {
            sum += once::<A>(size, black_box(&mut held), burst as u64);
        }
        sum
    };
    let (sums, took) = race(1, |_| [core::ptr::null_mut(); BURST], work);
    let (b, n) = (BURST as u64, bursts as u64);
    assert_eq!(sums[0], n * (b * (b - 1) / 2) + b * (n * (n - 1) / 2), "a block lost its word");
    Outcome::new(2 * BURST * bursts, took)
}

#[inline(never)]
fn once<A: Alloc>(size: usize, held: &mut [*mut u8; BURST], burst: u64) -> u64 {
    for (index, place) in held.iter_mut().enumerate() {
        let block = A::alloc(size);
        // SAFETY: every size that is run holds a word, and blocks are aligned to 8.
        unsafe { block.cast::<u64>().write(index as u64 + burst) };
        *place = block;
    }
    let mut sum = 0;
    for &block in held.iter().rev() {
        // SAFETY: allocated above with this size, freed once.
        unsafe {
            sum += block.cast::<u64>().read();
            A::free(block, size);
        }
    }
    sum
}
