//! Memory to its end, and back.

use super::DIVISOR;
use super::block::Block;
use super::random::Random;
use super::whole::Whole;
use crate::heaps::{HEAP, Machine, take_spare};
use crate::platform::cpus;
use alloc::alloc::alloc;
use alloc::format;
use alloc::string::String;
use alloc::vec::Vec;
use core::alloc::Layout;
use core::ptr::NonNull;
use hakmem_core::{AllocError, Embedded, Hosted, LockedHeap, Profile, Request};

/// How many blocks are held at most.
const PLACES: usize = 200_000;

/// Runs the kernel's own heap to its end, twice.
pub(super) fn all_memory_is_used_and_given_back() -> String {
    let mut held = Vec::with_capacity(PLACES);
    purge_all();
    let before = HEAP.stats();
    // Larger blocks in a debug build, for there are fewer then.
    let sizes = [60_000 * DIVISOR, 4000, 100, 8];
    let mut most = [0; 2];
    for most in &mut most {
        let mut random = Random::new(3);
        for size in sizes {
            while let Some(block) = any_block(&mut random, size) {
                assert!(held.len() < PLACES, "more blocks than were counted on");
                held.push(block);
            }
        }
        *most = HEAP.stats().in_use - before.in_use;
        // Not by `alloc`, which the compiler leaves out where nobody uses the block. Twice as large as what
        // no superslab has room for.
        let one_more = HEAP.allocate(Request::new(Layout::new::<[u8; 4 << 20]>()));
        assert_eq!(one_more, Err(AllocError::NoMemory));
        give_back(&mut held, &mut random, Block::check_and_free);
    }
    purge_all();
    let after = HEAP.stats();
    assert_eq!(after.in_use, before.in_use, "something was lost: {after}");
    HEAP.check_whole();
    let [first, second] = most;
    assert!(second >= first - first / 20, "the second time there was room for {second} of {first}");
    format!("{} KiB of {} in blocks, then all back", first >> 10, before.total >> 10)
}

/// Each CPU gives back what lies in its cache.
fn purge_all() {
    cpus::run_on_all(|_| {
        HEAP.purge();
    });
}

fn any_block(random: &mut Random, size: usize) -> Option<Block> {
    let layout = Layout::from_size_align(1 + random.below(size), 8).expect("a small layout");
    // SAFETY: the size is not zero.
    let start = NonNull::new(unsafe { alloc(layout) })?;
    Some(Block::fill(start.as_ptr(), layout, random.number()))
}

/// Checks and frees all, in random order.
fn give_back(held: &mut Vec<Block>, random: &mut Random, free: impl Fn(Block)) {
    while !held.is_empty() {
        free(held.swap_remove(random.below(held.len())));
    }
}

/// The same with a second heap, of which all is known: it must end as it began.
pub(super) fn a_heap_of_some_mib() -> String {
    static SECOND: LockedHeap<Hosted<256>, Machine> = LockedHeap::empty();
    const SIZE: usize = 6 << 20;
    // SAFETY: nobody else's.
    unsafe { SECOND.init(take_spare(SIZE), SIZE) }.expect("a good region");
    to_the_end_and_back(&SECOND, 100_000)
}

/// And with the engine for little memory.
pub(super) fn a_heap_of_8_kib() -> String {
    static LITTLE: LockedHeap<Embedded, Machine> = LockedHeap::empty();
    const SIZE: usize = 8 << 10;
    // SAFETY: nobody else's.
    unsafe { LITTLE.init(take_spare(SIZE), SIZE) }.expect("a good region");
    to_the_end_and_back(&LITTLE, 1000)
}

/// Fills a heap with blocks up to `largest` bytes until there is no room for 8; three times.
fn to_the_end_and_back<P: Profile>(heap: &LockedHeap<P, Machine>, largest: usize) -> String {
    let before = heap.stats();
    assert_eq!((before.in_use, before.held), (0, before.tables), "{before}");
    let mut first = None;
    for _ in 0..3 {
        let mut random = Random::new(7);
        let mut held = Vec::new();
        for size in [largest, largest / 16, 64, 8] {
            let filled = loop {
                let layout = Layout::from_size_align(1 + random.below(size), 8).expect("small");
                match heap.allocate(Request::new(layout)) {
                    Ok(start) => {
                        let start = start.cast().as_ptr();
                        held.push(Block::fill(start, layout, random.number()));
                    }
                    Err(error) => break error,
                }
            };
            assert_eq!(filled, AllocError::NoMemory);
        }
        let full = heap.stats();
        heap.check_whole();
        give_back(&mut held, &mut random, |block| free(heap, block));
        heap.purge();
        let after = heap.stats();
        assert_eq!(after.in_use, 0, "something was lost: {after}");
        assert_eq!(after.held, after.tables, "not all went back to the regions: {after}");
        heap.check_whole();
        let first = first.get_or_insert(full.in_use);
        // Not to the byte: which slab a block gets depends on what the heap saw before.
        assert!(full.in_use >= *first / 4 * 3, "less room each time: {} and then {full}", *first);
    }
    let in_use = first.unwrap_or(0);
    format!("{in_use} bytes of {} in blocks, then all back, three times", heap.stats().total)
}

fn free<P: Profile>(heap: &LockedHeap<P, Machine>, block: Block) {
    block.check();
    let start = NonNull::new(block.start).expect("a block");
    // SAFETY: it came from there with this layout, and is owned.
    unsafe { heap.deallocate(start, block.layout) }.expect("a block of this heap");
}
