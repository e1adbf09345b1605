//! The life of caches and heaps: start, end, and what is left.

mod fakes;
mod held;

use fakes::{Fake, NARROW};
use hakmem_core::{CLASSES, Cache, Heap, LayerStats, PlaceKind};
use held::{Held, Random, finish, take, take_zeroed};

const KIB: usize = 1 << 10;
const MIB: usize = 1 << 20;
/// A size of each layer, and of classes whose slabs have one, two and four slots.
const SIZES: [usize; 10] = [0, 8, 64, 1000, 5000, 16 * KIB, 32 * KIB, 33 * KIB, 700 * KIB, 3 * MIB];

fn heap() -> Box<Heap<Fake>> {
    fakes::heap(Fake::new())
}

fn take_many(heap: &Heap<Fake>, cache: &mut Cache, size: usize, count: usize) -> Vec<Held> {
    (0..count).map(|mark| take(heap, cache, size, 1, mark as u64).expect("memory")).collect()
}

#[test]
fn an_untouched_cache_is_all_zero() {
    let heap = heap();
    // SAFETY: what is tested: zero bytes are an untouched cache.
    let mut cache: Box<Cache> = Box::new(unsafe { core::mem::zeroed() });
    for size in SIZES {
        take(&heap, &mut cache, size, 1, 1).expect("memory").free(&heap, &mut cache, true);
    }
    assert_eq!(heap.host().started(), 1);
    finish(&heap, [&mut *cache]);
    assert!(size_of::<Cache>() <= 12 * KIB);
}

#[test]
fn an_ended_cache_serves_singly_and_keeps_nothing() {
    let heap = heap();
    let [mut cache, mut other] = [Cache::new(), Cache::new()];
    let guards = take_many(&heap, &mut other, 64, 1);
    heap.retire_cache(&mut other);
    // Ended before its first call, and after.
    for _ in 0..2 {
        heap.retire_cache(&mut cache);
        for size in SIZES {
            let small = usize::from(size <= 32 * KIB);
            let blocks = || heap.validate().expect("a sound heap").blocks;
            let one = take(&heap, &mut cache, size, 1, 1).expect("memory");
            assert_eq!(blocks(), 1 + small);
            let two = take_zeroed(&heap, &mut cache, size, 16, 2).expect("memory");
            assert_eq!(blocks(), 1 + 2 * small);
            let one = one.resize(&heap, &mut cache, size + size / 10, true, 3).expect("memory");
            assert_eq!(blocks(), 1 + if one.size <= 32 * KIB { 2 * small } else { small });
            one.free(&heap, &mut cache, true);
            two.free(&heap, &mut cache, false);
            assert_eq!(blocks(), 1);
        }
        finish_spans(&heap, &mut cache);
        cache = Cache::new();
        take_many(&heap, &mut cache, 64, 100)
            .into_iter()
            .for_each(|block| block.free(&heap, &mut cache, true));
    }
    heap.retire_cache(&mut cache);
    for block in guards {
        block.free(&heap, &mut cache, true);
    }
    finish(&heap, []);
}

/// What an ended cache freed lies in nobody's hands: another cache's purge gives it back.
fn finish_spans(heap: &Heap<Fake>, _ended: &mut Cache) {
    heap.purge(&mut Cache::new());
    let stats = heap.stats();
    assert_eq!([stats.spans, stats.large], [LayerStats::default(); 2]);
}

#[test]
fn blocks_of_dead_caches_are_used_again() {
    let heap = heap();
    let mut first = Cache::new();
    let mut kept = Vec::new();
    for (at, block) in take_many(&heap, &mut first, 100, 20_000).into_iter().enumerate() {
        if at % 2 == 0 { kept.push(block) } else { block.free(&heap, &mut first, true) }
    }
    heap.retire_cache(&mut first);
    let mapped = heap.stats().mapped;
    let mut second = Cache::new();
    let more = take_many(&heap, &mut second, 100, 10_000);
    assert_eq!(heap.stats().mapped, mapped);
    for block in kept.into_iter().chain(more) {
        block.free(&heap, &mut second, false);
    }
    finish(&heap, [&mut second]);
}

