//! Threads that come, allocate a little, and go; part of what each allocated is freed by a later
//! one.

use std::thread;

use crate::alloc::Alloc;
use crate::clock::Stopwatch;
use crate::random::Random;
use crate::workload::{Outcome, Scale};

/// Threads of a full run.
const THREADS: usize = 8_000;
/// Blocks that each allocates.
const BLOCKS: usize = 100;
/// Blocks that each leaves to another thread.
const LEFT: usize = 20;

/// Blocks on their way from a thread that ended to one that starts.
struct Legacy([(*mut u8, u32); LEFT]);

// SAFETY: whoever holds it owns the blocks.
unsafe impl Send for Legacy {}

/// Two threads at a time.
pub(crate) fn run<A: Alloc>(scale: Scale) -> Outcome {
    let threads = scale.of(THREADS).max(2);
    let watch = Stopwatch::start();
    let mut running = Some(thread::spawn(|| life::<A>(0, None)));
    let mut legacy = None;
    for seed in 1..threads as u64 {
        let inherited = legacy.take();
        let next = thread::spawn(move || life::<A>(seed, inherited));
        legacy = running.replace(next).map(|ended| ended.join().unwrap());
    }
    let last = running.map(|ended| ended.join().unwrap());
    for Legacy(blocks) in legacy.into_iter().chain(last) {
        free_all::<A>(&blocks);
    }
    Outcome::new(threads, watch.read())
}

fn life<A: Alloc>(seed: u64, inherited: Option<Legacy>) -> Legacy {
    let mut random = Random::new(seed);
    let mut blocks = [(core::ptr::null_mut(), 0); BLOCKS];
    for place in &mut blocks {
        let size = random.between(16, 512);
        let block = A::alloc(size as usize);
        // SAFETY: 16 bytes at least, aligned to 8.
        unsafe { block.cast::<u32>().write(!size) };
        *place = (block, size);
    }
    if let Some(Legacy(blocks)) = inherited {
        free_all::<A>(&blocks);
    }
    let (left, freed) = blocks.split_at(LEFT);
    free_all::<A>(freed);
    let mut legacy = Legacy([(core::ptr::null_mut(), 0); LEFT]);
    legacy.0.copy_from_slice(left);
    legacy
}

fn free_all<A: Alloc>(blocks: &[(*mut u8, u32)]) {
    for &(block, size) in blocks {
        // SAFETY: a live block that the caller owns, freed once.
        unsafe {
            assert_eq!(block.cast::<u32>().read(), !size, "a block lost its word");
            A::free(block, size as usize);
        }
    }
}
