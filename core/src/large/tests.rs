//! Large blocks over a page source that counts.

use crate::entry::{Entry, Kind};
use crate::fakes::{self, FAR, Fake};
use crate::geometry::{SLOT, SUPERSLAB};
use crate::heap::Heap;
use crate::misuse::MisuseKind::{DoubleFree, Interior, NotOurs, WrongSize};
use crate::registry::sealed::Sealed;
use crate::sync::Ordering;
use std::boxed::Box;
use std::vec::Vec;

const MIB: usize = 1 << 20;

fn heap(page: usize) -> Box<Heap<Fake>> {
    fakes::heap(Fake::with_page(page))
}

fn take(heap: &Heap<Fake>, size: usize, align: usize) -> *mut u8 {
    // SAFETY: the alignment is a power of two.
    unsafe { heap.allocate_large(size, align, false) }
}

fn number(heap: &Heap<Fake>, start: *mut u8) -> Option<u32> {
    match Entry(heap.registry.entry(start.addr())).kind() {
        Kind::Large(number) => Some(number),
        _ => heap.unlisted_large(start.addr()),
    }
}

fn give(heap: &Heap<Fake>, start: *mut u8, stated: Option<(usize, usize)>) {
    let number = number(heap, start).unwrap();
    // SAFETY: the tests give up what they hand in; wrong calls are what they test.
    unsafe { heap.deallocate_large(start, number, stated) }
}

fn resize(heap: &Heap<Fake>, start: *mut u8, size: usize, align: usize) -> *mut u8 {
    let number = number(heap, start).unwrap();
    // SAFETY: the block is live and the tests give it up.
    unsafe { heap.reallocate_large(start, number, size, align, true) }
}

fn write(start: *mut u8, offset: usize, mark: u8) {
    // SAFETY: within a live block of the test's.
    unsafe { start.add(offset).write(mark) }
}

fn read(start: *mut u8, offset: usize) -> u8 {
    // SAFETY: within a live block of the test's.
    unsafe { start.add(offset).read() }
}

/// Asserts that only tables are left after all that is kept went back.
fn finish(heap: &Heap<Fake>) {
    heap.validate_larges().unwrap();
    heap.release_ranges(0);
    assert_eq!(heap.large_stats(), Default::default());
    assert_eq!(heap.host.mapped(), heap.ledger.tables.load(Ordering::Relaxed));
}

#[test]
fn blocks_are_aligned_whole_and_used_again() {
    for page in [4096, 65536] {
        let heap = heap(page);
        for align in [1, SLOT, 4 * MIB, 64 * MIB] {
            let start = take(&heap, 3 * MIB + 1, align);
            assert!(start.addr() % align.max(SLOT) == 0);
            let held = heap.large_size_at(start.addr(), number(&heap, start).unwrap()).unwrap();
            assert_eq!(held, (3 * MIB + 1).next_multiple_of(page));
            write(start, held - 1, 1);
            give(&heap, start, Some((3 * MIB + 1, align)));
        }
        let calls = heap.host.calls();
        for size in [3 * MIB, 3 * MIB - 70_000] {
            let start = take(&heap, size, 1);
            give(&heap, start, Some((size, 1)));
        }
        assert_eq!(heap.host.calls(), calls);
        let tiny = take(&heap, 1, 4 * MIB);
        give(&heap, tiny, Some((1, 4 * MIB)));
        finish(&heap);
    }
}

/// A kept range that is too short grows where it stands, which may not be where it is wanted.
#[test]
fn a_grown_range_is_aligned_too() {
    let heap = heap(4096);
    for shift in 17..23 {
        let blocks: Vec<_> = (0..8).map(|step| take(&heap, (3 << 20) + step * SLOT, 1)).collect();
        // Every other one, so that none merges with its neighbour.
        blocks.iter().step_by(2).for_each(|&start| give(&heap, start, None));
        let aligned: Vec<_> = (0..4).map(|_| take(&heap, 5_000_000, 1 << shift)).collect();
        for &start in &aligned {
            assert_eq!(start.addr() % (1 << shift), 0, "at a multiple of 2^{shift}");
        }
        let rest = blocks.into_iter().skip(1).step_by(2);
        aligned.into_iter().chain(rest).for_each(|start| give(&heap, start, None));
    }
    finish(&heap);
}

#[test]
fn sizes_past_all_bounds_give_null() {
    let heap = heap(4096);
    for size in [isize::MAX as usize, isize::MAX as usize + 1, usize::MAX - 4096, usize::MAX] {
        assert!(take(&heap, size, 1).is_null());
    }
    let start = take(&heap, 3 * MIB, 1);
    for size in [usize::MAX, isize::MAX as usize - 4095, 1 << (usize::BITS - 2)] {
        assert!(resize(&heap, start, size, 1).is_null());
    }
    assert_eq!(heap.large_size_at(start.addr(), number(&heap, start).unwrap()), Some(3 * MIB));
    give(&heap, start, None);
    finish(&heap);
}