/// Ten thousand caches come and go, each handing a few blocks on to the next one: nothing grows.
#[test]
fn caches_come_and_go_without_growth() {
    let heap = heap();
    let mut handed: Vec<Held> = Vec::new();
    let mut random = Random(0x9e37_79b9);
    let mut settled = None;
    for round in 0..10_000 {
        let mut cache = Cache::new();
        for block in handed.drain(..) {
            block.free(&heap, &mut cache, round % 2 == 0);
        }
        for mark in 0..8 {
            let size = [16, 64, 200, 1000, 3000, 40 * KIB][random.below(6)];
            handed.push(take(&heap, &mut cache, size, 1, mark).expect("memory"));
        }
        heap.retire_cache(&mut cache);
        if round == 200 {
            settled = Some(heap.stats().mapped_peak);
        }
    }
    assert_eq!(settled, Some(heap.stats().mapped_peak));
    assert_eq!(heap.host().started(), 10_000);
    let mut last = Cache::new();
    handed.into_iter().for_each(|block| block.free(&heap, &mut last, true));
    finish(&heap, [&mut last]);
}

/// More caches come and go than there are owner ids: the last one has an id still, and needs no
/// outbox for its own blocks.
#[test]
fn owner_ids_are_used_again() {
    let heap = heap();
    heap.host().manners(|manners| manners.tolerate_misuse = true);
    for _ in 0..66_000 {
        let mut cache = Cache::new();
        // SAFETY: a wrong call, which is noticed; it starts the cache.
        unsafe { heap.deallocate(&mut cache, core::ptr::without_provenance_mut(8)) }
        heap.retire_cache(&mut cache);
    }
    assert_eq!(heap.host().take_misuses().len(), 66_000);
    let mut cache = Cache::new();
    let blocks = take_many(&heap, &mut cache, 64, 1000);
    blocks.into_iter().for_each(|block| block.free(&heap, &mut cache, true));
    finish(&heap, [&mut cache]);
    assert_eq!(heap.stats().sent_home, 0);
}

/// More caches live at a time than there are owner ids: those without one work, if slower.
#[test]
fn a_cache_without_an_owner_id_works() {
    let heap = heap();
    heap.host().manners(|manners| manners.tolerate_misuse = true);
    let mut first = Cache::new();
    let guard = take(&heap, &mut first, 64, 1, 7).expect("memory");
    for _ in 0..65_536 {
        // Starts a cache that is then forgotten, and its id with it.
        let mut cache = Cache::new();
        // SAFETY: a wrong call, which is noticed.
        unsafe { heap.deallocate(&mut cache, core::ptr::without_provenance_mut(8)) }
    }
    heap.host().take_misuses();
    let mut late = Cache::new();
    for size in SIZES {
        let blocks = take_many(&heap, &mut late, size, 20);
        blocks.into_iter().for_each(|block| block.free(&heap, &mut late, true));
        heap.validate().expect("a sound heap");
    }
    let blocks = take_many(&heap, &mut late, 64, 1000);
    let owned = take_many(&heap, &mut first, 64, 1000);
    blocks.into_iter().for_each(|block| block.free(&heap, &mut first, true));
    owned.into_iter().for_each(|block| block.free(&heap, &mut late, true));
    guard.free(&heap, &mut late, false);
    finish(&heap, [&mut first, &mut late]);
    assert_eq!(heap.host().take_misuses(), []);
}

#[test]
fn the_first_superslab_is_small() {
    let heap = heap();
    let mut cache = Cache::new();
    let mut blocks = take_many(&heap, &mut cache, 64, 1);
    assert_eq!((heap.stats().slabs.mapped, heap.stats().slabs.count), (MIB, 1));
    while heap.stats().slabs.count < 4 {
        blocks.extend(take_many(&heap, &mut cache, 4 * KIB, 16));
    }
    assert_eq!(heap.stats().slabs.mapped, 7 * MIB);
    blocks.into_iter().for_each(|block| block.free(&heap, &mut cache, true));
    finish(&heap, [&mut cache]);
}

