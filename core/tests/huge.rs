//! When memory is asked to lie on huge pages, and when no longer.

mod fakes;
mod held;

use fakes::Fake;
use hakmem_core::{Cache, Heap, Huge, HugeAdvice, HugePages};
use held::{Held, finish, take};
use std::sync::atomic::{AtomicUsize, Ordering};

const MIB: usize = 1 << 20;
const SLOT: usize = 64 << 10;
/// More rounds than any superslab has to wait for.
const ROUNDS: usize = 200;

fn heap(pages: HugePages, huge: Huge) -> Box<Heap<Fake>> {
    let heap = fakes::heap(Fake::new());
    heap.host().manners(|manners| manners.huge_pages = pages);
    heap.set_huge(huge);
    heap
}

/// Blocks of `size` bytes, `bytes` in all.
fn fill(heap: &Heap<Fake>, cache: &mut Cache, size: usize, bytes: usize) -> Vec<Held> {
    (0..bytes / size).map(|mark| take(heap, cache, size, 1, mark as u64).expect("memory")).collect()
}

fn free(heap: &Heap<Fake>, cache: &mut Cache, blocks: Vec<Held>) {
    blocks.into_iter().for_each(|block| block.free(heap, cache, true));
}

/// Base, size and kind.
type Given = (usize, usize, HugeAdvice);

/// Calls `decay` until there is advice; the rounds that it took, and the advice.
fn rounds_to_advice(heap: &Heap<Fake>) -> Option<(usize, Vec<Given>)> {
    (1..=ROUNDS).find_map(|round| {
        heap.decay();
        let advice = heap.host().take_advice();
        (!advice.is_empty()).then_some((round, advice))
    })
}

#[test]
fn a_new_heap_asks_where_memory_is_dense() {
    assert_eq!(fakes::heap(Fake::new()).huge(), Huge::Auto);
}

#[test]
fn always_asks_for_each_superslab_and_large_block() {
    for pages in [HugePages::Asked, HugePages::All] {
        let heap = heap(pages, Huge::Always);
        let mut cache = Cache::new();
        let mut held = fill(&heap, &mut cache, 1000, 5 * MIB);
        let slabs = heap.host().take_advice();
        // The first superslab is no huge page.
        assert_eq!(slabs.len(), heap.stats().slabs.count - 1);
        held.extend(fill(&heap, &mut cache, MIB, 4 * MIB));
        let spans = heap.host().take_advice();
        assert_eq!(spans.len(), heap.stats().spans.count);
        assert_eq!(heap.stats().huge, slabs.len() + spans.len());
        held.push(take(&heap, &mut cache, 9 * MIB, 1, 0).expect("memory"));
        let large = heap.host().take_advice();
        assert!(matches!(large[..], [(_, size, _)] if (6 * MIB..=9 * MIB).contains(&size)));
        let all = slabs.iter().chain(&spans).chain(&large);
        assert!(all.into_iter().all(|advice| advice.2 == HugeAdvice::Ask));
        free(&heap, &mut cache, held);
        finish(&heap, [&mut cache]);
        assert_eq!(heap.stats().huge, 0);
        assert_eq!(heap.host().take_advice(), []);
    }
}

#[test]
fn who_asks_for_none_refuses_only_what_the_system_would_make() {
    for (huge, large) in [(Huge::Never, HugeAdvice::Refuse), (Huge::Auto, HugeAdvice::Ask)] {
        let heap = heap(HugePages::All, huge);
        let mut cache = Cache::new();
        let mut held = fill(&heap, &mut cache, 1000, 5 * MIB);
        held.extend(fill(&heap, &mut cache, MIB, 4 * MIB));
        let stats = heap.stats();
        let advice = heap.host().take_advice();
        // The first superslab is no huge page; only who wants none at all asks for it, too.
        let asked = stats.slabs.count - usize::from(huge == Huge::Auto) + stats.spans.count;
        assert_eq!(advice.len(), asked);
        assert!(advice.iter().all(|advice| advice.2 == HugeAdvice::Refuse));
        held.push(take(&heap, &mut cache, 9 * MIB, 1, 0).expect("memory"));
        assert!(matches!(heap.host().take_advice()[..], [(.., advice)] if advice == large));
        free(&heap, &mut cache, held);
        finish(&heap, [&mut cache]);
    }
}

