//! A program that allocates a few hundred blocks and exits: what an allocator costs those who
//! hardly use it. Its memory is read exactly, while the blocks are live.

use crate::alloc::Alloc;
use crate::clock::Stopwatch;
use crate::memory;
use crate::random::Random;
use crate::workload::{Outcome, Scale};

/// Blocks.
const BLOCKS: usize = 300;

/// The scale has no effect: the program is always the same.
pub(crate) fn run<A: Alloc>(_: Scale) -> Outcome {
    let watch = Stopwatch::start();
    let mut random = Random::new(2);
    let mut held = [core::ptr::null_mut::<u8>(); BLOCKS];
    let mut sizes = [0_usize; BLOCKS];
    for (place, size) in held.iter_mut().zip(&mut sizes) {
        *size = random.between(16, 512) as usize;
        *place = A::alloc(*size);
        // SAFETY: the block has `size` bytes.
        unsafe { place.write_bytes(*size as u8, *size) };
    }
    let resident_kib = memory::resident_kib();
    for (&block, &size) in held.iter().zip(&sizes) {
        // SAFETY: a live block of `size` bytes, freed once.
        unsafe {
            assert_eq!(block.add(size - 1).read(), size as u8, "a block was overwritten");
            A::free(block, size);
        }
    }
    Outcome { resident_kib, ..Outcome::new(BLOCKS, watch.read()) }
}
