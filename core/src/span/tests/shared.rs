//! Spans resized where they stand, and memory that they share with slabs.

use super::*;

fn resize(heap: &Heap<Fake>, start: *mut u8, size: usize) -> bool {
    heap.resize_span(start.addr(), number(heap, start), size)
}

/// Bytes of the live span at `start`.
fn size_of_span(heap: &Heap<Fake>, start: *mut u8) -> usize {
    heap.span_size_at(start.addr(), number(heap, start)).unwrap()
}

#[test]
fn a_span_grows_into_free_grains_and_gives_its_tail_back() {
    let heap = heap(4096);
    let mut cache = cache(&heap);
    let first = take(&heap, &mut cache, 100 * KIB);
    let held = Held { start: first, size: 100 * KIB, align: 1, mark: 7 };
    held.mark();
    assert!(resize(&heap, first, 300 * KIB));
    assert_eq!(size_of_span(&heap, first), SpanClass::of(300 * KIB).size());
    heap.validate_spans().unwrap();
    // What follows stands behind it, and in its way.
    let second = take(&heap, &mut cache, 40 * KIB);
    assert!(second.addr() >= first.addr() + size_of_span(&heap, first));
    assert!(!resize(&heap, first, 1000 * KIB));
    assert_eq!(size_of_span(&heap, first), SpanClass::of(300 * KIB).size());
    assert!(resize(&heap, first, 120 * KIB));
    heap.validate_spans().unwrap();
    let third = take(&heap, &mut cache, 100 * KIB);
    assert!((first.addr()..second.addr()).contains(&third.addr()), "the tail is used again");
    held.check(7);
    // Never past the superslab's end.
    assert!(!resize(&heap, second, SUPERSLAB));
    for start in [first, second, third] {
        give(&heap, &mut cache, start, None);
        assert!(!resize(&heap, start, 2 * LARGEST), "it is live no more");
    }
    finish(&heap, &mut [cache]);
}

/// Some blocks, and much idle memory beside them that was touched, in slab superslabs.
fn pinned_slabs(heap: &Heap<Fake>, cache: &mut Cache) -> Vec<*mut u8> {
    // SAFETY: the cache is this heap's.
    let blocks: Vec<_> = (0..1500).map(|_| unsafe { heap.allocate(cache, 4000) }).collect();
    let (pins, rest): (Vec<_>, Vec<_>) = (0..).zip(blocks).partition(|(at, _)| at % 300 == 299);
    // SAFETY: each is given up once.
    rest.into_iter().for_each(|(_, block)| unsafe { heap.deallocate(cache, block) });
    heap.flush(cache);
    pins.into_iter().map(|(_, pin)| pin).collect()
}

/// Frees blocks of any kind, empties the cache, and asserts that only tables are left.
fn free_and_finish(heap: &Heap<Fake>, mut cache: Box<Cache>, blocks: Vec<*mut u8>) {
    // SAFETY: the tests give each block up once.
    blocks.into_iter().for_each(|block| unsafe { heap.deallocate(&mut cache, block) });
    heap.flush(&mut cache);
    finish(heap, &mut [cache]);
}

/// Slots of a slab superslab that were touched and are idle serve spans; then they are idle again.
#[test]
fn spans_are_guests_in_idle_slots() {
    let heap = heap(4096);
    let mut cache = cache(&heap);
    let pins = pinned_slabs(&heap, &mut cache);
    let (mapped, idle) = (heap.mapped(), heap.validate().unwrap().idle);
    assert!(idle >= SUPERSLAB / 2, "{idle} bytes are idle");
    let sizes = [40 * KIB, 60 * KIB, 64 * KIB, 100 * KIB, 200 * KIB, 256 * KIB];
    let spans: Vec<_> = sizes.iter().map(|&size| (take(&heap, &mut cache, size), size)).collect();
    let tables = heap.ledger.tables.load(Ordering::Relaxed);
    assert!(heap.mapped() - mapped <= tables, "no more was mapped, but for tables");
    assert_eq!(heap.span_stats().mapped, 0, "all of it belongs to slab superslabs");
    let held: Vec<_> = (1..)
        .zip(&spans)
        .map(|(mark, &(start, size))| Held { start, size, align: 1, mark })
        .collect();
    held.iter().for_each(Held::mark);
    assert!(heap.validate().unwrap().idle < idle);
    // Aligned requests look at where a guest really stands.
    for align in [64 * KIB, 128 * KIB, SUPERSLAB] {
        // SAFETY: the cache is this heap's.
        let start = unsafe { heap.allocate_span(&mut cache, 40 * KIB, align, false) };
        assert_eq!(start.addr() % align, 0);
        give(&heap, &mut cache, start, Some((40 * KIB, align)));
    }
    held.iter().for_each(|held| held.check(held.mark));
    for &(start, size) in &spans {
        give(&heap, &mut cache, start, Some((size, 1)));
    }
    heap.flush_spans(&mut cache.behind.spans);
    heap.release_spans();
    assert_eq!(heap.validate().unwrap().idle, idle);
    for (start, _) in spans {
        assert_eq!(heap.registry.entry(start.addr()), Entry::IDLE.0, "a second free shows");
    }
    free_and_finish(&heap, cache, pins);
}

