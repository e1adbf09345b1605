//! Spans over a page source that counts.

mod shared;

use super::class::{GRAIN, SpanClass};
use crate::cache::Cache;
use crate::class::LARGEST;
use crate::entry::{Entry, Kind};
use crate::fakes::{self, Fake};
use crate::geometry::SUPERSLAB;
use crate::heap::Heap;
use crate::misuse::MisuseKind::{DoubleFree, Interior, NotOurs, WrongSize};
use crate::registry::sealed::Sealed;
use crate::sync::Ordering;
use std::boxed::Box;
use std::vec::Vec;

const KIB: usize = 1 << 10;

fn heap(page: usize) -> Box<Heap<Fake>> {
    fakes::heap(Fake::with_page(page))
}

fn cache(heap: &Heap<Fake>) -> Box<Cache> {
    let mut cache = Box::new(Cache::new());
    heap.start(&mut cache, false);
    cache
}

fn take(heap: &Heap<Fake>, cache: &mut Cache, size: usize) -> *mut u8 {
    // SAFETY: the cache is this heap's.
    unsafe { heap.allocate_span(cache, size, 1, false) }
}

fn number(heap: &Heap<Fake>, start: *mut u8) -> u32 {
    match Entry(heap.registry.entry(start.addr())).kind() {
        Kind::Span(number) => number,
        kind => panic!("{start:?} is {kind:?}"),
    }
}

fn give(heap: &Heap<Fake>, cache: &mut Cache, start: *mut u8, stated: Option<(usize, usize)>) {
    let number = number(heap, start);
    // SAFETY: the tests give up what they hand in; wrong calls are what they test.
    unsafe { heap.deallocate_span(cache, start, number, stated) }
}

/// Hands everything back and asserts that only tables are left.
fn finish(heap: &Heap<Fake>, caches: &mut [Box<Cache>]) {
    for cache in caches {
        heap.flush_spans(&mut cache.behind.spans);
    }
    heap.validate_spans().unwrap();
    heap.release_spans();
    heap.release_ranges(0);
    assert_eq!(heap.span_stats(), Default::default());
    assert_eq!(heap.host.mapped(), heap.ledger.tables.load(Ordering::Relaxed));
}

/// A small generator of random numbers (xorshift).
struct Random(u64);

impl Random {
    fn below(&mut self, end: usize) -> usize {
        self.0 ^= self.0 << 13;
        self.0 ^= self.0 >> 7;
        self.0 ^= self.0 << 17;
        ((self.0 >> 11) % end as u64) as usize
    }
}

/// A live span and the mark that its first, last and some bytes between bear.
struct Held {
    start: *mut u8,
    size: usize,
    align: usize,
    mark: u8,
}

impl Held {
    fn at(&self) -> impl Iterator<Item = *mut u8> + '_ {
        // SAFETY: within the span.
        (0..self.size).step_by(3001).chain([self.size - 1]).map(|at| unsafe { self.start.add(at) })
    }

    fn mark(&self) {
        // SAFETY: within the span, which is the test's.
        self.at().for_each(|at| unsafe { at.write(self.mark) });
    }

    fn check(&self, mark: u8) {
        // SAFETY: as in `mark`.
        self.at().for_each(|at| assert_eq!(unsafe { at.read() }, mark));
    }
}

