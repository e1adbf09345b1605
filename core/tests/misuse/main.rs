//! Every row of the crate's table "What is caught", seen by a host that records wrong calls and lets
//! the heap go on.

#[path = "../fakes/mod.rs"]
mod fakes;
#[path = "../held/mod.rs"]
mod held;
mod layers;

use core::ptr::without_provenance_mut;
use fakes::{Fake, NARROW};
use hakmem_core::MisuseKind::{DoubleFree, Interior, NotOurs, WrongSize};
use hakmem_core::{Cache, Call, Heap, Misuse, MisuseKind};
use held::{Random, finish, take};

const KIB: usize = 1 << 10;
const MIB: usize = 1 << 20;

fn heap() -> Box<Heap<Fake>> {
    let heap = fakes::heap(Fake::new());
    heap.host().manners(|manners| manners.tolerate_misuse = true);
    heap
}

fn allocate(heap: &Heap<Fake>, cache: &mut Cache, size: usize) -> *mut u8 {
    // SAFETY: the tests use each cache with one heap.
    let block = unsafe { heap.allocate(cache, size) };
    assert!(!block.is_null());
    block
}

fn free(heap: &Heap<Fake>, cache: &mut Cache, block: *mut u8) {
    // SAFETY: the block is given up; or the call is a wrong one, which must be noticed.
    unsafe { heap.deallocate(cache, block) }
}

fn free_sized(heap: &Heap<Fake>, cache: &mut Cache, block: *mut u8, size: usize, align: usize) {
    // SAFETY: as in `free`.
    unsafe { heap.deallocate_sized(cache, block, size, align) }
}

fn kinds(heap: &Heap<Fake>) -> Vec<MisuseKind> {
    heap.host().take_misuse_kinds()
}

/// What the heap said since it was last asked: one thing.
fn only(heap: &Heap<Fake>) -> Misuse {
    let misuses = heap.host().take_misuses();
    assert_eq!(misuses.len(), 1, "{misuses:?}");
    misuses[0]
}

/// A cache's ages.
#[derive(Clone, Copy, Debug)]
enum Age {
    Untouched,
    Live,
    Ended,
}

const AGES: [Age; 3] = [Age::Untouched, Age::Live, Age::Ended];

fn cache(heap: &Heap<Fake>, age: Age) -> Box<Cache> {
    let mut cache = Box::new(Cache::new());
    match age {
        Age::Untouched => {}
        Age::Live => {
            let block = allocate(heap, &mut cache, 1);
            free(heap, &mut cache, block);
        }
        Age::Ended => heap.retire_cache(&mut cache),
    }
    cache
}

#[test]
fn pointers_that_are_not_ours() {
    let heap = heap();
    let other = self::heap();
    let mut cache = Cache::new();
    let on_stack = 0u64;
    let superslab = allocate(&heap, &mut cache, 64).addr() & !(MIB - 1);
    let others = allocate(&other, &mut Cache::new(), 64).addr();
    let spot = &raw const on_stack as usize;
    let wild = [
        // Beside null, and where nothing is ever mapped.
        1,
        8,
        16,
        4096,
        65536,
        // Beside what is ours; somebody else's.
        superslab - 16,
        superslab + MIB,
        others,
        spot,
        pointers_that_are_not_ours as *const () as usize,
        usize::MAX - 15,
        usize::MAX,
    ];
    // Past the last bit that addresses have, and where that bit alone is wrong.
    let bit = |above| 1usize << (usize::BITS - above);
    let past = [
        bit(17),
        bit(17) - 16,
        bit(16),
        bit(16) + 65536,
        superslab | bit(16),
        superslab | bit(1),
        bit(1),
    ];
    let wild: Vec<usize> = wild.into_iter().chain(past.into_iter().filter(|_| !NARROW)).collect();
    for age in AGES {
        let mut cache = self::cache(&heap, age);
        for &address in &wild {
            let pointer = without_provenance_mut(address);
            free(&heap, &mut cache, pointer);
            let expected = Misuse { kind: NotOurs, call: Call::Free, address, size: 0, block: 0 };
            assert_eq!(only(&heap), expected);
            for (size, align) in [(0, 1), (64, 8), (64, 64), (4096, 4096), (MIB, 1), (8 * MIB, 1)] {
                free_sized(&heap, &mut cache, pointer, size, align);
                let misuse = only(&heap);
                assert_eq!((misuse.kind, misuse.address), (NotOurs, address));
            }
            for size in [8, 4096, MIB, 8 * MIB] {
                // SAFETY: wrong calls, which must be noticed.
                let [one, two] = unsafe {
                    [
                        heap.reallocate(&mut cache, pointer, size),
                        heap.reallocate_sized(&mut cache, pointer, 64, 16, size),
                    ]
                };
                assert!(one.is_null() && two.is_null());
                let misuses = heap.host().take_misuses();
                assert_eq!(misuses.len(), 2);
                for misuse in misuses {
                    let Misuse { kind, call, .. } = misuse;
                    assert_eq!((kind, call, misuse.address), (NotOurs, Call::Reallocate, address));
                }
            }
            assert_eq!(heap.usable_size(pointer), None);
            assert_eq!(heap.describe(address), None);
            assert!(!heap.owns(pointer));
        }
        heap.retire_cache(&mut cache);
    }
    // Null is nobody's, and no mistake.
    free(&heap, &mut cache, core::ptr::null_mut());
    free(&heap, &mut cache, without_provenance_mut(superslab));
    finish(&heap, [&mut cache]);
    assert_eq!(kinds(&heap), []);
}

