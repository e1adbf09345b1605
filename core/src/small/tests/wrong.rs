//! Bad input: each call gets its error, and nothing changes.

use super::{KIB, Memory, assert_whole, give, heap, take};
use crate::misuse::MisuseKind::{self, DoubleFree, Interior, NotOurs, WrongSize};
use crate::misuse::{Call, Misuse};
use crate::region::RegionError;
use crate::small::SmallHeap;
use core::ptr::null_mut;

/// Frees what must not be freed.
fn refused(heap: &mut SmallHeap, ptr: *mut u8, size: usize, align: usize) -> MisuseKind {
    let before = heap.stats();
    // SAFETY: the heap refuses it.
    let error = unsafe { heap.deallocate(ptr, size, align).unwrap_err() };
    assert_eq!(
        error,
        Misuse { kind: error.kind, call: Call::Free, address: ptr.addr(), size, block: 0 }
    );
    // SAFETY: as above.
    let again = unsafe { heap.reallocate(ptr, size, align, size).unwrap_err() };
    assert_eq!((again.kind, again.call), (error.kind, Call::Reallocate));
    // SAFETY: as above.
    assert_eq!(unsafe { heap.resize_in_place(ptr, size, align, size).unwrap_err() }, again);
    heap.validate().unwrap();
    assert_eq!(heap.stats(), before);
    error.kind
}

#[test]
fn pointers_outside_every_region_are_not_ours() {
    let mut memory = Memory::new(8 * KIB);
    let mut heap = heap(&mut memory, 8 * KIB);
    let block = take(&mut heap, 64);
    let start = memory.start();
    for ptr in [
        null_mut(),
        start,
        start.wrapping_add(8),
        start.wrapping_sub(8),
        start.wrapping_add(8 * KIB),
        core::ptr::without_provenance_mut(usize::MAX - 7),
    ] {
        assert_eq!(refused(&mut heap, ptr, 64, 8), NotOurs, "{ptr:?}");
    }
    assert_eq!(refused(&mut SmallHeap::new(), block, 64, 8), NotOurs);
    give(&mut heap, block, 64);
    assert_whole(&heap);
}

#[test]
fn a_second_free_is_seen() {
    let mut memory = Memory::new(8 * KIB);
    let mut heap = heap(&mut memory, 8 * KIB);
    let blocks = [64, 8, 64, 64, 8].map(|size| (take(&mut heap, size), size));
    // Alone, then joined with the one before it and with the one behind it.
    for index in [2, 3, 1] {
        give(&mut heap, blocks[index].0, blocks[index].1);
        for (block, size) in
            [2, 3, 1].iter().map(|at| blocks[*at]).filter(|it| it.0 == blocks[index].0)
        {
            assert_eq!(refused(&mut heap, block, size, 8), DoubleFree);
        }
    }
    for (block, size) in [1, 2, 3].map(|at| blocks[at]) {
        assert_eq!(refused(&mut heap, block, size, 8), DoubleFree, "inside a larger hole");
    }
    for (block, size) in [0, 4].map(|at| blocks[at]) {
        give(&mut heap, block, size);
    }
    assert_whole(&heap);
}

#[test]
fn sizes_that_reach_too_far_are_seen() {
    let mut memory = Memory::new(8 * KIB);
    let mut heap = heap(&mut memory, 8 * KIB);
    let [block, hole, last] = [64, 64, 64].map(|size| take(&mut heap, size));
    give(&mut heap, hole, 64);
    for size in [65, 72, 128, 129, 9 * KIB, usize::MAX] {
        assert_eq!(refused(&mut heap, block, size, 8), WrongSize, "{size}");
    }
    let rest = heap.stats().largest;
    let end = take(&mut heap, rest);
    assert_eq!(refused(&mut heap, end, rest + 1, 8), WrongSize, "out of the region");
    give(&mut heap, end, rest);
    give(&mut heap, block, 64);
    give(&mut heap, last, 64);
    assert_whole(&heap);
}

#[test]
fn odd_addresses_and_alignments_are_seen() {
    let mut memory = Memory::new(8 * KIB);
    let mut heap = heap(&mut memory, 8 * KIB);
    let block = heap.allocate(64, 64);
    assert_eq!(refused(&mut heap, block.wrapping_add(1), 16, 1), Interior);
    assert_eq!(refused(&mut heap, block.wrapping_add(8), 8, 64), WrongSize);
    for align in [0, 3, 24] {
        assert_eq!(refused(&mut heap, block, 64, align), WrongSize);
    }
    // SAFETY: the test's own block.
    unsafe { heap.deallocate(block, 64, 64).unwrap() };
    assert_whole(&heap);
}

#[test]
fn regions_that_cannot_be_are_refused() {
    let mut memory = Memory::new(32 * KIB);
    let mut heap = SmallHeap::new();
    let start = memory.start().wrapping_add(8 * KIB);
    let mut add = |offset: isize, size| {
        // SAFETY: the test's own memory, or refused.
        unsafe { heap.add(start.wrapping_offset(offset), size) }
    };
    add(0, 8 * KIB).unwrap();
    assert_eq!(add(0, 8 * KIB), Err(RegionError::GivenTwice));
    let (first, size) = (start.addr(), 8 * KIB);
    for (offset, size_too) in
        [(8, 4096), (-8, 4096), (-4096, 16 * KIB), (8 * KIB as isize - 8, 4096)]
    {
        let overlaps = Err(RegionError::Overlaps { start: first, size });
        assert_eq!(add(offset, size_too), overlaps, "at {offset}");
    }
    add(8 * KIB as isize, 4096).unwrap();
    assert_eq!(heap.stats().regions, 2);
    // SAFETY: refused.
    unsafe {
        assert_eq!(heap.add(null_mut(), 4096), Err(RegionError::Null));
        let last = core::ptr::without_provenance_mut(usize::MAX - 4095);
        assert_eq!(heap.add(last, 8192), Err(RegionError::TooLarge));
        assert_eq!(heap.add(start, usize::MAX), Err(RegionError::TooLarge));
    }
    assert_eq!(heap.stats().regions, 2);
}

#[test]
fn the_least_region_that_is_named_will_do() {
    for trim in 0..8 {
        let mut memory = Memory::new(KIB);
        let start = memory.start().wrapping_add(trim);
        let mut heap = SmallHeap::new();
        // SAFETY: the test's own memory, or refused.
        let error = unsafe { heap.add(start, 1).unwrap_err() };
        let RegionError::TooSmall { least } = error else { panic!("{error}") };
        // SAFETY: as above.
        unsafe {
            assert_eq!(heap.add(start, least - 1), Err(error));
            heap.add(start, least).unwrap();
        }
        let block = take(&mut heap, 8);
        assert!(heap.allocate(1, 1).is_null());
        give(&mut heap, block, 8);
        assert_whole(&heap);
    }
}