fn random_actions(page: usize, seed: u64) {
    let heap = heap(page);
    let mut caches = [cache(&heap), cache(&heap)];
    let mut random = Random(seed);
    let mut held: Vec<Held> = Vec::new();
    for step in 0..4000 {
        let cache = &mut caches[random.below(2)];
        if random.below(100) < 52 && held.len() < 60 {
            let align = 1 << if random.below(4) == 0 { random.below(22) } else { 0 };
            let most = if random.below(3) == 0 { SUPERSLAB } else { 200 * KIB };
            let size = random.below(most) + 1;
            let size = if align > LARGEST { size } else { size.max(LARGEST + 1) };
            let zeroed = random.below(3) == 0;
            // SAFETY: the cache is this heap's.
            let start = unsafe { heap.allocate_span(cache, size, align, zeroed) };
            assert!(start.addr() % align == 0 && !start.is_null());
            let span = Held { start, size, align, mark: step as u8 | 1 };
            if zeroed {
                span.check(0);
            }
            let whole = heap.span_size_at(start.addr(), number(&heap, start));
            assert_eq!(whole, Some(SpanClass::of(size).size()));
            span.mark();
            held.push(span);
        } else if !held.is_empty() {
            let span = held.swap_remove(random.below(held.len()));
            span.check(span.mark);
            let stated = (random.below(2) == 0).then_some((span.size, span.align));
            give(&heap, cache, span.start, stated);
        }
        if step % 500 == 499 {
            heap.validate_spans().unwrap();
            heap.release_spans();
            heap.validate_spans().unwrap();
        }
    }
    for span in held {
        span.check(span.mark);
        give(&heap, &mut caches[0], span.start, None);
    }
    finish(&heap, &mut caches);
}

#[test]
fn random_actions_end_with_every_page_accounted_for() {
    for (page, seed) in [(4096, 0x9e37_79b9), (16384, 0x7f4a_7c15), (65536, 0xf39c_c060)] {
        random_actions(page, seed);
    }
}

#[test]
fn a_hot_span_comes_back_at_once_and_without_the_source() {
    let heap = heap(4096);
    let mut cache = cache(&heap);
    let first = take(&heap, &mut cache, 100 * KIB);
    let calls = heap.host.calls();
    for _ in 0..100 {
        give(&heap, &mut cache, first, Some((100 * KIB, 8)));
        assert_eq!(take(&heap, &mut cache, 100 * KIB), first);
    }
    give(&heap, &mut cache, first, None);
    let whole = take(&heap, &mut cache, SUPERSLAB);
    for _ in 0..100 {
        give(&heap, &mut cache, whole, None);
        assert_eq!(take(&heap, &mut cache, SUPERSLAB), whole);
    }
    give(&heap, &mut cache, whole, None);
    assert_eq!(heap.host.calls(), calls + 1);
    finish(&heap, &mut [cache]);
}

#[test]
fn wrong_frees_are_seen_at_once_and_change_nothing() {
    let heap = heap(4096);
    heap.host.manners(|manners| manners.tolerate_misuse = true);
    let mut cache = cache(&heap);
    let guard = take(&heap, &mut cache, 40 * KIB);
    let span = take(&heap, &mut cache, 100 * KIB);
    let inside = [8, 16, GRAIN - 8, GRAIN, 100 * KIB - GRAIN];
    for offset in inside {
        give(&heap, &mut cache, span.wrapping_add(offset), None);
    }
    assert_eq!(heap.host.take_misuse_kinds(), [Interior; 5]);
    let wrong = [(105 * KIB, 1), (40 * KIB, 1), (100, 16), (usize::MAX, 1), (100 * KIB, SUPERSLAB)];
    for stated in wrong {
        give(&heap, &mut cache, span, Some(stated));
    }
    assert_eq!(heap.host.take_misuse_kinds(), [WrongSize; 5]);
    assert_eq!(heap.span_stats().held, 144 * KIB);
    give(&heap, &mut cache, span, Some((100 * KIB, 4096)));
    assert_eq!(heap.host.take_misuse_kinds(), []);
    give(&heap, &mut cache, span, None);
    heap.flush_spans(&mut cache.behind.spans);
    give(&heap, &mut cache, span, None);
    heap.release_spans();
    give(&heap, &mut cache, span, None);
    give(&heap, &mut cache, span.wrapping_add(GRAIN), None);
    assert_eq!(heap.host.take_misuse_kinds(), [DoubleFree; 4]);
    let superslab = number(&heap, guard);
    let outside = guard.wrapping_add(SUPERSLAB);
    // SAFETY: a wrong call that must be noticed.
    unsafe { heap.deallocate_span(&mut cache, outside, superslab, None) };
    // SAFETY: as above.
    unsafe { heap.deallocate_span(&mut cache, guard, 1 << 20, None) };
    assert_eq!(heap.host.take_misuse_kinds(), [NotOurs; 2]);
    give(&heap, &mut cache, guard, None);
    finish(&heap, &mut [cache]);
}