#[test]
fn zeroed_blocks_read_zero_however_they_come_about() {
    for refuse_purge in [false, true] {
        let heap = heap(4096);
        heap.host.manners(|manners| manners.refuse_purge = refuse_purge);
        // What lets the arena keep the larger one.
        let ballast = take(&heap, 256 * MIB, 1);
        for size in [3 * MIB, 3 * MIB, 70 * MIB, 70 * MIB, 65 * MIB] {
            // SAFETY: the alignment is a power of two.
            let start = unsafe { heap.allocate_large(size, 1, true) };
            for offset in [0, 70_000, size / 2, size - 1] {
                assert_eq!(read(start, offset), 0);
                write(start, offset, 0xff);
            }
            give(&heap, start, None);
        }
        let purges = heap.ledger.purges.load(Ordering::Relaxed);
        assert!(purges > 0, "the larger ones were reused");
        give(&heap, ballast, None);
        finish(&heap);
    }
}

#[test]
fn wrong_frees_are_seen_at_once_and_change_nothing() {
    let heap = heap(4096);
    heap.host.manners(|manners| manners.tolerate_misuse = true);
    let start = take(&heap, 3 * MIB, 1);
    let large = number(&heap, start).unwrap();
    for offset in [8, 4096, SLOT - 16] {
        give(&heap, start.wrapping_add(offset), None);
    }
    assert_eq!(heap.host.take_misuse_kinds(), [Interior; 3]);
    for stated in [
        (3 * MIB + 1, 1),
        (2 * MIB, 1),
        (3 * MIB, 1 << (usize::BITS - 2)),
        (100, 8),
        (usize::MAX, 1),
    ] {
        give(&heap, start, Some(stated));
    }
    assert_eq!(heap.host.take_misuse_kinds(), [WrongSize; 5]);
    for (wrong, number) in [(start.wrapping_add(SLOT), large), (start, 99), (start, 1 << 23)] {
        // SAFETY: a wrong call that must be noticed.
        unsafe { heap.deallocate_large(wrong, number, None) };
    }
    assert_eq!(heap.host.take_misuse_kinds(), [NotOurs; 3]);
    assert_eq!(heap.large_stats().held, 3 * MIB);
    give(&heap, start, Some((3 * MIB, 16)));
    assert_eq!(heap.host.take_misuse_kinds(), []);
    assert_eq!(number(&heap, start), None);
    // SAFETY: a wrong call that must be noticed.
    unsafe { heap.deallocate_large(start, large, None) };
    assert_eq!(heap.host.take_misuse_kinds(), [DoubleFree]);
    finish(&heap);
}

#[test]
fn growing_and_shrinking_keep_contents_and_alignment() {
    for (always_move, align) in [(false, 1), (true, 1), (true, 4 * MIB)] {
        let heap = heap(4096);
        heap.host.manners(|manners| manners.always_move = always_move);
        let mut start = take(&heap, 4 * MIB, align);
        let mut size = 4 * MIB;
        let mut calls = 0;
        for step in 1..200 {
            write(start, size - 1, step as u8);
            write(start, 0, step as u8);
            let (last, old) = (size - 1, start);
            size += 40_000;
            start = resize(&heap, start, size, align);
            assert!(!start.is_null() && start.addr() % align.max(SLOT) == 0);
            calls += usize::from(start != old);
            assert_eq!((read(start, 0), read(start, last)), (step as u8, step as u8));
            heap.validate_larges().unwrap();
        }
        assert!(calls < 12, "moved {calls} times in 200 small steps");
        write(start, 3 * MIB - 1, 99);
        start = resize(&heap, start, 3 * MIB, align);
        assert_eq!(heap.large_stats().mapped, 3 * MIB);
        assert_eq!(read(start, 3 * MIB - 1), 99);
        assert!(resize(&heap, start, SUPERSLAB, 1).is_null(), "that is a span's size");
        give(&heap, start, Some((3 * MIB, align.max(1))));
        finish(&heap);
    }
}

#[test]
fn a_source_that_cannot_remap_leaves_the_block_as_it_was() {
    let heap = heap(4096);
    heap.host.manners(|manners| manners.refuse_remap = true);
    let start = take(&heap, 8 * MIB, 1);
    assert!(resize(&heap, start, 9 * MIB, 1).is_null());
    assert!(resize(&heap, start, 3 * MIB, 1).is_null(), "copying 3 frees 5");
    assert_eq!(resize(&heap, start, 5 * MIB, 1), start, "copying 5 frees 3");
    assert_eq!(heap.large_size_at(start.addr(), number(&heap, start).unwrap()), Some(5 * MIB));
    assert_eq!(heap.large_stats().mapped, 8 * MIB);
    assert_eq!(resize(&heap, start, 8 * MIB, 1), start, "the mapping is long enough still");
    give(&heap, start, Some((8 * MIB, 1)));
    finish(&heap);
}

