//! The longest calls: as long as the crate's "Bounded time" says, and no longer.

use super::{STEPS, Steps};
use crate::class::{CLASSES, ClassId};
use crate::fakes::Fake;
use crate::geometry::{BLOCKS, CHUNK_SUPERS, COLD_LISTS, SLOT, SLOTS, SUPERSLAB};
use crate::ledger::Ledger;
use crate::policy::PolicyCell;
use crate::pool::Pool;
use crate::superslab::{SlabId, Slots, SuperId, Want};
use crate::{Cpu, Flat, PerCpuHeap, Request};
use core::alloc::Layout;
use core::ptr::NonNull;
use std::boxed::Box;
use std::cell::Cell;
use std::format;
use std::vec::Vec;

/// Superslabs that a search looks at, at most.
const PROBES: usize = 64;
/// Blocks that are sorted at once, and the buckets.
const SORTED: usize = 256;

/// Words of the bits of a slab's returned blocks.
const CELLS: usize = BLOCKS / 64;
/// To draw from a slab: all cells, the last of which has too many bits; or one to carve.
const DRAW: usize = CELLS + 63 + 1;
/// Hints above a superslab.
const WAY: usize = 3;
/// To lower the hints of a superslab, and raise them again.
const LOWER: usize = 2 * WAY;
/// To try each slab of a superslab.
const SLABS: usize = 2 * SLOTS as usize;
/// The summary words of a tree, of a heap whose superslabs share a chunk.
const SUMMARY: usize = 2 + 1 + 1;
const POOLED: usize = SUMMARY + PROBES * (SLABS + LOWER);
const IDLE: usize = SUMMARY + PROBES * (1 + LOWER);
/// Entries and holes of a slab's slots.
const ENTRIES: usize = 4 + 4;
/// A cache starts.
const START: usize = CLASSES + 1;

/// An allocation draws in vain, gives up, claims and draws again.
const ALLOCATION: Steps = Steps {
    blocks: 64,
    superslabs: 3 * PROBES + 1,
    words: START + 2 * (1 + DRAW) + 1 + WAY + SLABS + POOLED + 2 * IDLE + ENTRIES,
};
/// To open a superslab: its entries and hints.
const OPEN: usize = SLOTS as usize + 2 * WAY;

/// A slab comes home, is retired, and closes its superslab.
const RETIRE: usize = 1 + 1 + CELLS + ENTRIES + 2 * WAY + 1 + SLOTS as usize;
const FREE: Steps = Steps {
    // Drawn, sorted, sent.
    blocks: 3 * SORTED,
    superslabs: 0,
    words: START + SORTED + SORTED * RETIRE,
};

fn measure<T>(work: impl FnOnce() -> T) -> (T, Steps) {
    STEPS.set(Steps::default());
    let done = work();
    (done, STEPS.get())
}

impl Steps {
    fn most(self, other: Self) -> Self {
        Self {
            blocks: self.blocks.max(other.blocks),
            superslabs: self.superslabs.max(other.superslabs),
            words: self.words.max(other.words),
        }
    }

    #[track_caller]
    fn assert_within(self, bound: Self) {
        assert_eq!(self.most(bound), bound, "{self:?} where {bound:?} are the most");
    }
}

/// The crate's table, and the constants of other modules that it is made of.
#[test]
fn the_table_says_what_is_so() {
    let docs = include_str!("../lib.rs");
    for (call, Steps { blocks, superslabs, words }) in [("allocation", ALLOCATION), ("free", FREE)]
    {
        let row = format!("//! | {call} | {blocks} | {superslabs} | {words} |");
        assert!(docs.contains(&row), "{row}");
    }
    assert!(docs.contains(&format!("and {OPEN} words")), "{OPEN}");
    let policy = PolicyCell::new();
    let list = ClassId::all().map(|class| policy.limit(class)).max();
    let batch = ClassId::all().map(|class| policy.batch(class)).max();
    assert_eq!(list.max(batch), Some(ALLOCATION.blocks as u32));
    assert_eq!(list.unwrap() as usize * COLD_LISTS, SORTED);
}

/// A pool in which so many superslabs exist, with these idle slots.
fn pool(superslabs: u32, idle: u32) -> Box<Pool> {
    let (pool, source, ledger) = (Box::new(Pool::new()), Fake::new(), Ledger::new());
    for id in (0..superslabs).map(SuperId) {
        let superslab = pool.make_superslab(id, &source, &ledger).unwrap();
        superslab.open((1 << 30) + id.0 as usize * SUPERSLAB, SLOTS, Slots::new(idle, 0));
        pool.raise_idle(id, false);
    }
    // The tables live as long as the pool: to the test's end.
    std::mem::forget(source);
    pool
}

/// Idle slots that are scattered over more superslabs than a search looks at.
#[test]
fn scattered_slots_end_a_search() {
    let pool = pool(CHUNK_SUPERS as u32, 0x5555_5555);
    let four = ClassId(CLASSES as u8 - 1);
    let (found, steps) = measure(|| pool.claim_idle(four, Want::Any));
    assert_eq!(found, None);
    assert_eq!(steps.superslabs, PROBES);
    assert!(steps.words <= IDLE, "{steps:?}");
    let large = self::pool(3 * CHUNK_SUPERS as u32, 0x5555_5555);
    let (found, steps) = measure(|| large.claim_idle(four, Want::Any));
    assert_eq!((found, steps.superslabs), (None, PROBES));
}

