//! Blocks that one CPU allocates and another frees, with and without interrupts that do the same.

use super::block::Block;
use super::random::Random;
use super::{DIVISOR, timer};
use crate::platform::{MOST_CPUS, cpus};
use alloc::format;
use alloc::string::String;
use core::cell::UnsafeCell;
use core::mem::MaybeUninit;
use core::sync::atomic::{AtomicUsize, Ordering};

/// Blocks that go from CPU to CPU, together.
const BLOCKS: usize = 1_000_000 / DIVISOR;
/// The same where interrupts come in between.
const BLOCKS_AND_INTERRUPTS: usize = BLOCKS / 4;
const LARGEST: usize = 100_000;
const PLACES: usize = 1024;

/// From one CPU to the next: one that puts in, one that takes out.
struct Ring {
    places: [UnsafeCell<MaybeUninit<Block>>; PLACES],
    put: AtomicUsize,
    taken: AtomicUsize,
}

// SAFETY: a place belongs to who puts in until `put` has passed it, then to who takes out until
// `taken` has.
unsafe impl Sync for Ring {}

static RINGS: [Ring; MOST_CPUS] = [const {
    Ring {
        places: [const { UnsafeCell::new(MaybeUninit::uninit()) }; PLACES],
        put: AtomicUsize::new(0),
        taken: AtomicUsize::new(0),
    }
}; MOST_CPUS];

impl Ring {
    /// Whether there is room for a block. Only who puts in may ask.
    fn has_room(&self) -> bool {
        self.put.load(Ordering::Relaxed) - self.taken.load(Ordering::Acquire) < PLACES
    }

    fn put(&self, block: Block) {
        assert!(self.has_room());
        let at = self.put.load(Ordering::Relaxed);
        // SAFETY: there is room, so the place is the caller's.
        unsafe { (*self.places[at % PLACES].get()).write(block) };
        self.put.store(at + 1, Ordering::Release);
    }

    fn take(&self) -> Option<Block> {
        let at = self.taken.load(Ordering::Relaxed);
        if at == self.put.load(Ordering::Acquire) {
            return None;
        }
        // SAFETY: the place was written and is the caller's.
        let block = unsafe { (*self.places[at % PLACES].get()).assume_init_read() };
        self.taken.store(at + 1, Ordering::Release);
        Some(block)
    }
}

/// One CPU's part of handing `blocks` around: it gives its share to the next CPU, and frees as many of the
/// one before.
fn hand_around(id: usize, blocks: usize) {
    let share = blocks / cpus::running();
    let mut random = Random::new(id as u64 + 10);
    let to = &RINGS[(id + 1) % cpus::running()];
    let from = &RINGS[id];
    let (mut put, mut taken) = (0, 0);
    while put < share || taken < share {
        // In bursts, or each CPU would wait for the other at each block.
        for _ in 0..1 + random.below(200) {
            if put < share && to.has_room() {
                to.put(Block::random(&mut random, LARGEST));
                put += 1;
            }
        }
        for _ in 0..1 + random.below(200) {
            if let Some(block) = from.take() {
                block.check_and_free();
                taken += 1;
            }
        }
    }
}

pub(super) fn blocks_go_from_cpu_to_cpu() -> String {
    cpus::run_on_all(|id| hand_around(id, BLOCKS));
    counts(BLOCKS)
}

pub(super) fn handlers_allocate_meanwhile() -> String {
    timer::start_count();
    cpus::run_on_all(|id| {
        timer::start();
        hand_around(id, BLOCKS_AND_INTERRUPTS);
        // What this CPU's handler holds goes home while other CPUs are still at it.
        timer::stop();
    });
    assert!(timer::count() > 0, "no interrupt came");
    format!("{}, interrupted on each", counts(BLOCKS_AND_INTERRUPTS))
}

fn counts(blocks: usize) -> String {
    let cpus = cpus::running();
    format!("{} allocations and frees, {cpus} CPUs", 2 * (blocks / cpus) * cpus)
}
