//! Larson and Krishnan's server workload, after the meaning of the public `larson` program: each
//! thread replaces blocks of its own set at random; after so many replacements it starts a
//! successor, hands it the whole set, and ends. Stopped by the clock.

use core::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::sync::{Arc, Condvar, Mutex};
use std::thread;
use std::time::Duration;

use crate::alloc::Alloc;
use crate::clock::Stopwatch;
use crate::random::Random;
use crate::workload::{Outcome, Scale};

/// The program's arguments.
#[derive(Clone, Copy)]
pub(crate) struct Arguments {
    low: u32,
    high: u32,
    /// Blocks in each thread's set.
    chunks: usize,
    /// A thread does `chunks * rounds` replacements, then hands over.
    rounds: usize,
    seed: u64,
    threads: usize,
}

/// `1 5 1 1000 100 10000 42`. The program takes `smallest + random % (largest - smallest)` with a
/// signed remainder: smallest 5 and largest 1 make sizes from 5 to 8 bytes.
pub(crate) const SMALL: Arguments =
    Arguments { low: 5, high: 8, chunks: 1000, rounds: 100, seed: 10_000, threads: 42 };

/// Sizes of 8 to 1,000 bytes on as many threads as there are cores.
pub(crate) fn wide() -> Arguments {
    let threads = thread::available_parallelism().map_or(1, usize::from);
    Arguments { low: 8, high: 1000, threads, ..SMALL }
}

/// Seconds of a full run.
const SECONDS: f64 = 1.0;

/// One thread's set, as it goes from thread to thread.
struct Set {
    blocks: Vec<(*mut u8, u32)>,
    random: Random,
    done: u64,
}

// SAFETY: the blocks belong to the set, and only its present holder touches them.
unsafe impl Send for Set {}

struct Shared {
    args: Arguments,
    stop: AtomicBool,
    generations: AtomicU64,
    finished: Mutex<Vec<Set>>,
    changed: Condvar,
}

pub(crate) fn run<A: Alloc>(args: Arguments, scale: Scale) -> Outcome {
    A::prepare();
    let sets = warm_up::<A>(args);
    let shared = Arc::new(Shared {
        args,
        stop: AtomicBool::new(false),
        generations: AtomicU64::new(0),
        finished: Mutex::new(Vec::new()),
        changed: Condvar::new(),
    });
    let watch = Stopwatch::start();
    for set in sets {
        start::<A>(set, &shared);
    }
    thread::sleep(Duration::from_secs_f64(SECONDS * scale.0));
    shared.stop.store(true, Ordering::Relaxed);
    let mut finished = shared.finished.lock().unwrap();
    while finished.len() < args.threads {
        finished = shared.changed.wait(finished).unwrap();
    }
    let took = watch.read();
    let mut done = 0;
    for set in finished.drain(..) {
        done += set.done;
        for (block, size) in set.blocks {
            check(block, size);
            // SAFETY: the set's own block, freed once.
            unsafe { A::free(block, size as usize) };
        }
    }
    assert!(shared.generations.load(Ordering::Relaxed) >= args.threads as u64);
    Outcome::new(done as usize, took)
}

/// The blocks of all sets, allocated by the main thread, dealt out in random order, and replaced
/// four times over.
fn warm_up<A: Alloc>(args: Arguments) -> Vec<Set> {
    let mut random = Random::new(args.seed);
    let mut all: Vec<_> =
        (0..args.chunks * args.threads).map(|_| allocate::<A>(args, &mut random)).collect();
    random.shuffle(&mut all);
    for _ in 0..4 * all.len() {
        let place = random.below(all.len() as u32) as usize;
        replace::<A>(&mut all[place], args, &mut random);
    }
    let mut sets = Vec::with_capacity(args.threads);
    for (index, blocks) in all.chunks(args.chunks).enumerate() {
        let random = Random::new(args.seed + 1 + index as u64);
        sets.push(Set { blocks: blocks.to_vec(), random, done: 0 });
    }
    sets
}

fn start<A: Alloc>(set: Set, shared: &Arc<Shared>) {
    let shared = Arc::clone(shared);
    thread::spawn(move || generation::<A>(set, shared));
}

/// One thread's life.
fn generation<A: Alloc>(mut set: Set, shared: Arc<Shared>) {
    let args = shared.args;
    shared.generations.fetch_add(1, Ordering::Relaxed);
    for _ in 0..args.chunks * args.rounds {
        let place = set.random.below(args.chunks as u32) as usize;
        replace::<A>(&mut set.blocks[place], args, &mut set.random);
        set.done += 1;
        if shared.stop.load(Ordering::Relaxed) {
            break;
        }
    }
    if shared.stop.load(Ordering::Relaxed) {
        shared.finished.lock().unwrap().push(set);
        shared.changed.notify_one();
    } else {
        start::<A>(set, &shared);
    }
}

#[inline(always)]
fn allocate<A: Alloc>(args: Arguments, random: &mut Random) -> (*mut u8, u32) {
    let size = random.between(args.low, args.high);
    let block = A::alloc(size as usize);
    // SAFETY: every size has room for 4 bytes, and blocks are aligned to 8.
    unsafe { block.cast::<u32>().write(!size) };
    (block, size)
}

#[inline(always)]
fn replace<A: Alloc>(place: &mut (*mut u8, u32), args: Arguments, random: &mut Random) {
    check(place.0, place.1);
    // SAFETY: the set's own block, replaced in the set at once.
    unsafe { A::free(place.0, place.1 as usize) };
    *place = allocate::<A>(args, random);
}

#[inline(always)]
fn check(block: *mut u8, size: u32) {
    // SAFETY: a live block of the set, of 4 bytes at least.
    let word = unsafe { block.cast::<u32>().read() };
    assert_eq!(word, !size, "a block lost its word");
}