/// Every hint is wrong, and every bit below: each slab is tried, and its bit dropped.
#[test]
fn stale_bits_end_a_search() {
    let class = ClassId::of(64);
    let pool = pool(CHUNK_SUPERS as u32, 0);
    for id in (0..CHUNK_SUPERS as u32).map(SuperId) {
        for slot in 0..SLOTS {
            pool.publish(SlabId::new(id, slot), class);
        }
    }
    let (found, steps) = measure(|| pool.claim_pooled(class));
    assert!(found.is_none());
    assert_eq!(steps.superslabs, PROBES);
    let each = PROBES * SLOTS as usize;
    assert!((each..=POOLED).contains(&steps.words), "{steps:?}: {each} bits, {POOLED} at most");
}

std::thread_local! {
    static CPU: Cell<usize> = const { Cell::new(0) };
}

/// Two CPUs that one thread is by turns.
struct Turns;

// SAFETY: each test has heaps of its own, on one thread.
unsafe impl Cpu for Turns {
    type Pinned = ();

    fn pin() {}

    fn id((): &()) -> usize {
        CPU.get()
    }
}

type Heap = PerCpuHeap<Fake, Turns, Flat<4096>, 2>;

/// A heap, built on a stack that is large enough for it.
fn heap() -> Box<Heap> {
    let builder = std::thread::Builder::new().stack_size(64 << 20);
    let build = || Box::new(Heap::new(Fake::new()));
    builder.spawn(build).expect("a thread").join().expect("a heap")
}

type Block = (NonNull<u8>, Layout);

fn allocate(heap: &Heap, size: usize) -> (Block, Steps) {
    let layout = Layout::from_size_align(size, 8).expect("a layout");
    let (block, steps) = measure(|| heap.allocate(Request::new(layout)));
    ((block.expect("there is memory").cast(), layout), steps)
}

fn free(heap: &Heap, (block, layout): Block) -> Steps {
    // SAFETY: each is freed once.
    let (freed, steps) = measure(|| unsafe { heap.deallocate(block, layout) });
    assert_eq!(freed, Ok(()));
    steps
}

/// Random calls on two CPUs, in phases that fill the heap and phases that empty it; or on one, of one size,
/// so that its lists run over.
#[test]
fn no_call_takes_longer_than_the_table_says() {
    let mut random = 0x9e37_79b9_7f4a_7c15_u64;
    let mut below = move |end: usize| {
        random ^= random << 13;
        random ^= random >> 7;
        random ^= random << 17;
        (random >> 11) as usize % end
    };
    let heap = heap();
    let bound = Steps { words: ALLOCATION.words + OPEN, ..ALLOCATION };
    let (mut allocation, mut freed) = (Steps::default(), Steps::default());
    let mut blocks: Vec<Block> = Vec::new();
    for step in 0..if cfg!(debug_assertions) { 60_000 } else { 600_000 } {
        let (filling, narrow) = (step / 8000 % 2 == 0, step / 16_000 % 2 == 1);
        CPU.set(if narrow { 0 } else { below(2) });
        if below(10) < if filling { 7 } else { 2 } {
            let size = [below(64), below(1024), below(32 << 10)][below(16) / 7];
            let size = if narrow { 48 } else { size };
            let (block, steps) = allocate(&heap, size);
            steps.assert_within(bound);
            allocation = allocation.most(steps);
            blocks.push(block);
        } else if !blocks.is_empty() {
            let steps = free(&heap, blocks.swap_remove(below(blocks.len())));
            steps.assert_within(FREE);
            freed = freed.most(steps);
        }
    }
    for block in blocks {
        CPU.set(below(2));
        let steps = free(&heap, block);
        steps.assert_within(FREE);
        freed = freed.most(steps);
    }
    std::println!("allocation: {allocation:?} of {ALLOCATION:?}; free: {freed:?} of {FREE:?}");
    // The lists did run empty and over.
    assert_eq!((allocation.blocks, freed.blocks), (ALLOCATION.blocks, FREE.blocks));
    heap.validate().expect("a sound heap");
}

/// Lists full of the last blocks of as many slabs go home, each of which is retired: near the longest
/// free that there can be.
#[test]
fn the_longest_free() {
    let heap = heap();
    let class = ClassId(0);
    let slab = class.capacity() as usize;
    let slabs = SORTED + SORTED / 2;
    let mut blocks: Vec<Block> = (0..slabs * slab).map(|_| allocate(&heap, 8).0).collect();
    let last: Vec<Block> = blocks.iter().step_by(slab).copied().collect();
    blocks.retain({
        let mut at = 0;
        move |_| {
            at += 1;
            (at - 1) % slab != 0
        }
    });
    let slab_of = |(block, _): &Block| block.as_ptr().addr() / SLOT;
    let mut homes: Vec<usize> = last.iter().map(slab_of).collect();
    homes.dedup();
    assert_eq!(homes.len(), slabs, "one block of each slab");
    for block in blocks {
        free(&heap, block);
    }
    // With empty lists, which then hold nothing but these.
    // SAFETY: the test's own CPU.
    assert_eq!(unsafe { heap.retire_cpu(0) }, Ok(()));
    let lengths = last.into_iter().map(|block| free(&heap, block));
    let longest = lengths.fold(Steps::default(), Steps::most);
    std::println!("{longest:?} of {FREE:?}");
    longest.assert_within(FREE);
    assert!(longest.words > FREE.words / 2, "{longest:?} of {FREE:?}");
    assert_eq!(longest.blocks, FREE.blocks);
    heap.validate().expect("a sound heap");
}
