use super::*;
use crate::fakes::{self, Fake};
use crate::heap::Heap;
use std::boxed::Box;
use std::vec::Vec;

/// A class whose lists grow.
const SIZE: usize = 64;

fn class() -> ClassId {
    ClassId::of(SIZE)
}

fn take(heap: &Heap<Fake>, cache: &mut Cache, count: u32) -> Vec<*mut u8> {
    // SAFETY: each test's caches serve one heap.
    let blocks = (0..count).map(|_| unsafe { heap.allocate(cache, SIZE) });
    blocks.inspect(|block| assert!(!block.is_null())).collect()
}

fn give(heap: &Heap<Fake>, cache: &mut Cache, blocks: Vec<*mut u8>) {
    // SAFETY: blocks of `take`, given up once.
    blocks.into_iter().for_each(|block| unsafe { heap.deallocate(cache, block) });
}

fn set(heap: &Heap<Fake>, change: impl FnOnce(&mut Policy)) {
    let mut policy = heap.policy();
    change(&mut policy);
    heap.set_policy(&policy);
}

fn limit(cache: &mut Cache) -> u32 {
    cache.bin(class()).limit.into()
}

/// What the limits say that a cache has grown by is what it keeps in its books, and no list is too long.
fn check(cache: &mut Cache) {
    let mut grown = 0;
    for class in ClassId::all() {
        let bin = cache.bin(class);
        assert!(bin.first <= bin.limit && bin.limit <= Policy::LIST_MOST);
        grown += bytes(class, bin.growth());
    }
    assert_eq!(cache.grown, grown);
}

fn finish(heap: &Heap<Fake>, caches: &mut [Box<Cache>]) {
    caches.iter_mut().for_each(|cache| heap.retire_cache(cache));
    assert_eq!(heap.validate().map(|census| census.blocks), Ok(0));
    heap.purge(&mut Cache::new());
    assert_eq!(heap.mapped(), heap.stats().tables);
}

/// Frees many more blocks than the lists hold, and takes them again, so that the lists grow.
fn swing(heap: &Heap<Fake>, cache: &mut Cache, count: u32) {
    for _ in 0..4 {
        let blocks = take(heap, cache, count);
        give(heap, cache, blocks);
        check(cache);
    }
}

#[test]
fn a_list_takes_its_new_first_length_at_the_next_refill() {
    let heap = fakes::heap(Fake::new());
    let mut caches = [Box::new(Cache::new())];
    let cache = &mut caches[0];
    let of = usize::from(class().0);
    let first = u32::from(Policy::DEFAULT.lists[of]);
    heap.set_growth(false);
    let mut held = take(&heap, cache, first);
    assert_eq!(limit(cache), first);
    for next in [4 * first, Policy::LIST_MOST.into(), first / 2, 1, first] {
        let before = limit(cache);
        set(&heap, |policy| policy.lists[of] = next as u16);
        assert_eq!(limit(cache), before, "not by itself");
        let blocks = take(&heap, cache, 5 * before + 1);
        assert_eq!(limit(cache), next);
        check(cache);
        held.extend(blocks);
        // As many as the lists hold stay.
        let more = 5 * next;
        let blocks = take(&heap, cache, more);
        give(&heap, cache, blocks);
        let listed: u32 = cache.lists(class()).map(|(_, len)| len).sum();
        assert!(listed <= more && listed >= next, "{listed} in lists of {next}");
        assert!(cache.lists(class()).all(|(_, len)| len <= next), "lists of {next}");
    }
    give(&heap, cache, held);
    finish(&heap, &mut caches);
}

#[test]
fn a_shorter_list_is_shorter_from_the_next_spill_on() {
    let heap = fakes::heap(Fake::new());
    let mut caches = [Box::new(Cache::new())];
    let cache = &mut caches[0];
    let blocks = take(&heap, cache, 3000);
    let (first, of) = (limit(cache), usize::from(class().0));
    set(&heap, |policy| policy.lists[of] = 7);
    give(&heap, cache, blocks);
    assert!(limit(cache) == 7 && first > 7);
    check(cache);
    set(&heap, |policy| policy.lists[of] = 70);
    let blocks = take(&heap, cache, 10);
    give(&heap, cache, blocks);
    assert_eq!(limit(cache), 7, "longer with a refill");
    finish(&heap, &mut caches);
}

#[test]
fn growth_stays_beside_another_first_length_as_far_as_it_fits() {
    let heap = fakes::heap(Fake::new());
    let mut caches = [Box::new(Cache::new())];
    let cache = &mut caches[0];
    swing(&heap, cache, 4000);
    let of = usize::from(class().0);
    let growth = cache.bin(class()).growth();
    assert!(growth > 100 && cache.grown > 0, "{growth} blocks");
    for next in [200, 10, Policy::LIST_MOST - 50] {
        let before = cache.bin(class()).growth();
        set(&heap, |policy| policy.lists[of] = next);
        let blocks = take(&heap, cache, 20_000);
        let fits = before.min((Policy::LIST_MOST - next).into());
        assert_eq!(limit(cache), u32::from(next) + fits);
        check(cache);
        give(&heap, cache, blocks);
        check(cache);
    }
    finish(&heap, &mut caches);
}

/// By more caches, by more sharers, and by less that is shared.
#[test]
fn a_cache_gives_growth_back_when_its_share_shrinks() {
    let heap = fakes::heap(Fake::new());
    let mut caches: Vec<_> = (0..9).map(|_| Box::new(Cache::new())).collect();
    set(&heap, |policy| policy.growth = 1 << 10);
    let share = |caches: usize| heap.policy.growth_share(caches);
    swing(&heap, &mut caches[0], 8000);
    let alone = caches[0].grown;
    assert!(share(2) < alone && alone <= share(1), "{alone} bytes");
    for cache in &mut caches[1..] {
        let blocks = take(&heap, cache, 1);
        give(&heap, cache, blocks);
    }
    let cache = &mut caches[0];
    assert_eq!(cache.grown, alone, "not by itself");
    swing(&heap, cache, 9500);
    let together = cache.grown;
    assert!(0 < together && together <= share(9), "{together} of {}", share(9));
    // Two of the nine do anything.
    set(&heap, |policy| policy.sharers = 2);
    swing(&heap, cache, 3000);
    assert!(together < cache.grown && cache.grown <= share(2), "{} bytes", cache.grown);
    set(&heap, |policy| policy.growth = Policy::GROWTH.0);
    swing(&heap, cache, 9500);
    assert!(cache.grown <= share(2), "{} bytes", cache.grown);
    finish(&heap, &mut caches);
}

/// Lists that hold blocks while their limit shrinks under them are none the worse for it.
#[test]
fn a_list_may_hold_more_than_its_limit() {
    let heap = fakes::heap(Fake::new());
    let mut caches = [Box::new(Cache::new())];
    let cache = &mut caches[0];
    swing(&heap, cache, 4000);
    let (before, len) = (limit(cache), cache.bin(class()).len());
    cache.shrink(cache.grown / 3);
    check(cache);
    assert!(limit(cache) < before && cache.bin(class()).len() == len);
    let blocks = take(&heap, cache, 100);
    give(&heap, cache, blocks);
    swing(&heap, cache, 3000);
    cache.shrink(0);
    check(cache);
    assert_eq!((cache.grown, limit(cache)), (0, cache.bin(class()).first.into()));
    swing(&heap, cache, 3000);
    finish(&heap, &mut caches);
}
