//! The arena over a page source that counts.

use super::Range;
use crate::entry::{Entry, Kind};
use crate::fakes::{self, Fake};
use crate::geometry::{SLOT, SUPERSLAB};
use crate::heap::Heap;
use crate::policy::Policy;
use crate::registry::sealed::Sealed;
use crate::sync::Ordering;
use std::boxed::Box;
use std::vec::Vec;

/// Bytes that may be free and kept in a small heap.
const KEPT: usize = (Policy::DEFAULT.kept as usize) << 10;

const MIB: usize = 1 << 20;
/// Bytes in use that raise the bound above what a test keeps.
const BALLAST: usize = 256 * MIB;

fn heap() -> Box<Heap<Fake>> {
    fakes::heap(Fake::new())
}

/// Takes a range, and makes room for it in the registry as its user would.
fn take(heap: &Heap<Fake>, size: usize, align: usize) -> Range {
    let range = heap.take_range(size, align).unwrap();
    assert_eq!((range.size, range.base % align), (size, 0));
    assert!(heap.registry.prepare(&heap.host, &heap.ledger, range.base, range.size));
    range
}

/// Bytes mapped beside the tables.
fn ranges(heap: &Heap<Fake>) -> usize {
    let tables = heap.ledger.tables.load(Ordering::Relaxed);
    assert_eq!(heap.host.mapped(), heap.ledger.mapped.load(Ordering::Relaxed));
    heap.host.mapped() - tables
}

/// Asserts that nothing is left once all that is kept goes back.
fn finish(heap: &Heap<Fake>) {
    heap.validate_arena().unwrap();
    heap.release_ranges(0);
    assert_eq!((heap.kept(), ranges(heap)), (0, 0));
    heap.validate_arena().unwrap();
    heap.back.with(|back| assert_eq!(back.arena.reserved(), 0));
}

#[test]
fn a_kept_range_is_used_again_and_known_to_be_dirty() {
    let heap = heap();
    let first = take(&heap, SUPERSLAB, SUPERSLAB);
    assert!(!first.dirty);
    let base = first.base;
    let calls = heap.host.calls();
    for dirty in [false, true, false] {
        let mut range = take(&heap, 3 * MIB, SLOT);
        range.dirty = dirty;
        let second = range.base;
        heap.put_range(range);
        let again = take(&heap, 3 * MIB, SLOT);
        assert_eq!((again.base, again.dirty), (second, dirty));
        heap.put_range(again);
    }
    assert_eq!(heap.host.calls(), calls + 1);
    assert_eq!((heap.kept(), ranges(&heap)), (3 * MIB, 5 * MIB));
    heap.put_range(first);
    assert_eq!(take(&heap, SUPERSLAB, SUPERSLAB).base, base);
    heap.put_range(Range { base, size: SUPERSLAB, dirty: true });
    finish(&heap);
}

#[test]
fn a_long_range_is_cut_and_neighbours_merge() {
    let heap = heap();
    heap.pool.sums.out.add(BALLAST);
    let whole = take(&heap, 16 * MIB, SUPERSLAB);
    let base = whole.base;
    heap.put_range(whole);
    let calls = heap.host.calls();
    let mut parts: Vec<_> = [3 * MIB, SLOT, 5 * MIB].map(|size| take(&heap, size, SLOT)).into();
    parts.push(take(&heap, SUPERSLAB, SUPERSLAB));
    parts.push(take(&heap, MIB, MIB));
    let inside = |range: &Range| range.base >= base && range.base + range.size <= base + 16 * MIB;
    assert!(parts.iter().all(inside));
    assert_eq!((heap.host.calls(), heap.kept()), (calls, 5 * MIB - SLOT));
    heap.validate_arena().unwrap();
    for range in parts {
        heap.put_range(range);
        heap.validate_arena().unwrap();
    }
    assert_eq!(Entry(heap.registry.entry(base)).kind(), Kind::Idle, "ours, and free");
    let again = take(&heap, 16 * MIB, SUPERSLAB);
    assert_eq!((again.base, heap.kept()), (base, 0));
    assert_eq!(Entry(heap.registry.entry(base)).kind(), Kind::Foreign);
    heap.put_range(again);
    finish(&heap);
}

#[test]
fn the_range_that_fits_best_is_cut() {
    let heap = heap();
    heap.pool.sums.out.add(BALLAST);
    let sizes = [9, 3, 5, 4, 7].map(|mib| mib * MIB);
    let pairs = sizes.map(|size| (take(&heap, size, SLOT), take(&heap, SLOT, SLOT)));
    let (kept, between): (Vec<_>, Vec<_>) = pairs.into_iter().unzip();
    let base_of_4 = kept[3].base;
    kept.into_iter().for_each(|range| heap.put_range(range));
    heap.validate_arena().unwrap();
    let range = take(&heap, 3 * MIB + SLOT, SLOT);
    assert_eq!(range.base, base_of_4);
    heap.put_range(range);
    between.into_iter().for_each(|range| heap.put_range(range));
    finish(&heap);
}

#[test]
fn a_range_that_is_too_short_is_grown_where_contents_do_not_matter() {
    let heap = heap();
    heap.pool.sums.out.add(BALLAST);
    let short = take(&heap, 5 * MIB, SLOT);
    let wall = take(&heap, SLOT, SLOT);
    heap.put_range(short);
    let grown = heap.take_any_range(8 * MIB, SLOT).unwrap();
    assert_eq!((grown.size, grown.dirty), (8 * MIB, true));
    assert_eq!((heap.kept(), ranges(&heap)), (0, 8 * MIB + SLOT));
    heap.put_range(grown);
    heap.host.manners(|manners| manners.refuse_remap = true);
    let fresh = heap.take_any_range(12 * MIB, SLOT).unwrap();
    assert!(!fresh.dirty);
    heap.put_range(fresh);
    heap.put_range(wall);
    finish(&heap);
}

