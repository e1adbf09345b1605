//! A heap with a limit: its source never holds more, what is free is used before anything is refused,
//! and what was refused succeeds once there is room.

mod fakes;
mod held;

use fakes::Fake;
use hakmem_core::{Cache, Heap};
use held::{Held, Random, finish, take, take_zeroed};
use std::thread;

const KIB: usize = 1 << 10;
const MIB: usize = 1 << 20;
/// A size of each layer.
const SIZES: [usize; 6] = [250, 5000, 30 * KIB, 200 * KIB, 2 * MIB, 3 * MIB];

fn heap(limit: usize) -> Box<Heap<Fake>> {
    let heap = fakes::heap(Fake::new());
    heap.set_limit(Some(limit));
    heap
}

/// Takes blocks until there is no memory for one more.
fn exhaust(heap: &Heap<Fake>, cache: &mut Cache, size: usize) -> Vec<Held> {
    (0..).map_while(|mark| take(heap, cache, size, 1, mark)).collect()
}

fn free(heap: &Heap<Fake>, cache: &mut Cache, blocks: impl IntoIterator<Item = Held>) {
    blocks.into_iter().for_each(|block| block.free(heap, cache, true));
}

/// The source and the heap's own books agree that there was never more than `limit`.
fn check(heap: &Heap<Fake>, limit: usize) {
    heap.validate().expect("a sound heap");
    let stats = heap.stats();
    assert_eq!((stats.mapped, stats.limit), (heap.host().mapped(), heap.limit()));
    // What is to come is booked ahead of the source.
    let peaks = (heap.host().peak(), stats.mapped_peak);
    assert!(peaks.0 <= peaks.1 && peaks.1 <= limit, "{peaks:?} bytes of {limit}");
}

/// Random calls over several caches. Answers how many were refused.
fn act(heap: &Heap<Fake>, caches: &mut [Box<Cache>], steps: usize, seed: u64) -> usize {
    let mut random = Random(seed);
    let (mut held, mut refused): (Vec<Held>, usize) = (Vec::new(), 0);
    for _ in 0..steps {
        let (mark, sized) = (random.next(), random.below(2) == 0);
        let cache = random.below(caches.len());
        let cache = &mut *caches[cache];
        match random.below(100) {
            0..50 => {
                let size = random.size();
                let align = if random.below(8) == 0 { 1 << random.below(17) } else { 1 };
                let block = if mark % 4 == 0 {
                    take_zeroed(heap, cache, size, align, mark)
                } else {
                    take(heap, cache, size, align, mark)
                };
                refused += usize::from(block.is_none());
                held.extend(block);
            }
            50..65 if !held.is_empty() => {
                let block = held.swap_remove(random.below(held.len()));
                let resized = block.resize(heap, cache, random.size(), sized, mark);
                held.push(resized.unwrap_or_else(|block| {
                    refused += 1;
                    block
                }));
            }
            65..97 if !held.is_empty() => {
                let block = held.swap_remove(random.below(held.len()));
                block.free(heap, cache, sized);
            }
            97 => free(heap, cache, held.drain(..)),
            98 => {
                heap.retire_cache(cache);
                if sized {
                    *cache = Cache::new();
                }
            }
            _ => {}
        }
    }
    free(heap, &mut caches[0], held);
    refused
}

#[test]
fn random_actions_never_pass_the_limit() {
    for (limit, seed) in [(4 * MIB, 1), (7 * MIB + 12 * KIB, 2), (16 * MIB - 1, 3), (40 * MIB, 4)] {
        let heap = heap(limit);
        if seed % 2 == 0 {
            heap.host().manners(|manners| manners.always_move = true);
            heap.set_soft_limit(Some(limit / 2));
        }
        let mut caches: Vec<Box<Cache>> = (0..3).map(|_| Box::default()).collect();
        let refused = act(&heap, &mut caches, 8_000, 0x9e37_79b9 * seed);
        assert!(refused > 0, "{limit} bytes were enough");
        check(&heap, limit);
        finish(&heap, caches.iter_mut().map(|cache| &mut **cache));
    }
}