#[test]
fn best_fit_fills_gaps_before_it_opens_superslabs() {
    let heap = heap(4096);
    let mut cache = cache(&heap);
    let spans: Vec<_> = (0..6).map(|_| take(&heap, &mut cache, 1280 * KIB)).collect();
    assert_eq!(heap.span_stats().count, 6);
    let gaps: Vec<_> = (0..6).map(|_| take(&heap, &mut cache, 768 * KIB)).collect();
    assert_eq!(heap.span_stats().count, 6);
    for start in spans.into_iter().chain(gaps) {
        give(&heap, &mut cache, start, None);
    }
    finish(&heap, &mut [cache]);
}

#[test]
fn the_bins_make_room_before_a_superslab_is_opened() {
    let heap = heap(4096);
    let mut cache = cache(&heap);
    let spans: Vec<_> = (0..16).map(|_| take(&heap, &mut cache, 128 * KIB)).collect();
    for start in spans {
        give(&heap, &mut cache, start, None);
    }
    heap.flush_spans(&mut cache.behind.spans);
    assert!(heap.spans.bins.bytes() >= 1024 * KIB);
    assert_eq!(heap.span_stats().count, 1);
    let large = take(&heap, &mut cache, 1900 * KIB);
    assert_eq!((heap.span_stats().count, heap.spans.bins.bytes()), (1, 0));
    give(&heap, &mut cache, large, None);
    finish(&heap, &mut [cache]);
}

#[test]
fn releasing_purges_whole_free_pages_and_they_read_zero() {
    for page in [4096, 65536] {
        let heap = heap(page);
        let mut cache = cache(&heap);
        let spans: Vec<_> = (0..20).map(|_| take(&heap, &mut cache, 40 * KIB)).collect();
        for (at, start) in spans.iter().enumerate() {
            Held { start: *start, size: 40 * KIB, align: 1, mark: 7 }.mark();
            if at % 5 != 0 {
                give(&heap, &mut cache, *start, None);
            }
        }
        heap.flush_spans(&mut cache.behind.spans);
        let purged = heap.release_spans();
        assert!(purged >= 4 * 128 * KIB && purged % page == 0, "{purged} purged");
        assert_eq!(heap.release_spans(), 0, "nothing dirty is left");
        for start in spans.iter().step_by(5) {
            Held { start: *start, size: 40 * KIB, align: 1, mark: 7 }.check(7);
        }
        // SAFETY: the cache is this heap's.
        let start = unsafe { heap.allocate_span(&mut cache, 160 * KIB, 1, true) };
        Held { start, size: 160 * KIB, align: 1, mark: 0 }.check(0);
        for start in spans.into_iter().step_by(5).chain([start]) {
            give(&heap, &mut cache, start, None);
        }
        finish(&heap, &mut [cache]);
    }
}

#[test]
fn an_ended_cache_keeps_nothing() {
    let heap = heap(4096);
    let mut cache = cache(&heap);
    let start = take(&heap, &mut cache, 64 * KIB);
    heap.retire_cache(&mut cache);
    give(&heap, &mut cache, start, None);
    assert_eq!(cache.behind.spans.pop(), None);
    finish(&heap, &mut [cache]);
}

#[test]
fn each_failing_call_of_the_source_gives_null_and_loses_nothing() {
    let sizes = [36 * KIB, 700 * KIB, SUPERSLAB, 900 * KIB, 1600 * KIB];
    for (fail, for_good) in (0..8).flat_map(|fail| [(fail, false), (fail, true)]) {
        let heap = heap(4096);
        let mut cache = cache(&heap);
        heap.host.manners(|manners| {
            (manners.fail_after, manners.fail_for_good) = (Some(fail), for_good);
        });
        let taken: Vec<_> = sizes.map(|size| take(&heap, &mut cache, size)).into();
        let failures = heap.host.failures();
        assert_eq!(failures > 0, taken.iter().any(|start| start.is_null()), "call {fail}");
        heap.host.manners(|manners| manners.fail_after = None);
        let again = take(&heap, &mut cache, SUPERSLAB);
        assert!(!again.is_null());
        for start in taken.into_iter().chain([again]).filter(|start| !start.is_null()) {
            give(&heap, &mut cache, start, None);
        }
        finish(&heap, &mut [cache]);
    }
}

