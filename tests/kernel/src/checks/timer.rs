//! A timer's interrupt that allocates and frees while the CPU does the same.

use super::DIVISOR;
use super::block::Block;
use super::random::Random;
use crate::platform::{MOST_CPUS, apic, cpus, interrupts};
use alloc::format;
use alloc::string::String;
use alloc::vec::Vec;
use core::cell::UnsafeCell;
use core::sync::atomic::{AtomicUsize, Ordering};

/// 16 ns each: an interrupt every 50 us, and fewer where all is slower.
const PERIOD: u32 = 3125 * DIVISOR as u32;
const TICKS: usize = 2_000 / DIVISOR;
const LARGEST: usize = 40_000;

/// What one CPU's handler holds.
struct Held {
    blocks: [Option<Block>; 16],
    random: Random,
}

/// For the handler on its own CPU, and for who has stopped that CPU's timer.
struct OfHandler(UnsafeCell<Held>);

// SAFETY: as above.
unsafe impl Sync for OfHandler {}

static HELD: [OfHandler; MOST_CPUS] = [const {
    OfHandler(UnsafeCell::new(Held { blocks: [const { None }; 16], random: Random::new(99) }))
}; MOST_CPUS];

static COUNT: AtomicUsize = AtomicUsize::new(0);

fn tick() {
    // SAFETY: the handler, with interrupts disabled.
    let held = unsafe { &mut *HELD[cpus::id()].0.get() };
    let place = held.random.below(held.blocks.len());
    match held.blocks[place].take() {
        Some(block) => block.check_and_free(),
        // Half of the time as everybody does, and else without waiting.
        None if place % 2 == 0 => {
            held.blocks[place] = Some(Block::random(&mut held.random, LARGEST));
        }
        None => held.blocks[place] = Block::at_once(&mut held.random, LARGEST),
    }
    COUNT.fetch_add(1, Ordering::Relaxed);
}

/// Begins to count interrupts, on all CPUs together.
pub(super) fn start_count() {
    COUNT.store(0, Ordering::Relaxed);
    interrupts::on_tick(tick);
}

/// Interrupts so far.
pub(super) fn count() -> usize {
    COUNT.load(Ordering::Relaxed)
}

/// Starts the running CPU's timer.
pub(super) fn start() {
    apic::start_timer(PERIOD);
}

/// Stops the running CPU's timer, and frees what its handler holds.
pub(super) fn stop() {
    apic::stop_timer();
    let _disabled = interrupts::disable();
    // SAFETY: the handler does not run any more.
    let held = unsafe { &mut *HELD[cpus::id()].0.get() };
    held.blocks.iter_mut().filter_map(Option::take).for_each(Block::check_and_free);
}

pub(super) fn handler_allocates_meanwhile() -> String {
    start_count();
    start();
    let mut random = Random::new(5);
    let mut blocks: Vec<Block> = Vec::new();
    let mut calls = 0;
    while count() < TICKS {
        for _ in 0..100 {
            if blocks.len() < 200 || random.below(2) == 0 {
                blocks.push(Block::random(&mut random, LARGEST));
            } else {
                blocks.swap_remove(random.below(blocks.len())).check_and_free();
            }
            calls += 1;
        }
        if blocks.len() > 1000 {
            calls += blocks.len();
            blocks.drain(..).for_each(Block::check_and_free);
        }
    }
    stop();
    blocks.drain(..).for_each(Block::check_and_free);
    assert!(calls > 0);
    format!("at least {TICKS} interrupts while the CPU allocated and freed")
}