#[test]
fn threads_never_pass_the_limit_together() {
    const LIMIT: usize = 24 * MIB;
    let heap = heap(LIMIT);
    let refused: usize = thread::scope(|scope| {
        let threads = [1, 2, 3, 4].map(|seed| {
            let heap = &*heap;
            scope.spawn(move || {
                let mut caches = [Box::<Cache>::default()];
                let refused = act(heap, &mut caches, 5_000, 0x51ed_270b * seed);
                heap.retire_cache(&mut caches[0]);
                refused
            })
        });
        threads.into_iter().map(|thread| thread.join().expect("no panic")).sum()
    });
    assert!(refused > 0, "the limit was enough");
    check(&heap, LIMIT);
    let mut cache = Cache::new();
    let blocks = exhaust(&heap, &mut cache, 2 * MIB);
    assert!(blocks.len() >= (LIMIT - MIB) / (2 * MIB) - 1, "{} blocks", blocks.len());
    free(&heap, &mut cache, blocks);
    finish(&heap, [&mut cache]);
}

/// At the limit null; and what one block gives back is there for the next.
#[test]
fn null_at_the_limit_and_memory_again_after_a_free() {
    const LIMIT: usize = 16 * MIB;
    for size in SIZES {
        let heap = heap(LIMIT);
        let mut cache = Cache::new();
        let mut blocks = exhaust(&heap, &mut cache, size);
        check(&heap, LIMIT);
        let bytes = blocks.len() * size;
        assert!(bytes <= LIMIT && bytes > LIMIT * 5 / 8, "{} blocks of {size}", blocks.len());
        for mark in 0..3 {
            assert!(take(&heap, &mut cache, size, 1, mark).is_none());
            free(&heap, &mut cache, blocks.pop());
            blocks.extend(take(&heap, &mut cache, size, 1, mark));
            assert_eq!(blocks.len() * size, bytes, "{size}");
        }
        heap.set_limit(Some(2 * LIMIT));
        blocks.extend(exhaust(&heap, &mut cache, size));
        assert!(blocks.len() * size > bytes * 3 / 2, "a higher limit");
        check(&heap, 2 * LIMIT);
        free(&heap, &mut cache, blocks);
        finish(&heap, [&mut cache]);
    }
}

/// What lies in the calling cache, in the bins and in the arena is given back and used for something
/// else before anything is refused: all of the heap for one size after the other.
#[test]
fn what_is_free_is_used_before_null() {
    const LIMIT: usize = 9 * MIB;
    // The smallest are left out: every byte of theirs is checked, which takes its time.
    let sizes = &SIZES[1..];
    for &second in sizes {
        let alone = exhaust(&heap(LIMIT), &mut Cache::new(), second).len();
        for &first in sizes {
            let heap = heap(LIMIT);
            let mut cache = Cache::new();
            let blocks = exhaust(&heap, &mut cache, first);
            free(&heap, &mut cache, blocks);
            let blocks = exhaust(&heap, &mut cache, second);
            // Tables that the first size needed, and that stay, may cost a block.
            let least = alone - 1 - alone / 8;
            assert!(blocks.len() >= least, "{} of {alone}: {second} after {first}", blocks.len());
            check(&heap, LIMIT);
            free(&heap, &mut cache, blocks);
            finish(&heap, [&mut cache]);
        }
    }
}

