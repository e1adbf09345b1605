//! A small heap, call by call.

mod resize;
mod wrong;

use super::SmallHeap;
use std::vec;
use std::vec::Vec;

pub(super) const KIB: usize = 1 << 10;

/// Memory at a multiple of 4 KiB.
pub(super) struct Memory(Vec<u8>);

impl Memory {
    const ALIGN: usize = 4 * KIB;

    pub(super) fn new(size: usize) -> Self {
        Self(vec![0xA5; size + Self::ALIGN])
    }

    pub(super) fn start(&mut self) -> *mut u8 {
        let start = self.0.as_mut_ptr();
        start.wrapping_add(start.addr().wrapping_neg() % Self::ALIGN)
    }
}

/// A heap over one region of `size` bytes.
pub(super) fn heap(memory: &mut Memory, size: usize) -> SmallHeap {
    let mut heap = SmallHeap::new();
    // SAFETY: the test's own memory, which outlives the heap.
    unsafe { heap.add(memory.start(), size).unwrap() };
    heap
}

/// A block of 8 bytes' alignment that must be there.
pub(super) fn take(heap: &mut SmallHeap, size: usize) -> *mut u8 {
    let block = heap.allocate(size, 8);
    assert!(!block.is_null());
    heap.validate().unwrap();
    block
}

pub(super) fn give(heap: &mut SmallHeap, block: *mut u8, size: usize) {
    // SAFETY: the tests give up what they hand in.
    unsafe { heap.deallocate(block, size, 8).unwrap() };
    heap.validate().unwrap();
}

/// All is free, and each region one hole.
pub(super) fn assert_whole(heap: &SmallHeap) {
    heap.validate().unwrap();
    let stats = heap.stats();
    assert_eq!((stats.in_use, stats.free), (0, stats.total - stats.book));
    for region in heap.regions() {
        assert_eq!(region.holes().largest_of_all(), region.room().size);
    }
}

#[test]
fn a_heap_without_memory_has_none() {
    let mut heap = SmallHeap::new();
    assert!(heap.allocate(1, 1).is_null());
    assert_eq!(heap.stats(), Default::default());
    heap.validate().unwrap();
}

#[test]
fn little_of_a_region_is_not_the_users() {
    for size in [8 * KIB, 64 * KIB, 1024 * KIB] {
        let mut memory = Memory::new(size);
        let mut heap = heap(&mut memory, size);
        let stats = heap.stats();
        assert_eq!((stats.total, stats.largest), (size, stats.free));
        assert!(stats.book <= 64 + size / 256, "{stats:?}");
        let all = take(&mut heap, stats.free);
        assert!(heap.allocate(1, 1).is_null());
        give(&mut heap, all, stats.free);
        assert_whole(&heap);
    }
}

#[test]
fn a_region_is_used_to_its_last_byte_and_comes_back() {
    let mut memory = Memory::new(8 * KIB);
    let mut heap = heap(&mut memory, 8 * KIB);
    let mut blocks = Vec::new();
    loop {
        let block = heap.allocate(8, 8);
        if block.is_null() {
            break;
        }
        blocks.push(block);
    }
    assert_eq!(heap.stats().free, 0);
    assert_eq!(heap.stats().in_use, blocks.len() * 8);
    // Every other one first: nothing joins until the others come.
    let (odd, even): (Vec<_>, Vec<_>) = blocks.iter().enumerate().partition(|(at, _)| at % 2 == 1);
    odd.into_iter().for_each(|(_, block)| give(&mut heap, *block, 8));
    assert!(heap.allocate(9, 8).is_null(), "no two holes touch");
    assert_eq!(heap.stats().largest, 8);
    even.into_iter().for_each(|(_, block)| give(&mut heap, *block, 8));
    assert_whole(&heap);
    assert_eq!(heap.stats().peak, heap.stats().free);
}

#[test]
fn sizes_are_rounded_to_eight_bytes_and_zero_is_one() {
    let mut memory = Memory::new(8 * KIB);
    let mut heap = heap(&mut memory, 8 * KIB);
    for (size, rounded) in [(0, 8), (1, 8), (8, 8), (9, 16), (24, 24), (1001, 1008)] {
        let block = take(&mut heap, size);
        assert_eq!(heap.stats().in_use, rounded);
        give(&mut heap, block, size);
    }
    assert_whole(&heap);
}

#[test]
fn blocks_are_aligned() {
    let mut memory = Memory::new(256 * KIB);
    let mut heap = heap(&mut memory, 256 * KIB);
    let mut blocks = Vec::new();
    for align in (0..=13).map(|power| 1_usize << power) {
        for size in [1, 8, 40, align] {
            let block = heap.allocate(size, align);
            assert!(!block.is_null(), "{size} bytes at {align}");
            assert_eq!(block.addr() % align, 0);
            heap.validate().unwrap();
            blocks.push((block, size, align));
        }
    }
    for (block, size, align) in blocks {
        // SAFETY: the test's own blocks.
        unsafe { heap.deallocate(block, size, align).unwrap() };
        heap.validate().unwrap();
    }
    assert_whole(&heap);
}