#[test]
fn descriptions_say_what_lies_where() {
    let heap = heap(4096);
    let mut cache = cache(&heap);
    let first = take(&heap, &mut cache, 40 * KIB).addr();
    let second = take(&heap, &mut cache, 100 * KIB);
    let superslab = number(&heap, second);
    let describe = |address| heap.describe_span(address, superslab);
    assert_eq!(describe(first + 5), Some((first, 40 * KIB, true)));
    let size = SpanClass::of(100 * KIB).size();
    assert_eq!(describe(second.addr() + size - 1), Some((second.addr(), size, true)));
    let rest = second.addr() + size;
    assert_eq!(describe(rest), Some((rest, first + SUPERSLAB - rest, false)));
    assert_eq!(describe(first + SUPERSLAB), None);
    give(&heap, &mut cache, second, None);
    assert_eq!(describe(second.addr()), Some((second.addr(), size, false)));
    give(&heap, &mut cache, core::ptr::with_exposed_provenance_mut(first), None);
    finish(&heap, &mut [cache]);
}

/// A span on its way to another thread.
struct Sent(*mut u8, u8);
// SAFETY: the sender gives the span up.
unsafe impl Send for Sent {}

#[test]
fn threads_that_pass_spans_on_leave_a_sound_heap() {
    let heap = heap(4096);
    let shelf = std::sync::Mutex::new(Vec::<Sent>::new());
    std::thread::scope(|scope| {
        for seed in 1..=4 {
            let (heap, shelf) = (&heap, &shelf);
            scope.spawn(move || {
                let mut cache = cache(heap);
                let mut random = Random(seed * 0x2545_f491);
                for step in 0..3000 {
                    let size = 33 * KIB + random.below(600 * KIB);
                    let mark = step as u8;
                    let start = take(heap, &mut cache, size);
                    // SAFETY: a span of that size, this thread's.
                    unsafe { (start.write(mark), start.add(size - 1).write(mark)) };
                    shelf.lock().unwrap().push(Sent(start, mark));
                    let mut shelf = shelf.lock().unwrap();
                    if shelf.len() > 30 {
                        let at = random.below(shelf.len());
                        let Sent(start, mark) = shelf.swap_remove(at);
                        drop(shelf);
                        // SAFETY: the thread that marked it gave it up.
                        assert_eq!(unsafe { start.read() }, mark);
                        give(heap, &mut cache, start, None);
                    }
                }
                heap.retire_cache(&mut cache);
            });
        }
    });
    let mut last = cache(&heap);
    for Sent(start, _) in shelf.into_inner().unwrap() {
        give(&heap, &mut last, start, None);
    }
    finish(&heap, &mut [last]);
}

/// A superslab that is being opened, and that another thread's purge comes by: nothing of it is taken.
#[test]
fn a_superslab_that_is_not_adopted_yet_is_left_alone() {
    let heap = heap(4096);
    let mut cache = cache(&heap);
    let first = take(&heap, &mut cache, SUPERSLAB);
    let number = number(&heap, first);
    give(&heap, &mut cache, first, None);
    heap.flush_spans(&mut cache.behind.spans);
    heap.drain_bins();
    // Closed; now somebody opens it anew, over memory that was touched.
    let range = heap.take_range(SUPERSLAB, SUPERSLAB).unwrap();
    assert!(range.dirty);
    let superslab = heap.spans.superslab(number).unwrap();
    superslab.open(&range);
    let taken = heap.back.with(|back| back.spans.take_dirty(&heap.spans, number, 1, 1));
    assert!(taken.runs().next().is_none());
    // It was not opened after all.
    superslab.adopt();
    superslab.close();
    heap.put_range(range);
    finish(&heap, &mut [cache]);
}