/// An ended cache and a fresh one come to the limit like any other.
#[test]
fn ended_and_fresh_caches_at_the_limit() {
    const LIMIT: usize = 8 * MIB;
    for size in SIZES {
        let heap = heap(LIMIT);
        let [mut cache, mut ended, mut fresh] = [const { Cache::new() }; 3];
        heap.retire_cache(&mut ended);
        let blocks = exhaust(&heap, &mut ended, size);
        assert!(blocks.len() * size > LIMIT / 4, "{} blocks of {size}", blocks.len());
        assert!(take(&heap, &mut fresh, size, 1, 0).is_none());
        free(&heap, &mut cache, blocks);
        heap.retire_cache(&mut cache);
        for cache in [&mut ended, &mut fresh] {
            let block = take(&heap, cache, size, 1, 1).expect("memory again");
            block.free(&heap, cache, false);
        }
        check(&heap, LIMIT);
        finish(&heap, [&mut ended, &mut fresh]);
    }
}

/// A limit below what is mapped: what is free goes at once, nothing more comes, what is live may be
/// freed and shortened, and below the limit there is service again.
#[test]
fn a_limit_below_what_is_mapped() {
    let heap = fakes::heap(Fake::new());
    let mut cache = Cache::new();
    let mut large: Vec<Held> =
        (0..6).map(|mark| take(&heap, &mut cache, 4 * MIB, 1, mark).expect("memory")).collect();
    let small = take(&heap, &mut cache, 100, 1, 9).expect("memory");
    free(&heap, &mut cache, large.pop());
    assert_eq!(heap.stats().kept, 4 * MIB);
    let mapped = heap.mapped();
    heap.set_limit(Some(8 * MIB));
    assert_eq!((heap.stats().kept, heap.mapped()), (0, mapped - 4 * MIB));
    let calls = heap.host().calls();
    for size in [200 * KIB, 2 * MIB, 3 * MIB] {
        assert!(take(&heap, &mut cache, size, 1, 1).is_none());
    }
    // There are slots for it in the superslab that is open.
    let other = take(&heap, &mut cache, 5000, 1, 2).expect("memory that is mapped");
    assert_eq!(heap.host().calls(), calls, "the source was asked for more");
    let longer = large.pop().expect("a block").resize(&heap, &mut cache, 5 * MIB, true, 4);
    let shorter = longer.expect_err("no memory").resize(&heap, &mut cache, 3 * MIB, true, 5);
    large.push(shorter.expect("less than before"));
    assert_eq!(heap.mapped(), mapped - 5 * MIB);
    while heap.mapped() > 8 * MIB {
        assert!(take(&heap, &mut cache, 3 * MIB, 1, 6).is_none());
        let (before, block) = (heap.mapped(), large.pop().expect("a block"));
        let size = block.size;
        free(&heap, &mut cache, [block]);
        assert!(heap.mapped() <= (before - size).max(8 * MIB), "kept above the limit");
    }
    free(&heap, &mut cache, large.pop());
    let again = take(&heap, &mut cache, 3 * MIB, 1, 7).expect("memory below the limit");
    assert!(heap.mapped() <= 8 * MIB);
    free(&heap, &mut cache, large.into_iter().chain([small, other, again]));
    finish(&heap, [&mut cache]);
}

/// A large block grows by as much as the limit leaves, with what is kept given back for it; and not
/// a page more.
#[test]
fn blocks_grow_up_to_the_limit() {
    for always_move in [false, true] {
        let heap = fakes::heap(Fake::new());
        heap.host().manners(|manners| manners.always_move = always_move);
        let mut cache = Cache::new();
        let block = take(&heap, &mut cache, 12 * MIB, 1, 1).expect("memory");
        let other = take(&heap, &mut cache, 6 * MIB, 1, 2).expect("memory");
        let limit = heap.mapped();
        heap.set_limit(Some(limit));
        free(&heap, &mut cache, [other]);
        assert_eq!((heap.stats().kept, heap.mapped()), (6 * MIB, limit));
        // There is no room for a copy, nor for a part to spare.
        let block = block.resize(&heap, &mut cache, 17 * MIB, true, 3).expect("memory");
        assert_eq!(heap.stats().kept, 0);
        let block = block.resize(&heap, &mut cache, 18 * MIB, true, 4).expect("memory");
        let block = block.resize(&heap, &mut cache, 18 * MIB + 1, true, 5).expect_err("no memory");
        assert_eq!(heap.mapped(), limit);
        check(&heap, limit);
        free(&heap, &mut cache, [block]);
        finish(&heap, [&mut cache]);
    }
}