#[test]
fn an_aligned_block_is_found_wherever_there_is_room() {
    let mut memory = Memory::new(16 * KIB);
    let mut heap = heap(&mut memory, 16 * KIB);
    // A page, of which there are few: a hole twice as large is not needed.
    let page = heap.allocate(4 * KIB, 4 * KIB);
    assert!(!page.is_null());
    let other = heap.allocate(4 * KIB, 4 * KIB);
    assert!(!other.is_null());
    // SAFETY: the test's own blocks.
    unsafe {
        heap.deallocate(page, 4 * KIB, 4 * KIB).unwrap();
        let again = heap.allocate(4 * KIB, 4 * KIB);
        assert!(!again.is_null());
        heap.deallocate(again, 4 * KIB, 4 * KIB).unwrap();
        heap.deallocate(other, 4 * KIB, 4 * KIB).unwrap();
    }
    assert_whole(&heap);
}

#[test]
fn impossible_requests_get_null() {
    let mut memory = Memory::new(8 * KIB);
    let mut heap = heap(&mut memory, 8 * KIB);
    for size in [8 * KIB, isize::MAX as usize, usize::MAX - 7, usize::MAX] {
        assert!(heap.allocate(size, 8).is_null());
    }
    for align in [0, 3, 12, 8 * KIB, 1 << (usize::BITS - 1)] {
        // Twice the region's size is a multiple that may happen to lie in it: too many bytes then.
        assert!(heap.allocate(8 * KIB - 8, align).is_null());
    }
    assert_whole(&heap);
}

#[test]
fn several_regions_are_one_heap() {
    let mut memory = Memory::new(32 * KIB);
    let mut heap = SmallHeap::new();
    let start = memory.start();
    // The second is given first, and the third adjoins it; between the first and it is a gap.
    for (offset, size) in [(16 * KIB, 8 * KIB), (0, 8 * KIB), (24 * KIB, 8 * KIB)] {
        // SAFETY: the test's own memory.
        unsafe { heap.add(start.wrapping_add(offset), size).unwrap() };
    }
    let stats = heap.stats();
    assert_eq!((stats.regions, stats.total), (3, 24 * KIB));
    assert!(heap.allocate(8 * KIB, 8).is_null(), "no block lies in two");
    let blocks: Vec<_> = (0..3).map(|_| take(&mut heap, 6 * KIB)).collect();
    assert!(heap.allocate(6 * KIB, 8).is_null());
    blocks.into_iter().for_each(|block| give(&mut heap, block, 6 * KIB));
    assert_whole(&heap);
}

#[test]
fn holes_are_listed_in_the_stretch_where_they_begin() {
    const SIZE: usize = 64 * KIB;
    let mut memory = Memory::new(SIZE);
    let mut heap = heap(&mut memory, SIZE);
    // Blocks over several stretches, so that what is left of holes moves from one to another.
    let sizes = [9 * KIB, 40, 17 * KIB, 8, 5 * KIB, 12 * KIB];
    let blocks = sizes.map(|size| (take(&mut heap, size), size));
    for (block, size) in blocks.into_iter().step_by(2) {
        give(&mut heap, block, size);
    }
    let small: Vec<_> = (0..500).map(|_| take(&mut heap, 32)).collect();
    for (block, size) in blocks.into_iter().skip(1).step_by(2) {
        give(&mut heap, block, size);
    }
    small.into_iter().for_each(|block| give(&mut heap, block, 32));
    assert_whole(&heap);
}

#[test]
fn the_tighter_of_the_first_two_holes_is_taken() {
    let mut memory = Memory::new(8 * KIB);
    let mut heap = heap(&mut memory, 8 * KIB);
    let [wide, _wall, tight, _other] = [256, 8, 64, 8].map(|size| take(&mut heap, size));
    give(&mut heap, wide, 256);
    give(&mut heap, tight, 64);
    assert_eq!(take(&mut heap, 56), tight);
    assert_eq!(take(&mut heap, 56), wide);
}

#[test]
fn numbers_can_be_printed() {
    let mut memory = Memory::new(8 * KIB);
    let mut heap = heap(&mut memory, 8 * KIB);
    let block = take(&mut heap, 100);
    let text = std::format!("{}", heap.stats());
    assert!(text.contains("8192 bytes in 1 region: 104 in use, 104 at most"), "{text}");
    give(&mut heap, block, 100);
}