/// The rounds until the first dense superslab is asked for, and all that are, each once.
fn all_asked(heap: &Heap<Fake>) -> (usize, Vec<Given>) {
    let (rounds, mut asked) = rounds_to_advice(heap).expect("dense superslabs");
    while let Some((_, more)) = rounds_to_advice(heap) {
        asked.extend(more);
    }
    let mut places: Vec<_> = asked.iter().map(|advice| advice.0).collect();
    places.sort_unstable();
    places.dedup();
    assert_eq!(places.len(), asked.len());
    (rounds, asked)
}

#[test]
fn nothing_is_said_where_nothing_would_change() {
    let silent = [
        (HugePages::None, Huge::Always),
        (HugePages::None, Huge::Auto),
        (HugePages::None, Huge::Never),
        (HugePages::Asked, Huge::Never),
    ];
    for (pages, huge) in silent {
        let heap = heap(pages, huge);
        let mut cache = Cache::new();
        let mut held = fill(&heap, &mut cache, 1000, 8 * MIB);
        held.push(take(&heap, &mut cache, 9 * MIB, 1, 0).expect("memory"));
        assert_eq!(rounds_to_advice(&heap), None, "{pages:?}, {huge:?}");
        free(&heap, &mut cache, held);
        finish(&heap, [&mut cache]);
        assert_eq!((heap.host().take_advice(), heap.stats().huge), (Vec::new(), 0));
    }
}

#[test]
fn auto_asks_for_what_stays_dense_and_undoes_it_before_a_purge() {
    let heap = heap(HugePages::Asked, Huge::Auto);
    let mut cache = Cache::new();
    let mut held = fill(&heap, &mut cache, 1000, 12 * MIB);
    assert_eq!(heap.host().take_advice(), [], "nothing is asked for at once");
    let (rounds, asked) = all_asked(&heap);
    assert!(rounds > 2, "{rounds} rounds are not long");
    assert!(asked.iter().all(|&(_, size, advice)| (size, advice) == (2 * MIB, HugeAdvice::Gather)));
    assert_eq!(heap.stats().huge, asked.len());

    // Half of each slab goes, so that pages are free; then most of the rest.
    for part in [2, 20] {
        let (gone, kept) =
            held.into_iter().enumerate().partition::<Vec<_>, _>(|(at, _)| at / 32 % part != 0);
        held = kept.into_iter().map(|(_, block)| block).collect();
        free(&heap, &mut cache, gone.into_iter().map(|(_, block)| block).collect());
        heap.purge(&mut cache);
        let undone = heap.host().take_advice();
        assert!(undone.iter().all(|advice| advice.2 == HugeAdvice::Refuse));
        assert_eq!(undone.len(), if part == 2 { asked.len() } else { 0 });
        assert_eq!((heap.host().torn(), heap.stats().huge), (0, 0));
    }
    heap.validate().expect("a sound heap");

    // Dense again: it takes longer now.
    held.extend(fill(&heap, &mut cache, 1000, 12 * MIB));
    let first = asked[0].0;
    let mut again = 0;
    let found = (1..=ROUNDS).any(|_| {
        heap.decay();
        again += 1;
        heap.host().take_advice().iter().any(|advice| advice.0 == first)
    });
    assert!(found && again > rounds, "{again} rounds, after {rounds}");
    free(&heap, &mut cache, held);
    finish(&heap, [&mut cache]);
    assert_eq!((heap.host().torn(), heap.stats().huge), (0, 0));
}

/// A heap of dense superslabs that were asked for, of which `slots` in a row become idle in one.
fn asked_with_idle_slots(slots: usize) -> (Box<Heap<Fake>>, Cache, Vec<Held>, usize) {
    let heap = heap(HugePages::Asked, Huge::Auto);
    let mut cache = Cache::new();
    let held = fill(&heap, &mut cache, 1000, 8 * MIB);
    let (_, asked) = all_asked(&heap);
    assert_eq!(heap.stats().huge, asked.len());
    let start = asked[0].0;
    let is_gone = |block: &Held| (start..start + slots * SLOT).contains(&block.start.addr());
    let (gone, held): (Vec<_>, Vec<_>) = held.into_iter().partition(is_gone);
    assert!(!gone.is_empty());
    free(&heap, &mut cache, gone);
    heap.retire_cache(&mut cache);
    assert_eq!((heap.host().take_advice(), heap.stats().huge), (Vec::new(), asked.len()));
    (heap, Cache::new(), held, start)
}