/// Tables count too: wherever the limit cuts the first steps of a heap off, it holds, and nothing is
/// lost.
#[test]
fn the_limit_holds_for_tables() {
    let mut served = [0; 2];
    for limit in (0..4 * MIB).step_by(76 * KIB) {
        let heap = heap(limit);
        let mut cache = Cache::new();
        let blocks: Vec<Held> =
            SIZES.into_iter().filter_map(|size| take(&heap, &mut cache, size, 1, 1)).collect();
        served[usize::from(!blocks.is_empty())] += 1;
        check(&heap, limit);
        heap.set_limit(None);
        assert_eq!((heap.limit(), heap.stats().limit), (None, None));
        let more = take(&heap, &mut cache, 3 * MIB, 1, 2).expect("memory without a limit");
        free(&heap, &mut cache, blocks.into_iter().chain([more]));
        finish(&heap, [&mut cache]);
    }
    assert!(served[0] > 0 && served[1] > 0, "{served:?}");
}

/// Above the soft limit nothing is refused, but what is free goes before more is mapped.
#[test]
fn a_soft_limit_releases() {
    let run = |soft: Option<usize>| {
        let heap = fakes::heap(Fake::new());
        heap.set_soft_limit(soft);
        assert_eq!(heap.soft_limit(), soft);
        let mut cache = Cache::new();
        let mut blocks: Vec<Held> = (0..20)
            .map(|mark| take(&heap, &mut cache, 4 * MIB, 1, mark).expect("memory"))
            .collect();
        free(&heap, &mut cache, (0..4).map(|at| blocks.remove(at)).collect::<Vec<_>>());
        assert!(heap.stats().kept > 0);
        // Reads zero, so that it is mapped afresh and no kept one is lengthened for it.
        blocks.push(take_zeroed(&heap, &mut cache, 9 * MIB, 1, 30).expect("memory"));
        heap.validate().expect("a sound heap");
        let (peak, kept) = (heap.host().peak(), heap.stats().kept);
        free(&heap, &mut cache, blocks);
        finish(&heap, [&mut cache]);
        (peak, kept)
    };
    let (peak, kept) = run(None);
    assert!(kept > 0);
    assert_eq!(run(Some(usize::MAX - 1)), (peak, kept), "not reached");
    for soft in [0, 8 * MIB, 70 * MIB] {
        let (soft_peak, soft_kept) = run(Some(soft));
        assert_eq!(soft_kept, 0, "soft limit {soft}");
        assert!(soft_peak < peak, "{soft_peak} bytes against {peak}");
    }
}

/// To set a soft limit below what is mapped releases at once, pages of superslabs in use included.
#[test]
fn a_soft_limit_below_what_is_mapped() {
    let heap = fakes::heap(Fake::new());
    let mut cache = Cache::new();
    let blocks: Vec<Held> =
        (0..200).map(|mark| take(&heap, &mut cache, 30 * KIB, 1, mark).expect("memory")).collect();
    let large = take(&heap, &mut cache, 3 * MIB, 1, 1).expect("memory");
    let mut other = Cache::new();
    let mut at = 0;
    let (stay, go): (Vec<Held>, Vec<Held>) = blocks.into_iter().partition(|_| {
        at += 1;
        at % 40 == 0
    });
    free(&heap, &mut other, go.into_iter().chain([large]));
    heap.retire_cache(&mut other);
    let before = heap.stats();
    heap.set_soft_limit(Some(MIB));
    let after = heap.stats();
    assert_eq!(after.kept, 0);
    assert!(after.mapped < before.mapped && after.purged > before.purged, "{after:?}");
    free(&heap, &mut cache, stay);
    finish(&heap, [&mut cache]);
}
