//! Blocks that change their size.

use super::{KIB, Memory, assert_whole, give, heap, take};
use crate::small::SmallHeap;

fn fill(block: *mut u8, size: usize) {
    for at in 0..size {
        // SAFETY: in the test's own block.
        unsafe { block.add(at).write(at as u8 ^ 0x5A) };
    }
}

fn assert_filled(block: *mut u8, size: usize) {
    for at in 0..size {
        // SAFETY: in the test's own block.
        assert_eq!(unsafe { block.add(at).read() }, at as u8 ^ 0x5A, "byte {at}");
    }
}

fn resize(heap: &mut SmallHeap, block: *mut u8, old: usize, new: usize) -> bool {
    // SAFETY: the test's own block.
    let is_done = unsafe { heap.resize_in_place(block, old, 8, new).unwrap() };
    heap.validate().unwrap();
    is_done
}

fn reallocate(heap: &mut SmallHeap, block: *mut u8, old: usize, new: usize) -> *mut u8 {
    // SAFETY: the test's own block, given up if it moves.
    let moved = unsafe { heap.reallocate(block, old, 8, new).unwrap() };
    heap.validate().unwrap();
    moved
}

#[test]
fn a_block_grows_into_the_hole_behind_it_and_shrinks() {
    let mut memory = Memory::new(8 * KIB);
    let mut heap = heap(&mut memory, 8 * KIB);
    let [block, behind, _wall] = [64, 128, 8].map(|size| take(&mut heap, size));
    fill(block, 64);
    assert!(!resize(&mut heap, block, 64, 72), "what is behind it is in use");
    assert!(resize(&mut heap, block, 64, 64));
    assert!(resize(&mut heap, block, 58, 61), "of the same eight bytes");
    give(&mut heap, behind, 128);
    assert!(!resize(&mut heap, block, 64, 200));
    assert!(resize(&mut heap, block, 64, 192), "all of the hole");
    assert_filled(block, 64);
    assert!(resize(&mut heap, block, 192, 1));
    assert_eq!(heap.stats().in_use, 8 + 8);
    assert!(resize(&mut heap, block, 1, 0), "still one grain");
    assert!(!resize(&mut heap, block, 0, usize::MAX));
}

#[test]
fn a_block_that_cannot_grow_moves() {
    let mut memory = Memory::new(8 * KIB);
    let mut heap = heap(&mut memory, 8 * KIB);
    let [block, wall] = [100, 8].map(|size| take(&mut heap, size));
    fill(block, 100);
    let moved = reallocate(&mut heap, block, 100, 1000);
    assert_ne!(moved, block);
    assert_filled(moved, 100);
    assert!(reallocate(&mut heap, moved, 1000, usize::MAX).is_null());
    assert_eq!(reallocate(&mut heap, moved, 1000, 50), moved);
    assert_filled(moved, 50);
    give(&mut heap, moved, 50);
    give(&mut heap, wall, 8);
    assert_whole(&heap);
}

#[test]
fn without_memory_for_two_a_block_slides() {
    let mut memory = Memory::new(8 * KIB);
    let mut heap = heap(&mut memory, 8 * KIB);
    let free = heap.stats().free;
    // From a hole of any length before it, the shortest included, which a link and a size fill.
    for before in [8, 16, 72, 1000, 3000] {
        let hole = take(&mut heap, before);
        let block = take(&mut heap, 2000);
        let rest = free - before - 2000;
        let behind = take(&mut heap, rest);
        fill(block, 2000);
        give(&mut heap, hole, before);
        let new = 2000 + before.min(1999);
        let moved = reallocate(&mut heap, block, 2000, new);
        assert_eq!(moved, hole, "after {before}");
        assert_filled(moved, 2000);
        give(&mut heap, moved, new);
        give(&mut heap, behind, rest);
        assert_whole(&heap);
    }
}

#[test]
fn a_block_slides_over_both_holes_or_not_at_all() {
    let mut memory = Memory::new(8 * KIB);
    let mut heap = heap(&mut memory, 8 * KIB);
    let free = heap.stats().free;
    let [before, block, behind] = [1024, 2048, 512].map(|size| take(&mut heap, size));
    let rest = free - 1024 - 2048 - 512;
    let wall = take(&mut heap, rest);
    fill(block, 2048);
    give(&mut heap, before, 1024);
    give(&mut heap, behind, 512);
    assert!(reallocate(&mut heap, block, 2048, 1024 + 2048 + 512 + 8).is_null());
    assert_filled(block, 2048);
    let moved = reallocate(&mut heap, block, 2048, 1024 + 2048 + 504);
    assert_eq!(moved, before);
    assert_filled(moved, 2048);
    assert_eq!(heap.stats().free, 8);
    give(&mut heap, moved, 1024 + 2048 + 504);
    give(&mut heap, wall, rest);
    assert_whole(&heap);
}

#[test]
fn a_block_that_slides_stays_aligned() {
    const ALIGN: usize = 256;
    let mut memory = Memory::new(8 * KIB);
    let mut heap = heap(&mut memory, 8 * KIB);
    let start = heap.allocate(1024, ALIGN);
    let block = heap.allocate(2048, ALIGN);
    fill(block, 2048);
    let rest = heap.stats().largest;
    let wall = take(&mut heap, rest);
    // SAFETY: the test's own blocks.
    unsafe {
        heap.deallocate(start, 1024, ALIGN).unwrap();
        let moved = heap.reallocate(block, 2048, ALIGN, 2048 + 1024).unwrap();
        heap.validate().unwrap();
        assert_eq!(moved, start);
        assert_filled(moved, 2048);
        heap.deallocate(moved, 2048 + 1024, ALIGN).unwrap();
    }
    give(&mut heap, wall, rest);
    assert_whole(&heap);
}