#[test]
fn every_alignment_is_served() {
    let heap = heap();
    let mut cache = Cache::new();
    for size in [0, 1, 8, 100, 4096, 5000, 40 * KIB, MIB, 2 * MIB, 2 * MIB + 1] {
        for shift in 0..=25 {
            let align = 1 << shift;
            // Two at a time, so that not the first place of a superslab serves both.
            let one = take(&heap, &mut cache, size, align, 1).expect("memory");
            let two = take_zeroed(&heap, &mut cache, size, align, 2).expect("memory");
            one.free(&heap, &mut cache, true);
            let two = two.resize(&heap, &mut cache, size + 10, true, 3).expect("memory");
            two.free(&heap, &mut cache, false);
        }
    }
    finish(&heap, [&mut cache]);
}

#[test]
fn what_cannot_be_gets_null() {
    let heap = heap();
    let mut cache = Cache::new();
    let most = isize::MAX as usize;
    let (sizes, aligns) = ([most, most + 1, usize::MAX - 4096, usize::MAX], [1, 16, 4096, MIB]);
    for (size, align) in sizes.into_iter().flat_map(|size| aligns.map(|align| (size, align))) {
        assert!(take(&heap, &mut cache, size, align, 0).is_none());
        assert!(take_zeroed(&heap, &mut cache, size, align, 0).is_none());
    }
    let top = 1 << (usize::BITS - 1);
    // Narrow pointers reach every alignment that there is.
    let far = [(1, top / 2), (1, top), (3 * MIB, top >> 16)].into_iter().filter(|_| !NARROW);
    for (size, align) in far.chain([(most, top)]) {
        assert!(take(&heap, &mut cache, size, align, 0).is_none());
    }
    for size in [64, 40 * KIB, 3 * MIB] {
        let block = take(&heap, &mut cache, size, 1, 0).expect("memory");
        let block = block.resize(&heap, &mut cache, usize::MAX, false, 0).unwrap_err();
        let block = block.resize(&heap, &mut cache, most + 1, true, 0).unwrap_err();
        block.free(&heap, &mut cache, true);
    }
    finish(&heap, [&mut cache]);
}

#[test]
fn purging_gives_back_what_is_free() {
    for refuse in [false, true] {
        let heap = heap();
        let mut cache = Cache::new();
        let mut kept = Vec::new();
        for size in [64, 5000, 40 * KIB, 3 * MIB] {
            let mut blocks = take_many(&heap, &mut cache, size, (8 * MIB / size).min(20_000));
            kept.extend(blocks.pop());
            blocks.into_iter().for_each(|block| block.free(&heap, &mut cache, true));
        }
        let (before, stats) = (heap.host().mapped(), heap.stats());
        heap.host().manners(|manners| manners.refuse_unmap = refuse);
        let purged = heap.purge(&mut cache);
        heap.validate().expect("a sound heap");
        let fell = before - heap.host().mapped();
        let in_place = heap.stats().purged - stats.purged;
        assert_eq!(purged.bytes, fell + in_place);
        assert!(in_place > 0 && purged.bytes + purged.kept > 2 * MIB, "{purged:?}");
        assert_eq!((fell == 0, purged.kept > 0), (refuse, refuse));
        let again = heap.purge(&mut cache);
        assert_eq!((again.bytes, again.kept), (0, purged.kept));
        assert_eq!((again.caches, again.cached), (0, 0));
        heap.host().manners(|manners| manners.refuse_unmap = false);
        for size in [64, 5000, 40 * KIB] {
            for mark in 0..100 {
                kept.extend(take_zeroed(&heap, &mut cache, size, 1, mark));
            }
        }
        kept.into_iter().for_each(|block| block.free(&heap, &mut cache, false));
        finish(&heap, [&mut cache]);
    }
}

