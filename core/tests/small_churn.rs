//! A small heap against `linked_list_allocator` on one region: at nine tenths of load it fails no more
//! requests. What either keeps outside the region is taken from it.

use hakmem_core::SmallHeap;
use linked_list_allocator::Heap;
use std::alloc::Layout;
use std::ptr::{NonNull, null_mut};

const KIB: usize = 1 << 10;
const SEEDS: u64 = 8;
const OPERATIONS: usize = 20_000;
/// No block has more than this part of the region.
const PART: usize = 16;

trait Allocator: Sized {
    /// # Safety
    /// The memory is the allocator's for as long as it lives.
    unsafe fn on(start: *mut u8, size: usize) -> Self;
    fn allocate(&mut self, layout: Layout) -> *mut u8;
    /// # Safety
    /// The block is the caller's, who gives it up.
    unsafe fn deallocate(&mut self, block: *mut u8, layout: Layout);
}

impl Allocator for SmallHeap {
    unsafe fn on(start: *mut u8, size: usize) -> Self {
        let mut heap = Self::new();
        // SAFETY: the caller's promise.
        unsafe { heap.add(start, size).unwrap() };
        heap
    }

    fn allocate(&mut self, layout: Layout) -> *mut u8 {
        Self::allocate(self, layout.size(), layout.align())
    }

    unsafe fn deallocate(&mut self, block: *mut u8, layout: Layout) {
        // SAFETY: the caller's promise.
        unsafe { Self::deallocate(self, block, layout.size(), layout.align()).unwrap() }
    }
}

impl Allocator for Heap {
    unsafe fn on(start: *mut u8, size: usize) -> Self {
        // SAFETY: the caller's promise.
        unsafe { Self::new(start, size) }
    }

    fn allocate(&mut self, layout: Layout) -> *mut u8 {
        self.allocate_first_fit(layout).map_or(null_mut(), NonNull::as_ptr)
    }

    unsafe fn deallocate(&mut self, block: *mut u8, layout: Layout) {
        // SAFETY: the caller's promise; no block is null.
        unsafe { Self::deallocate(self, NonNull::new_unchecked(block), layout) }
    }
}

/// A small generator of random numbers (xorshift).
struct Random(u64);

impl Random {
    fn below(&mut self, limit: usize) -> usize {
        self.0 ^= self.0 << 13;
        self.0 ^= self.0 >> 7;
        self.0 ^= self.0 << 17;
        (self.0 >> 33) as usize % limit
    }

    /// As many sizes in each doubling, from 8 bytes to the largest.
    fn layout(&mut self, most: usize) -> Layout {
        let low = 8 << self.below((most / 8).ilog2() as usize);
        Layout::from_size_align(low + self.below(low), 8).unwrap()
    }
}

/// Requests that fail. The trace is the same whichever do: what failed takes part as if it were live.
fn failed<A: Allocator>(size: usize, seed: u64) -> usize {
    let mut memory = vec![0_u64; size / 8];
    // SAFETY: the test's own memory, which outlives the heap.
    let mut heap = unsafe { A::on(memory.as_mut_ptr().cast(), size - size_of::<A>()) };
    let mut random = Random(seed * 0x9E37_79B9 + 1);
    let (mut held, mut live, mut failed) = (Vec::new(), 0, 0);
    let mut next = random.layout(size / PART);
    for _ in 0..OPERATIONS {
        if live + next.size() <= size / 10 * 9 {
            let block = heap.allocate(next);
            failed += usize::from(block.is_null());
            held.push((block, next));
            live += next.size();
            next = random.layout(size / PART);
            continue;
        }
        let (block, layout) = held.swap_remove(random.below(held.len()));
        live -= layout.size();
        if !block.is_null() {
            // SAFETY: the test's own block.
            unsafe { heap.deallocate(block, layout) };
        }
    }
    failed
}

#[test]
fn no_more_requests_fail_than_with_one_list_of_holes() {
    for size in [8 * KIB, 64 * KIB, 256 * KIB] {
        let ours: usize = (1..=SEEDS).map(|seed| failed::<SmallHeap>(size, seed)).sum();
        let other: usize = (1..=SEEDS).map(|seed| failed::<Heap>(size, seed)).sum();
        println!("{size} bytes: {ours} and {other} requests failed");
        assert!(other > 0, "the load is too low to tell");
        assert!(ours <= other, "of {size} bytes: {ours} requests failed, and {other}");
    }
}