/// Frees each of many blocks twice in a row: at every filling of the list, and after each spill.
#[test]
fn a_block_freed_twice_in_a_row() {
    for (size, count) in [(8, 3000), (64, 3000), (1000, 300), (4096, 100), (32768, 40)] {
        let heap = heap();
        let mut cache = Cache::new();
        let blocks: Vec<_> = (0..count).map(|_| allocate(&heap, &mut cache, size)).collect();
        for block in blocks {
            free(&heap, &mut cache, block);
            assert_eq!(kinds(&heap), []);
            free(&heap, &mut cache, block);
            let misuse = only(&heap);
            assert_eq!((misuse.kind, misuse.address), (DoubleFree, block.addr()), "{size}");
            free_sized(&heap, &mut cache, block, size, 1);
            assert_eq!(kinds(&heap), [DoubleFree], "{size}");
        }
        finish(&heap, [&mut cache]);
    }
}

/// The same for blocks of another cache's slabs, and by caches of every age.
#[test]
fn a_foreign_block_freed_twice_in_a_row() {
    for (size, count) in [(8, 3000), (64, 3000), (1000, 300), (4096, 100), (32768, 40)] {
        for age in AGES {
            let heap = heap();
            let mut owner = Cache::new();
            let mut cache = cache(&heap, age);
            let guard = allocate(&heap, &mut owner, size);
            let blocks: Vec<_> = (0..count).map(|_| allocate(&heap, &mut owner, size)).collect();
            for block in blocks {
                free(&heap, &mut cache, block);
                assert_eq!(kinds(&heap), []);
                free(&heap, &mut cache, block);
                let misuse = only(&heap);
                assert_eq!((misuse.kind, misuse.address), (DoubleFree, block.addr()), "{size}");
            }
            heap.retire_cache(&mut cache);
            assert_eq!(kinds(&heap), []);
            free(&heap, &mut owner, guard);
            finish(&heap, [&mut owner]);
        }
    }
}

/// A second free after the first copy went home: seen when the second does.
#[test]
fn a_block_freed_again_after_it_went_home() {
    let heap = heap();
    let [mut owner, mut other] = [Cache::new(), Cache::new()];
    let guard = take(&heap, &mut owner, 64, 16, 99).unwrap();
    for own in [true, false] {
        let block = allocate(&heap, &mut owner, 64);
        let cache = if own { &mut owner } else { &mut other };
        free(&heap, cache, block);
        heap.purge(cache);
        free(&heap, cache, block);
        heap.purge(cache);
        assert_eq!(only(&heap).kind, DoubleFree);
    }
    // The second free changed nothing: every page is accounted for in the end.
    let mut more: Vec<_> =
        (0..2000).map(|mark| take(&heap, &mut owner, 64, 16, mark).unwrap()).collect();
    more.push(guard);
    heap.validate().expect("a sound heap");
    more.into_iter().for_each(|block| block.free(&heap, &mut other, true));
    finish(&heap, [&mut owner, &mut other]);
}