#[test]
fn what_is_kept_is_bounded() {
    let heap = heap();
    let taken: Vec<_> = (0..100).map(|_| take(&heap, SUPERSLAB, SUPERSLAB)).collect();
    let out = &heap.pool.sums.out;
    out.add(100 * SUPERSLAB);
    // Every other one first, so that nothing merges yet.
    let (odd, even): (Vec<_>, Vec<_>) = (0..).zip(taken).partition(|(at, _)| at % 2 == 1);
    for (_, range) in odd.into_iter().chain(even) {
        out.sub(SUPERSLAB);
        heap.put_range(range);
        let most = out.get().max(KEPT) + SUPERSLAB;
        assert!(heap.kept() <= most, "{} kept", heap.kept());
        heap.validate_arena().unwrap();
    }
    assert!(heap.kept() >= KEPT);
    finish(&heap);
}

#[test]
fn a_buffer_that_is_missed_at_once_is_kept_from_then_on() {
    let heap = heap();
    let buffer = take(&heap, 48 * MIB, SLOT);
    heap.regret.used(48 * MIB);
    heap.put_range(buffer);
    assert!(heap.kept() <= KEPT);
    let buffer = take(&heap, 48 * MIB, SLOT);
    heap.put_range(buffer);
    let calls = heap.host.calls();
    for _ in 0..10 {
        let buffer = take(&heap, 48 * MIB, SLOT);
        heap.put_range(buffer);
    }
    assert_eq!(heap.host.calls(), calls);
    finish(&heap);
}

#[test]
fn refused_ranges_are_kept_and_given_back_later() {
    let heap = heap();
    heap.host.manners(|manners| manners.refuse_unmap = true);
    let taken: Vec<_> = (0..40).map(|_| take(&heap, SUPERSLAB, SUPERSLAB)).collect();
    taken.into_iter().for_each(|range| heap.put_range(range));
    assert_eq!(heap.kept(), 40 * SUPERSLAB);
    assert_eq!(heap.release_ranges(0), 0);
    heap.validate_arena().unwrap();
    let calls = heap.host.calls();
    let again: Vec<_> = (0..40).map(|_| take(&heap, SUPERSLAB, SUPERSLAB)).collect();
    assert_eq!(heap.host.calls(), calls);
    again.into_iter().for_each(|range| heap.put_range(range));
    heap.host.manners(|manners| manners.refuse_unmap = false);
    finish(&heap);
}

#[test]
fn when_memory_is_out_what_is_kept_goes_first() {
    let heap = heap();
    let two = [MIB, SUPERSLAB].map(|size| take(&heap, size, size));
    two.into_iter().for_each(|range| heap.put_range(range));
    heap.host.manners(|manners| manners.limit = 8 * MIB);
    let large = take(&heap, 7 * MIB, SLOT);
    assert_eq!(heap.kept(), 0);
    assert_eq!(heap.take_range(7 * MIB, SLOT), None);
    assert_eq!(ranges(&heap), 7 * MIB);
    heap.put_range(large);
    finish(&heap);
}

#[test]
fn a_failed_call_of_the_source_loses_nothing() {
    for fail in 0..4 {
        let heap = heap();
        heap.host.manners(|manners| manners.fail_after = Some(fail));
        let taken: Vec<_> = (0..4).filter_map(|_| heap.take_range(SUPERSLAB, SUPERSLAB)).collect();
        assert_eq!(taken.len(), 3, "call {fail}");
        taken.into_iter().for_each(|range| heap.put_range(range));
        finish(&heap);
    }
}

#[test]
fn random_ranges_never_overlap_and_all_go_back() {
    let heap = heap();
    let mut seed = 0x2545_f491_4f6c_dd1du64;
    let mut below = |end: usize| {
        seed ^= seed << 13;
        seed ^= seed >> 7;
        seed ^= seed << 17;
        ((seed >> 11) % end as u64) as usize
    };
    let mut held: Vec<Range> = Vec::new();
    for step in 0..3000 {
        if below(100) < 52 && held.len() < 40 {
            let align = [SLOT, MIB, SUPERSLAB][below(3)];
            let size = if align == SLOT { (below(150) + 1) * SLOT } else { align };
            let grow = align == SLOT && below(2) == 0;
            let take = if grow { Heap::take_any_range } else { Heap::take_range };
            let range = take(&heap, size, align).unwrap();
            assert!(heap.registry.prepare(&heap.host, &heap.ledger, range.base, size));
            assert!(range.size == size && range.base % align == 0);
            let apart = |other: &Range| {
                other.base + other.size <= range.base || range.base + size <= other.base
            };
            assert!(held.iter().all(apart));
            held.push(Range { dirty: true, ..range });
        } else if !held.is_empty() {
            heap.put_range(held.swap_remove(below(held.len())));
        }
        let out: usize = held.iter().map(|range| range.size).sum();
        assert_eq!(ranges(&heap), out + heap.kept());
        if step % 100 == 0 {
            heap.validate_arena().unwrap();
        }
    }
    held.into_iter().for_each(|range| heap.put_range(range));
    finish(&heap);
}
