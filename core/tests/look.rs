//! What a look at a heap tells a learner.

mod fakes;
mod held;

use fakes::Fake;
use hakmem_core::learn::{ClassCounters, Counters};
use hakmem_core::{Cache, Heap, HugePages, Policy};
use held::{Held, finish, take};

const MIB: usize = 1 << 20;

fn fill(heap: &Heap<Fake>, cache: &mut Cache, size: usize, count: usize) -> Vec<Held> {
    (0..count).map(|mark| take(heap, cache, size, 1, mark as u64).expect("memory")).collect()
}

fn free(heap: &Heap<Fake>, cache: &mut Cache, blocks: Vec<Held>) {
    blocks.into_iter().for_each(|block| block.free(heap, cache, true));
}

/// The classes that did anything.
fn busy(look: &Counters) -> Vec<ClassCounters> {
    let none = ClassCounters::default();
    look.classes.into_iter().filter(|class| *class != none).collect()
}

#[test]
fn a_new_heap_did_nothing() {
    let heap = fakes::heap(Fake::new());
    assert_eq!(heap.look(), Counters::ZERO);
    heap.host().manners(|manners| manners.huge_pages = HugePages::Asked);
    assert_eq!(heap.look(), Counters { huge: true, ..Counters::ZERO });
    assert_eq!(heap.policy(), Policy::DEFAULT);
    assert_eq!(Policy::DEFAULT.bounded(), Policy::DEFAULT);
}

/// Lists of 64 blocks each, of which five are kept: the hot one and four behind it.
#[test]
fn trips_behind_the_lists_are_counted_exactly() {
    const LIST: u64 = 64;
    let heap = fakes::heap(Fake::new());
    let mut cache = Cache::new();
    let blocks = fill(&heap, &mut cache, 64, 6 * LIST as usize);
    free(&heap, &mut cache, blocks);
    assert_eq!(busy(&heap.look()), [], "nothing was told yet");
    let more = fill(&heap, &mut cache, 200, 1);
    heap.retire_cache(&mut cache);
    let first = ClassCounters { refills: 6, spills: 1, moved: (6 + 4) * LIST };
    // A page's worth.
    let second = ClassCounters { refills: 1, spills: 0, moved: 4096 / 224 };
    assert_eq!(busy(&heap.look()), [first, second]);
    assert_eq!((heap.look().caches, heap.look().active), (0, 0));
    free(&heap, &mut cache, more);
    finish(&heap, [&mut cache]);
}

#[test]
fn many_trips_are_told_while_the_cache_lives() {
    let heap = fakes::heap(Fake::new());
    let mut cache = Cache::new();
    // One slab has room for all of them, so that no claim tells of them.
    let mut blocks = fill(&heap, &mut cache, 8, 63 * 64);
    assert_eq!(busy(&heap.look()), []);
    blocks.extend(fill(&heap, &mut cache, 8, 1));
    assert_eq!(busy(&heap.look()), [ClassCounters { refills: 64, spills: 0, moved: 64 * 64 }]);
    assert_eq!(heap.look().caches, 1);
    free(&heap, &mut cache, blocks);
    finish(&heap, [&mut cache]);
}

#[test]
fn growth_is_the_superslabs_that_were_opened_on_fresh_memory() {
    let heap = fakes::heap(Fake::new());
    heap.set_release(false);
    let mut cache = Cache::new();
    let grown = || heap.look().grown as usize;
    let mapped = || heap.stats().mapped - heap.stats().tables;
    let small = fill(&heap, &mut cache, 1000, 3000);
    let span = fill(&heap, &mut cache, MIB, 1);
    assert!(heap.stats().slabs.count > 1 && heap.stats().spans.count == 1);
    let most = grown();
    assert_eq!(most, mapped());
    let mut large = fill(&heap, &mut cache, 5 * MIB, 1);
    // By a remap.
    let longer = large.pop().map(|block| block.resize(&heap, &mut cache, 30 * MIB, true, 1));
    large.extend(longer.and_then(Result::ok));
    assert!(large.len() == 1 && mapped() >= most + 30 * MIB);
    assert_eq!(grown(), most, "large blocks are no such growth");
    // What others left is dirty.
    free(&heap, &mut cache, large);
    let mut more = fill(&heap, &mut cache, 1000, 5000);
    more.extend(fill(&heap, &mut cache, MIB, 3));
    assert_eq!((grown(), heap.stats().spans.count), (most, 2));
    // Purged, it is fresh.
    free(&heap, &mut cache, more);
    free(&heap, &mut cache, small);
    free(&heap, &mut cache, span);
    heap.purge(&mut cache);
    assert_eq!(grown(), most, "what goes is no growth");
    let small = fill(&heap, &mut cache, 1000, 3000);
    assert_eq!(grown(), most + mapped());
    free(&heap, &mut cache, small);
    finish(&heap, [&mut cache]);
}

/// Calls `decay` until it gives nothing back; the bytes that it gave.
fn decay(heap: &Heap<Fake>) -> u64 {
    let gone = |_| heap.decay().bytes as u64;
    (0..8).map(gone).sum()
}

#[test]
fn what_decay_gave_back_is_missed_when_it_is_taken_again() {
    let heap = fakes::heap(Fake::new());
    let mut cache = Cache::new();
    let losses = || (heap.look().decayed, heap.look().missed);

    // A large block: its range is kept, and purged.
    let large = fill(&heap, &mut cache, 3 * MIB, 1);
    free(&heap, &mut cache, large);
    let mut gone = decay(&heap);
    assert_eq!((gone, losses()), (3 * MIB as u64, (gone, 0)));
    let mut held = fill(&heap, &mut cache, 3 * MIB, 1);
    assert_eq!(losses(), (gone, gone));

    // Slabs: the slots that were idle are purged, one after the other missed.
    let small = fill(&heap, &mut cache, 1000, 600);
    let kept = fill(&heap, &mut cache, 1000, 100);
    assert_eq!(losses(), (gone, gone), "nothing of this was ever given back");
    free(&heap, &mut cache, small);
    heap.retire_cache(&mut cache);
    cache = Cache::new();
    let more = decay(&heap);
    assert!(more >= 256 << 10, "{more} bytes went back");
    assert_eq!(losses(), (gone + more, gone));
    held.extend(fill(&heap, &mut cache, 1000, 100));
    let (_, some) = losses();
    held.extend(fill(&heap, &mut cache, 1000, 600));
    gone += more;
    let (decayed, missed) = losses();
    assert_eq!(decayed, gone);
    assert!(gone - more < some && some < missed && missed <= decayed, "{some}, {missed}, {gone}");

    // Spans.
    let spans = fill(&heap, &mut cache, 300 << 10, 8);
    let before = losses();
    free(&heap, &mut cache, spans);
    heap.retire_cache(&mut cache);
    cache = Cache::new();
    let more = decay(&heap);
    assert!(more >= 300 << 10, "{more} bytes went back");
    assert_eq!(losses(), (before.0 + more, before.1));
    held.extend(fill(&heap, &mut cache, 300 << 10, 1));
    assert!(losses().1 > before.1);

    held.extend(kept);
    free(&heap, &mut cache, held);
    finish(&heap, [&mut cache]);
}