#[test]
fn advice_is_undone_before_idle_slots_are_purged() {
    let (heap, mut cache, held, start) = asked_with_idle_slots(1);
    assert!(heap.purge(&mut cache).bytes >= SLOT);
    assert_eq!(heap.host().take_advice(), [(start, 2 * MIB, HugeAdvice::Refuse)]);
    assert_eq!(heap.host().torn(), 0);
    free(&heap, &mut cache, held);
    finish(&heap, [&mut cache]);
    assert_eq!((heap.host().torn(), heap.stats().huge), (0, 0));
}

#[test]
fn advice_is_undone_before_slots_are_lent_to_spans() {
    let (heap, mut cache, mut held, start) = asked_with_idle_slots(4);
    held.push(take(&heap, &mut cache, 60 << 10, 1, 0).expect("memory"));
    assert_eq!(heap.host().take_advice(), [(start, 2 * MIB, HugeAdvice::Refuse)]);
    free(&heap, &mut cache, held);
    finish(&heap, [&mut cache]);
    assert_eq!((heap.host().torn(), heap.stats().huge), (0, 0));
}

#[test]
fn a_superslab_that_gave_pages_back_is_not_asked_for() {
    let heap = heap(HugePages::Asked, Huge::Auto);
    let mut cache = Cache::new();
    let held = fill(&heap, &mut cache, 1000, 8 * MIB);
    let superslab = |block: &Held| block.start.addr() / (2 * MIB) * (2 * MIB);
    let chosen = superslab(&held[held.len() / 2]);
    // So little of it that it is dense all the same.
    let (gone, held): (Vec<_>, Vec<_>) =
        held.into_iter().partition(|block| block.start.addr().wrapping_sub(chosen) < SLOT / 4);
    free(&heap, &mut cache, gone);
    assert!(heap.purge(&mut cache).bytes > 0);
    let (_, asked) = rounds_to_advice(&heap).expect("other superslabs");
    assert!(asked.iter().all(|advice| advice.0 != chosen));
    assert_eq!(rounds_to_advice(&heap), None);
    free(&heap, &mut cache, held);
    finish(&heap, [&mut cache]);
}

#[test]
fn superslabs_come_and_go_while_a_thread_asks() {
    let heap = heap(HugePages::Asked, Huge::Auto);
    let (heap, working) = (&*heap, &AtomicUsize::new(3));
    std::thread::scope(|scope| {
        for _ in 0..3 {
            scope.spawn(move || {
                let mut cache = Cache::new();
                for _ in 0..10 {
                    let held = fill(heap, &mut cache, 1000, 3 * MIB);
                    (0..20).for_each(|_| std::thread::yield_now());
                    free(heap, &mut cache, held);
                    heap.purge(&mut cache);
                }
                heap.retire_cache(&mut cache);
                working.fetch_sub(1, Ordering::Relaxed);
            });
        }
        // The fake fails on advice about what is not mapped.
        while working.load(Ordering::Relaxed) > 0 {
            heap.decay();
        }
    });
    finish(heap, []);
    assert_eq!(heap.stats().huge, 0);
}

#[test]
fn idle_threads_ask_for_nothing() {
    let heap = heap(HugePages::Asked, Huge::Auto);
    let mut caches: Vec<_> = (0..100).map(|_| Cache::new()).collect();
    let mut held = Vec::new();
    for cache in &mut caches {
        // Some work, most of which ends.
        let mut blocks = fill(&heap, cache, 700, MIB / 4);
        held.extend(blocks.drain(..20));
        free(&heap, cache, blocks);
    }
    assert_eq!(rounds_to_advice(&heap), None);
    assert_eq!(heap.stats().huge, 0);
    let mut cache = Cache::new();
    free(&heap, &mut cache, held);
    finish(&heap, caches.iter_mut().chain([&mut cache]));
}
