//! Heaps at their edges: a small fixed region, and many superslabs.

mod fakes;
mod held;

use fakes::{Fake, NARROW};
use hakmem_core::{Cache, Flat, Heap};
use held::{Random, finish, take};

const KIB: usize = 1 << 10;
const MIB: usize = 1 << 20;

/// A heap over a region of `SLOTS` x 64 KiB, built on a stack of its own as the fake's heaps are.
fn flat_heap<const SLOTS: usize>() -> Box<Heap<Fake, Flat<SLOTS>>> {
    let builder = std::thread::Builder::new().stack_size(64 << 20);
    let build = || Box::new(Heap::with_registry(Fake::new(), Flat::new()));
    builder.spawn(build).expect("a thread").join().expect("a heap")
}

/// What lies outside of the region is as if there were no memory; what lies inside serves on.
#[test]
fn a_region_has_an_end() {
    // 8 MiB, and what a fake's alignment leaves of it.
    let heap = flat_heap::<128>();
    let mut cache = Cache::new();
    for size in [100, 5000, 40 * KIB, 3 * MIB, 40 * KIB, 5000, 100] {
        let mut held = Vec::new();
        while let Some(block) = take(&heap, &mut cache, size, 1, held.len() as u64) {
            held.push(block);
            assert!(held.len() * size <= 8 * MIB, "{size} bytes past the region");
        }
        heap.validate().expect("a sound heap");
        for block in held {
            block.free(&heap, &mut cache, true);
        }
        heap.validate().expect("a sound heap");
    }
    finish(&heap, [&mut cache]);
}

/// The pool, the spans and the large blocks find what is free among hundreds of superslabs, and what
/// is given up at random comes back in whole.
#[test]
fn many_superslabs() {
    let heap = fakes::heap(Fake::new());
    let [mut cache, mut other] = [Cache::new(), Cache::new()];
    let mut random = Random(0x51ed_270b);
    let mut held = Vec::new();
    // Where addresses are scarce, as many as fit: most of what lies between aligned ones is lost.
    let counts = if NARROW { [4200, 66, 10] } else { [9000, 150, 600] };
    for (size, count) in [32 * KIB, 2 * MIB, 3 * MIB].into_iter().zip(counts) {
        for mark in 0..count {
            held.push(take(&heap, &mut cache, size, 1, mark).expect("memory"));
        }
    }
    let stats = heap.stats();
    assert!(stats.slabs.count > 64 && stats.spans.count > 64, "several chunks of tables");
    assert!(stats.large.count > 512 || NARROW);
    // Half of it goes at random, in bits; as much as that fits again without a byte more.
    for _ in 0..held.len() / 2 {
        let block = held.swap_remove(random.below(held.len()));
        block.free(&heap, &mut other, true);
    }
    heap.validate().expect("a sound heap");
    let gone = |size| held.iter().filter(|block| block.size == size).count();
    let (small, peak) = (counts[0] as usize - gone(32 * KIB), heap.stats().mapped_peak);
    heap.retire_cache(&mut other);
    for mark in 0..small as u64 {
        held.push(take(&heap, &mut cache, 32 * KIB, 1, mark).expect("memory"));
    }
    assert_eq!(heap.stats().mapped_peak, peak);
    heap.validate().expect("a sound heap");
    while !held.is_empty() {
        let block = held.swap_remove(random.below(held.len()));
        block.free(&heap, if random.below(2) == 0 { &mut cache } else { &mut other }, false);
    }
    finish(&heap, [&mut cache, &mut other]);
}