#[test]
fn every_address_is_described() {
    let heap = heap();
    let [mut cache, mut other] = [Cache::new(), Cache::new()];
    let small = take(&heap, &mut cache, 100, 1, 1).expect("memory").start.addr();
    let describe = |address: usize| {
        let place = heap.describe(address);
        assert_eq!(heap.owns(core::ptr::without_provenance(address)), place.is_some());
        place.map(|place| (place.kind, place.base, place.size, place.free))
    };
    let of_slab = |base: usize, free| Some((PlaceKind::Slab, base, 112, free));
    for inside in [0, 1, 50, 111] {
        assert_eq!(describe(small + inside), of_slab(small, None));
    }
    // The next one lies in the cache's list, one far behind was never carved.
    assert_eq!(describe(small + 112), of_slab(small + 112, None));
    assert_eq!(describe(small + 50_000 / 112 * 112 + 5).map(|place| place.3), Some(Some(true)));
    let place = heap.describe(small + 3).expect("a place");
    assert_eq!(place.class, Some(7));
    for part in [format!("112 bytes at {small:#x}"), "class 7".into()] {
        assert!(place.to_string().contains(&part), "{place}");
    }
    let superslab = small / MIB * MIB;
    let idle = superslab + MIB - 5;
    let slot = idle / (64 * KIB) * (64 * KIB);
    assert_eq!(describe(idle), Some((PlaceKind::Idle, slot, 64 * KIB, Some(true))));
    assert!(heap.describe(idle).unwrap().to_string().contains(&format!("{slot:#x}")));

    // A block that came home is known to be free.
    let second = take(&heap, &mut cache, 100, 1, 2).expect("memory");
    let address = second.start.addr();
    assert_eq!(describe(address), of_slab(address, None));
    second.free(&heap, &mut other, true);
    heap.retire_cache(&mut other);
    assert_eq!(describe(address + 111), of_slab(address, Some(true)));

    let span = take(&heap, &mut cache, 100 * KIB, 1, 3).expect("memory");
    let (start, size) = (span.start.addr(), heap.usable_size(span.start).unwrap());
    for inside in [0, 1, 70 * KIB, size - 1] {
        assert_eq!(describe(start + inside), Some((PlaceKind::Span, start, size, Some(false))));
    }
    span.free(&heap, &mut cache, true);
    assert_eq!(describe(start + 5), Some((PlaceKind::Span, start, size, Some(true))));

    let large = take(&heap, &mut cache, 5 * MIB, 1, 4).expect("memory");
    let start = large.start.addr();
    for inside in [0, 1, 64 * KIB, 5 * MIB - 1] {
        assert_eq!(describe(start + inside), Some((PlaceKind::Large, start, 5 * MIB, Some(false))));
    }
    large.free(&heap, &mut cache, true);
    heap.purge(&mut cache);
    assert_eq!(describe(start), None);
    assert_eq!(describe(start + 2 * MIB), None);
    for wild in [0, 8, 1 << (usize::BITS - 17), 1 << (usize::BITS - 1), usize::MAX] {
        assert_eq!(describe(wild), None);
    }
}

#[test]
fn the_numbers_add_up() {
    let heap = heap();
    let mut cache = Cache::new();
    let mut random = Random(77);
    let mut held = Vec::new();
    for step in 0..4000 {
        if random.below(5) < 3 {
            held.push(take(&heap, &mut cache, random.size(), 1, step).expect("memory"));
        } else if !held.is_empty() {
            let at = random.below(held.len());
            held.swap_remove(at).free(&heap, &mut cache, true);
        }
        if step % 400 != 0 {
            continue;
        }
        let census = heap.validate().expect("a sound heap");
        let stats = heap.stats();
        let layers = [stats.slabs, stats.spans, stats.large];
        let mapped: usize = layers.iter().map(|layer| layer.mapped).sum();
        assert_eq!(stats.mapped, mapped + stats.kept + stats.tables);
        assert_eq!(stats.mapped, heap.host().mapped());
        assert!(layers.iter().all(|layer| layer.held <= layer.mapped));
        assert!(stats.mapped_peak >= stats.mapped);
        assert_eq!(stats.classes.len(), CLASSES);
        let bytes = |class: &hakmem_core::ClassStats| (class.carved - class.returned) * class.size;
        assert_eq!(stats.classes.iter().map(bytes).sum::<usize>(), stats.slabs.held);
        assert_eq!(stats.classes.iter().map(|class| class.slabs).sum::<usize>(), census.slabs);
        assert!(stats.classes.iter().all(|class| class.carved <= class.capacity));
        assert!(stats.stages.iter().sum::<u64>() >= census.slabs as u64);
        let large = held.iter().filter(|block| block.size > 2 * MIB).count();
        assert_eq!(stats.large.count, large);
    }
    held.into_iter().for_each(|block| block.free(&heap, &mut cache, false));
    finish(&heap, [&mut cache]);
    let stats = heap.stats();
    assert!(stats.maps > 0 && stats.unmaps > 0 && stats.refills > 0);
}

