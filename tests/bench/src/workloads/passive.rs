//! Passive false sharing, after the idea of Hoard's cache-scratch: blocks that lie side by side go
//! to different threads, which free them, allocate as many again and write to those over and over.
//! An allocator that gives each thread the lines of the other back makes them fight for the lines.

use std::sync::Barrier;

use crate::alloc::Alloc;
use crate::race::race;
use crate::workload::{Outcome, Scale};

const THREADS: usize = 2;
/// Blocks for each thread and round.
const BLOCKS: usize = 16;
/// Bytes of a block: four to a cache line.
const SIZE: usize = 16;
/// Times that a thread allocates, writes and frees its blocks in a round.
const CYCLES: usize = 4000;
/// Writes to each block and cycle.
const WRITES: usize = 100;
/// Rounds of a full run.
const ROUNDS: usize = 40;

/// A block on its way to another thread.
#[derive(Clone, Copy)]
struct Sent(*mut u8);

// SAFETY: whoever holds it owns the block.
unsafe impl Send for Sent {}

pub(crate) fn run<A: Alloc>(scale: Scale) -> Outcome {
    let rounds = scale.of(ROUNDS);
    let barrier = Barrier::new(THREADS);
    let post = std::sync::Mutex::new(vec![Sent(core::ptr::null_mut()); THREADS * BLOCKS]);
    let work = |index: usize| {
        for _ in 0..rounds {
            if index == 0 {
                post.lock().unwrap().fill_with(|| Sent(fresh::<A>()));
            }
            barrier.wait();
            let mut mine = [core::ptr::null_mut(); BLOCKS];
            for (place, sent) in
                mine.iter_mut().zip(post.lock().unwrap()[index..].iter().step_by(THREADS))
            {
                *place = sent.0;
            }
            scratch::<A>(&mut mine);
            barrier.wait();
        }
    };
    let (_, took) = race(THREADS, |index| index, work);
    Outcome::new(THREADS * rounds * CYCLES * BLOCKS * WRITES, took)
}

/// A block with its counter at zero.
#[inline(always)]
fn fresh<A: Alloc>() -> *mut u8 {
    let block = A::alloc(SIZE);
    // SAFETY: 16 bytes, aligned to 8.
    unsafe { block.cast::<u64>().write(0) };
    block
}

/// Frees the blocks given, then allocates, writes and frees as many again and again.
fn scratch<A: Alloc>(mine: &mut [*mut u8; BLOCKS]) {
    for &mut block in &mut *mine {
        // SAFETY: this thread owns the block now.
        unsafe { A::free(block, SIZE) };
    }
    for _ in 0..CYCLES {
        mine.fill_with(fresh::<A>);
        for _ in 0..WRITES {
            for &mut block in &mut *mine {
                let counter = block.cast::<u64>();
                // SAFETY: a live block of this thread. Volatile, so that each write is made.
                unsafe { counter.write_volatile(counter.read_volatile() + 1) };
            }
        }
        for &mut block in &mut *mine {
            // SAFETY: a live block of this thread, freed once.
            unsafe {
                assert_eq!(block.cast::<u64>().read(), WRITES as u64, "a counter was overwritten");
                A::free(block, SIZE);
            }
        }
    }
}