#[test]
fn a_block_that_moved_where_the_registry_has_no_room_lives_on() {
    let heap = heap(4096);
    let mut start = take(&heap, 3 * MIB, 1);
    write(start, 3 * MIB - 1, 5);
    // Past the leaf: the new one's table is the second call from now.
    heap.host.manners(|manners| {
        (manners.always_move, manners.move_farther) = (true, FAR);
        (manners.fail_after, manners.fail_for_good) = (Some(1), true);
    });
    start = resize(&heap, start, 6 * MIB, 1);
    assert_eq!(read(start, 3 * MIB - 1), 5);
    assert_eq!(Entry(heap.registry.entry(start.addr())).kind(), Kind::Foreign);
    assert_eq!(heap.unlisted_large(start.addr()), Some(0));
    assert_eq!(heap.unlisted_large(start.addr() + 1), None);
    assert!(resize(&heap, start, 9 * MIB, 1).is_null());
    assert_eq!(heap.unlisted_large(start.addr()), Some(0), "memory is still out");
    heap.host.manners(|manners| manners.fail_after = None);
    start = resize(&heap, start, 9 * MIB, 1);
    assert_eq!(Entry(heap.registry.entry(start.addr())).kind(), Kind::Large(0));
    assert_eq!(heap.unlisted_large(start.addr()), None);
    assert_eq!(read(start, 3 * MIB - 1), 5);
    give(&heap, start, None);
    finish(&heap);
}

#[test]
fn each_failing_call_of_the_source_gives_null_and_loses_nothing() {
    for (fail, for_good) in (0..10).flat_map(|fail| [(fail, false), (fail, true)]) {
        let heap = heap(4096);
        heap.host.manners(|manners| {
            (manners.fail_after, manners.fail_for_good) = (Some(fail), for_good);
        });
        let mut taken: Vec<_> = (3..6).map(|mib| take(&heap, mib * MIB, 1)).collect();
        for start in taken.iter_mut().filter(|start| !start.is_null()) {
            write(*start, 3 * MIB - 1, 77);
            let grown = resize(&heap, *start, 20 * MIB, 1);
            if !grown.is_null() {
                *start = grown;
            }
            assert_eq!(read(*start, 3 * MIB - 1), 77);
            heap.validate_larges().unwrap();
        }
        assert_eq!(heap.host.failures() > 0, fail < heap.host.calls());
        heap.host.manners(|manners| manners.fail_after = None);
        let again = take(&heap, 30 * MIB, 1);
        assert!(!again.is_null());
        for start in taken.into_iter().chain([again]).filter(|start| !start.is_null()) {
            give(&heap, start, None);
        }
        finish(&heap);
    }
}

#[test]
fn descriptions_reach_the_whole_block() {
    let heap = heap(4096);
    let start = take(&heap, 3 * MIB, 1);
    for offset in [0, 1, SLOT, 3 * MIB - 1] {
        let described = heap.describe_large(start.addr() + offset);
        assert_eq!(described, Some((start.addr(), 3 * MIB)));
    }
    assert_eq!(heap.describe_large(start.addr() + 3 * MIB), None);
    give(&heap, start, None);
    assert_eq!(heap.describe_large(start.addr()), None);
    finish(&heap);
}

/// A block on its way to another thread.
struct Sent(*mut u8, u8);
// SAFETY: the sender gives the block up.
unsafe impl Send for Sent {}

#[test]
fn threads_that_pass_blocks_on_leave_a_sound_heap() {
    let heap = heap(4096);
    let shelf = std::sync::Mutex::new(Vec::<Sent>::new());
    std::thread::scope(|scope| {
        for thread in 1..=4 {
            let (heap, shelf) = (&heap, &shelf);
            scope.spawn(move || {
                for step in 0..300usize {
                    let size = (3 + (step * thread) % 5) * MIB;
                    let start = take(heap, size, 1);
                    write(start, size - 1, thread as u8);
                    let start = resize(heap, start, size + MIB, 1);
                    assert_eq!(read(start, size - 1), thread as u8);
                    write(start, 0, thread as u8);
                    let mut shelf = shelf.lock().unwrap();
                    shelf.push(Sent(start, thread as u8));
                    if shelf.len() > 6 {
                        let Sent(start, mark) = shelf.swap_remove(step % 6);
                        drop(shelf);
                        assert_eq!(read(start, 0), mark);
                        give(heap, start, None);
                    }
                }
            });
        }
    });
    for Sent(start, _) in shelf.into_inner().unwrap() {
        give(&heap, start, None);
    }
    finish(&heap);
}