/// Second frees at random among many, each after the block went home: each is noticed, and none does
/// harm.
#[test]
fn second_frees_of_blocks_that_are_home() {
    for seed in 1..=10 {
        let mut random = Random(seed * 0x9e37_79b9);
        let heap = heap();
        let [mut owner, mut other] = [Cache::new(), Cache::new()];
        let guards: Vec<_> =
            (0..50).map(|mark| take(&heap, &mut owner, 48, 16, mark).unwrap()).collect();
        let blocks: Vec<_> = (0..3000).map(|_| allocate(&heap, &mut owner, 48)).collect();
        blocks.iter().for_each(|block| free(&heap, &mut owner, *block));
        heap.purge(&mut owner);
        for count in 1..200 {
            free(&heap, &mut other, blocks[random.below(blocks.len())]);
            if count % 20 == 0 {
                heap.purge(&mut other);
                assert!(kinds(&heap).iter().filter(|kind| **kind == DoubleFree).count() > 0);
                heap.validate().expect("a sound heap");
            }
        }
        heap.purge(&mut other);
        kinds(&heap);
        guards.into_iter().for_each(|block| block.free(&heap, &mut other, true));
        finish(&heap, [&mut owner, &mut other]);
    }
}

/// `realloc` looks before it copies: at the pointer, and at the size that is stated.
#[test]
fn reallocations_of_what_is_no_block_or_of_another_size() {
    for (size, wrong) in [(48, 80), (5000, 300), (100 * KIB, 500 * KIB), (3 * MIB, 2 * MIB)] {
        let heap = heap();
        let mut cache = Cache::new();
        let held = take(&heap, &mut cache, size, 16, 7).unwrap();
        let before = heap.validate().expect("a sound heap");
        // SAFETY: wrong calls, which must be noticed.
        let answers = unsafe {
            [
                heap.reallocate(&mut cache, held.start.wrapping_add(16), 2 * size),
                heap.reallocate_sized(&mut cache, held.start.wrapping_add(16), size, 1, 2 * size),
                heap.reallocate_sized(&mut cache, held.start, wrong, 1, 2 * size),
            ]
        };
        assert_eq!(answers, [core::ptr::null_mut(); 3]);
        let misuses = heap.host().take_misuses();
        assert!(misuses.iter().all(|misuse| misuse.call == Call::Reallocate));
        let kinds: Vec<_> = misuses.iter().map(|misuse| misuse.kind).collect();
        assert_eq!(kinds, [Interior, Interior, WrongSize]);
        assert_eq!(heap.validate().expect("a sound heap"), before);
        held.free(&heap, &mut cache, true);
        finish(&heap, [&mut cache]);
    }
}

/// A free of a block whose slab is no more.
#[test]
fn a_block_freed_again_after_its_slab_retired() {
    let heap = heap();
    let mut cache = Cache::new();
    let guard = allocate(&heap, &mut cache, 4096);
    let block = allocate(&heap, &mut cache, 64);
    free(&heap, &mut cache, block);
    heap.purge(&mut cache);
    free(&heap, &mut cache, block);
    assert_eq!(only(&heap).kind, DoubleFree);
    // SAFETY: a wrong call, which must be noticed.
    assert!(unsafe { heap.reallocate(&mut cache, block, 100) }.is_null());
    assert_eq!(only(&heap).call, Call::Reallocate);
    free(&heap, &mut cache, guard);
    finish(&heap, [&mut cache]);
}

/// `p, q, p`: the list runs in a circle. It is noticed when it goes home, at the latest, the walk
/// ends, and no block that somebody else holds is harmed.
#[test]
fn a_list_in_a_circle() {
    for own in [true, false] {
        let heap = heap();
        let [mut owner, mut other] = [Cache::new(), Cache::new()];
        let guards: Vec<_> =
            (0..100).map(|mark| take(&heap, &mut owner, 64, 16, mark).unwrap()).collect();
        let [p, q] = [0; 2].map(|_| allocate(&heap, &mut owner, 64));
        let cache = if own { &mut owner } else { &mut other };
        for block in [p, q, p] {
            free(&heap, cache, block);
        }
        heap.purge(cache);
        let misuses = kinds(&heap);
        assert!(!misuses.is_empty() && misuses.iter().all(|kind| *kind == DoubleFree));
        // What lay in the list may be lost; what lives is not handed out again.
        let census = heap.validate().expect("a sound heap");
        assert!(census.blocks >= guards.len());
        let more: Vec<_> =
            (0..5000).map(|mark| take(&heap, &mut other, 64, 16, mark).unwrap()).collect();
        for block in guards.into_iter().chain(more) {
            block.free(&heap, &mut owner, true);
        }
        for cache in [&mut owner, &mut other] {
            heap.retire_cache(cache);
        }
        assert!(heap.validate().expect("a sound heap").blocks <= 2 + 64);
        assert_eq!(kinds(&heap), []);
    }
}