#[test]
fn resizing_stays_in_place_where_it_can() {
    let heap = heap();
    let mut cache = Cache::new();
    for (size, within) in [(100, 112), (1000, 900), (33 * KIB, 36 * KIB), (5 * MIB, 5 * MIB - 9)] {
        let block = take(&heap, &mut cache, size, 1, 1).expect("memory");
        let start = block.start;
        let block = block.resize(&heap, &mut cache, within, true, 2).expect("memory");
        assert_eq!(block.start, start, "{size} to {within}");
        let block = block.resize(&heap, &mut cache, size, false, 3).expect("memory");
        assert_eq!(block.start, start, "{within} to {size}");
        block.free(&heap, &mut cache, true);
    }
    // Through all layers, up and down, the contents come along.
    let mut block = take(&heap, &mut cache, 1, 1, 1).expect("memory");
    let up = (0..24).map(|shift| (1 << shift) + 3);
    for (mark, size) in up.clone().chain(up.rev()).enumerate() {
        block = block.resize(&heap, &mut cache, size, mark % 2 == 0, mark as u64).expect("memory");
    }
    block.free(&heap, &mut cache, true);
    finish(&heap, [&mut cache]);
}

#[test]
fn the_hot_paths_need_no_lock() {
    let heap = heap();
    let mut cache = Cache::new();
    let blocks = take_many(&heap, &mut cache, 64, 10);
    blocks.into_iter().for_each(|block| block.free(&heap, &mut cache, true));
    heap.lock_for_fork();
    for mark in 0..10 {
        take(&heap, &mut cache, 64, 1, mark).expect("memory").free(&heap, &mut cache, true);
    }
    // SAFETY: locked above.
    unsafe { heap.unlock_after_fork() };
    take(&heap, &mut cache, 64 * KIB, 1, 0).expect("memory").free(&heap, &mut cache, true);
    finish(&heap, [&mut cache]);
}

/// Lists grow until they hold a swing of their thread, beside threads that do nothing: from then on
/// none of its blocks goes home.
#[test]
fn lists_grow_to_a_swing_beside_other_caches() {
    let spills = |swings: usize| {
        let heap = heap();
        let [mut busy, mut idle, mut idler] = [Cache::new(), Cache::new(), Cache::new()];
        for cache in [&mut idle, &mut idler] {
            take(&heap, cache, 64, 1, 1).expect("memory").free(&heap, cache, true);
        }
        for _ in 0..swings {
            let mut random = Random(7);
            let sizes = (0..10_000).map(|_| 8 + random.below(1017));
            let blocks: Vec<*mut u8> =
                // SAFETY: the cache is this heap's.
                sizes.map(|size| unsafe { heap.allocate(&mut busy, size) }).collect();
            for block in blocks.into_iter().rev() {
                // SAFETY: allocated above, and freed once.
                unsafe { heap.deallocate(&mut busy, block) };
            }
        }
        for cache in [&mut busy, &mut idle, &mut idler] {
            heap.retire_cache(cache);
        }
        heap.stats().spills
    };
    let settled = spills(8);
    assert!(settled > 0, "a swing is no longer than the lists are at first");
    assert_eq!(spills(16), settled);
}