/// What is free but of the wrong kind goes back before more is mapped.
#[test]
fn free_memory_of_the_other_kind_makes_way() {
    let heap = heap(4096);
    let mut cache = cache(&heap);
    let pins = pinned_slabs(&heap, &mut cache);
    let purged = || heap.ledger.purged.load(Ordering::Relaxed);
    let before = purged();
    // No slots hold this, so it is mapped.
    let span = take(&heap, &mut cache, 1 << 20);
    assert!(purged() >= before + SUPERSLAB / 4, "idle slots made way for a span");
    let before = purged();
    give(&heap, &mut cache, span, None);
    let other = take(&heap, &mut cache, 100 * KIB);
    heap.flush_spans(&mut cache.behind.spans);
    heap.drain_bins();
    // SAFETY: the cache is this heap's.
    let large = unsafe { heap.allocate(&mut cache, 5 * SUPERSLAB) };
    assert!(purged() > before, "free grains made way for a large block");
    free_and_finish(&heap, cache, pins.into_iter().chain([large, other]).collect());
}

/// A request that cannot be served takes nothing from the next one.
#[test]
fn idle_slots_serve_where_no_more_can_be_mapped() {
    let heap = heap(4096);
    let mut cache = cache(&heap);
    let mut blocks = pinned_slabs(&heap, &mut cache);
    let warm = take(&heap, &mut cache, 40 * KIB);
    heap.release_ranges(0);
    let limit = heap.host.mapped();
    heap.host.manners(|manners| manners.limit = limit);
    assert!(take(&heap, &mut cache, 1 << 20).is_null());
    // Purged or never touched: idle slots hold these.
    let spans: Vec<_> = (0..8).map(|_| take(&heap, &mut cache, 200 * KIB)).collect();
    assert!(spans.iter().all(|start| !start.is_null()));
    blocks.extend(spans.into_iter().chain([warm]));
    free_and_finish(&heap, cache, blocks);
}

/// Half a page that is dirty is nothing to purge: the next superslab's turn comes.
#[test]
fn a_dirty_part_of_a_page_holds_no_purge_up() {
    let heap = heap(64 * KIB);
    let mut cache = cache(&heap);
    // Two that fill a superslab, twice; the first of either ends inside a page.
    let starts = [0; 2].map(|_| [100 * KIB, 1900 * KIB].map(|size| take(&heap, &mut cache, size)));
    starts.iter().for_each(|[_, rest]| give(&heap, &mut cache, *rest, None));
    heap.flush_spans(&mut cache.behind.spans);
    heap.drain_bins();
    let purged = || heap.ledger.purged.load(Ordering::Relaxed);
    let mut before = purged();
    for _ in 0..2 {
        heap.purge_long_spans();
        assert!(purged() > before, "another superslab had its turn");
        before = purged();
    }
    heap.purge_long_spans();
    assert_eq!(purged(), before, "nothing is left");
    starts.iter().for_each(|[small, _]| give(&heap, &mut cache, *small, None));
    finish(&heap, &mut [cache]);
}

/// Guests that stand in the way of an over-aligned request do not make it map more and more.
#[test]
fn guests_do_not_use_up_an_aligned_search() {
    let heap = heap(4096);
    let mut cache = cache(&heap);
    let blocks: Vec<_> = (0..12).flat_map(|_| pinned_slabs(&heap, &mut cache)).collect();
    let small: Vec<_> = (0..200).map(|_| take(&heap, &mut cache, 40 * KIB)).collect();
    let mapped = heap.mapped();
    // SAFETY: the cache is this heap's.
    let aligned = || unsafe { heap.allocate_span(&mut cache, 40 * KIB, SUPERSLAB / 4, false) };
    let more: Vec<_> = core::iter::repeat_with(aligned).take(4).collect();
    assert!(heap.mapped() < mapped + 2 * SUPERSLAB, "a superslab has four such places");
    let spans = small.into_iter().chain(more);
    spans.for_each(|start| give(&heap, &mut cache, start, None));
    free_and_finish(&heap, cache, blocks);
}