/// Longer circles at random, with other blocks between: no walk hangs.
#[test]
fn random_circles_end() {
    for seed in 1..=20 {
        let mut random = Random(seed * 0x9e37_79b9);
        let heap = heap();
        let [mut owner, mut other] = [Cache::new(), Cache::new()];
        let guard = allocate(&heap, &mut owner, 48);
        let blocks: Vec<_> = (0..20).map(|_| allocate(&heap, &mut owner, 48)).collect();
        let cache = if seed % 2 == 0 { &mut owner } else { &mut other };
        for _ in 0..40 {
            free(&heap, cache, blocks[random.below(blocks.len())]);
        }
        heap.purge(cache);
        assert!(!kinds(&heap).is_empty(), "40 frees of 20 blocks");
        free(&heap, cache, guard);
        heap.retire_cache(&mut owner);
        heap.retire_cache(&mut other);
    }
}

/// A pointer into a small block: seen when the list goes home, at the latest; the blocks around it
/// go home as if nothing had been.
#[test]
fn a_pointer_into_a_small_block() {
    for size in [24, 48, 64, 1000, 5000, 32768] {
        for (age, own) in AGES.map(|age| (age, false)).into_iter().chain([(Age::Live, true)]) {
            let heap = heap();
            let mut owner = Box::new(Cache::new());
            let blocks: Vec<_> = (0..5).map(|_| allocate(&heap, &mut owner, size)).collect();
            let mut foreign = cache(&heap, age);
            let cache = if own { &mut owner } else { &mut foreign };
            let room = heap.usable_size(blocks[2]).unwrap();
            // A word must fit behind it: what lies in the last seven bytes reaches the next block.
            let inside = [8, (room / 2) & !7, room - 8];
            for offset in inside {
                free(&heap, cache, blocks[2].wrapping_add(offset));
                heap.purge(cache);
                let misuse = only(&heap);
                assert_eq!((misuse.kind, misuse.block), (Interior, room));
                assert_eq!(misuse.address, blocks[2].addr() + offset);
            }
            for block in [blocks[0], blocks[2].wrapping_add(8), blocks[1], blocks[4]] {
                free(&heap, cache, block);
            }
            heap.purge(cache);
            assert_eq!(kinds(&heap), [Interior]);
            heap.purge(&mut owner);
            heap.purge(&mut foreign);
            assert_eq!(heap.validate().expect("a sound heap").blocks, 2);
            for block in [blocks[2], blocks[3]] {
                free(&heap, &mut foreign, block);
            }
            heap.retire_cache(&mut foreign);
            finish(&heap, [&mut *owner]);
            assert_eq!(kinds(&heap), []);
        }
    }
}

/// A spill finds it too.
#[test]
fn a_pointer_into_a_small_block_is_found_by_a_spill() {
    let heap = heap();
    let mut cache = Cache::new();
    let blocks: Vec<_> = (0..5000).map(|_| allocate(&heap, &mut cache, 64)).collect();
    free(&heap, &mut cache, blocks[0].wrapping_add(16));
    for block in &blocks[1..] {
        free(&heap, &mut cache, *block);
    }
    assert_eq!(kinds(&heap), [Interior]);
    free(&heap, &mut cache, blocks[0]);
    finish(&heap, [&mut cache]);
}

/// Where no block begins, or none that was ever handed out: the rest behind a slab's last block, and
/// blocks that were not carved yet.
#[test]
fn a_pointer_to_a_block_that_never_was() {
    for size in [48, 64, 112, 4096, 5120, 28672] {
        let heap = heap();
        let mut cache = Cache::new();
        let block = allocate(&heap, &mut cache, size);
        let room = heap.usable_size(block).unwrap();
        // The slab begins where its first block does, and that is the first to be handed out.
        let count = (64 * KIB / room).max(8);
        for index in [count - 1, count] {
            free(&heap, &mut cache, block.wrapping_add(index * room));
            heap.purge(&mut cache);
            let misuse = only(&heap);
            assert!(matches!(misuse.kind, Interior | DoubleFree), "{misuse:?}");
            assert_eq!(heap.validate().expect("a sound heap").blocks, 1);
        }
        free(&heap, &mut cache, block);
        finish(&heap, [&mut cache]);
    }
}
