//! What the policy has done to fresh memory: huge pages asked for, or slots populated ahead.

mod fakes;
mod held;

use fakes::Fake;
use hakmem_core::{Cache, Fresh, Heap, Huge, HugeAdvice, HugePages, Policy};
use held::{Held, finish, take};

const MIB: usize = 1 << 20;
const SLOT: usize = 64 << 10;

fn heap(pages: HugePages, huge: Huge, fresh: Fresh) -> Box<Heap<Fake>> {
    let heap = fakes::heap(Fake::new());
    heap.host().manners(|manners| manners.huge_pages = pages);
    heap.set_huge(huge);
    heap.set_policy(&Policy { fresh, ..Policy::DEFAULT });
    heap
}

/// Blocks of `size` bytes, `bytes` in all.
fn fill(heap: &Heap<Fake>, cache: &mut Cache, size: usize, bytes: usize) -> Vec<Held> {
    (0..bytes / size).map(|mark| take(heap, cache, size, 1, mark as u64).expect("memory")).collect()
}

fn free(heap: &Heap<Fake>, cache: &mut Cache, blocks: Vec<Held>) {
    blocks.into_iter().for_each(|block| block.free(heap, cache, true));
}

/// The bases that advice of a kind is about; there is no other.
fn advised(heap: &Heap<Fake>, kind: HugeAdvice) -> Vec<usize> {
    let advice = heap.host().take_advice();
    assert!(advice.iter().all(|&(_, size, of)| (size, of) == (2 * MIB, kind)), "{advice:?}");
    let mut bases: Vec<_> = advice.into_iter().map(|advice| advice.0).collect();
    bases.sort_unstable();
    bases
}

#[test]
fn fresh_superslabs_are_asked_for_and_let_go() {
    let heap = heap(HugePages::Asked, Huge::Auto, Fresh::Huge);
    let mut cache = Cache::new();
    let mut held = fill(&heap, &mut cache, 1000, 5 * MIB);
    held.extend(fill(&heap, &mut cache, MIB, 4 * MIB));
    let asked = advised(&heap, HugeAdvice::Ask);
    // The first superslab is no huge page.
    let stats = heap.stats();
    assert_eq!(asked.len(), stats.slabs.count - 1 + stats.spans.count);
    assert_eq!(stats.huge, asked.len());
    held.extend(fill(&heap, &mut cache, 9 * MIB, 9 * MIB));
    assert_eq!(advised(&heap, HugeAdvice::Ask), [], "a large block is the system's");
    heap.validate().expect("a sound heap");
    free(&heap, &mut cache, held);
    finish(&heap, [&mut cache]);
    assert_eq!(advised(&heap, HugeAdvice::Refuse), asked);
    assert_eq!((heap.stats().huge, heap.host().torn()), (0, 0));
}

#[test]
fn what_thins_out_comes_apart_before_a_purge() {
    for (size, each) in [(1000, SLOT), (100 << 10, 256 << 10)] {
        let heap = heap(HugePages::Asked, Huge::Auto, Fresh::Huge);
        let mut cache = Cache::new();
        let held = fill(&heap, &mut cache, size, 8 * MIB);
        let asked = advised(&heap, HugeAdvice::Ask);
        assert!(asked.len() >= 3, "{asked:x?}");
        let (gone, held): (Vec<_>, Vec<_>) =
            held.into_iter().partition(|block| block.start.addr() / each % 2 == 0);
        free(&heap, &mut cache, gone);
        heap.purge(&mut cache);
        let undone = advised(&heap, HugeAdvice::Refuse);
        assert_eq!(undone, asked);
        assert_eq!((heap.stats().huge, heap.host().torn()), (0, 0));
        free(&heap, &mut cache, held);
        finish(&heap, [&mut cache]);
        assert_eq!(heap.host().torn(), 0);
    }
}

#[test]
fn who_wants_none_or_has_none_asks_for_none() {
    for (pages, huge) in [(HugePages::Asked, Huge::Never), (HugePages::None, Huge::Auto)] {
        let heap = heap(pages, huge, Fresh::Huge);
        let mut cache = Cache::new();
        let mut held = fill(&heap, &mut cache, 1000, 5 * MIB);
        held.extend(fill(&heap, &mut cache, MIB, 4 * MIB));
        assert_eq!((heap.host().take_advice(), heap.stats().huge), (Vec::new(), 0));
        free(&heap, &mut cache, held);
        finish(&heap, [&mut cache]);
    }
}

/// Whatever the policy and the switch say.
#[test]
fn a_source_without_huge_pages_is_never_asked() {
    for fresh in [Fresh::Plain, Fresh::Populate, Fresh::Huge] {
        for huge in [Huge::Never, Huge::Auto, Huge::Always] {
            let heap = heap(HugePages::None, huge, fresh);
            let mut cache = Cache::new();
            let small = fill(&heap, &mut cache, 1000, 2 * MIB);
            let ahead = populated(&heap);
            let is_ahead = if fresh == Fresh::Populate { slots(&small) } else { Vec::new() };
            assert_eq!(ahead, is_ahead, "{fresh:?}, {huge:?}");
            let mut held = fill(&heap, &mut cache, MIB, MIB);
            held.extend(fill(&heap, &mut cache, 3 * MIB, 3 * MIB));
            assert_eq!(populated(&heap), [], "spans and large blocks are not populated");
            heap.validate().expect("a sound heap");
            free(&heap, &mut cache, small);
            heap.purge(&mut cache);
            held.extend(fill(&heap, &mut cache, 1000, 2 * MIB));
            heap.decay();
            assert!(!heap.look().huge);
            assert_eq!((heap.host().take_advice(), heap.stats().huge), (Vec::new(), 0));
            free(&heap, &mut cache, held);
            finish(&heap, [&mut cache]);
        }
    }
}

#[test]
fn what_is_dirty_is_not_asked_for() {
    let heap = heap(HugePages::Asked, Huge::Auto, Fresh::Plain);
    heap.set_release(false);
    let mut cache = Cache::new();
    // So that what follows is in superslabs of 2 MiB, which go as a whole.
    let first = fill(&heap, &mut cache, 1000, MIB);
    let held = fill(&heap, &mut cache, 1000, 8 * MIB);
    free(&heap, &mut cache, held);
    heap.retire_cache(&mut cache);
    let mut cache = Cache::new();
    let kept = heap.stats().kept;
    assert!(kept >= 4 * MIB, "{kept} bytes are kept");
    heap.set_policy(&Policy { fresh: Fresh::Huge, ..Policy::DEFAULT });
    let held = fill(&heap, &mut cache, 1000, 4 * MIB);
    assert_eq!(heap.host().take_advice(), []);
    assert!(heap.stats().kept < kept);
    let more = fill(&heap, &mut cache, 1000, 8 * MIB);
    assert_ne!(advised(&heap, HugeAdvice::Ask), []);
    [first, held, more].into_iter().for_each(|blocks| free(&heap, &mut cache, blocks));
    finish(&heap, [&mut cache]);
}

/// What was populated, as slots in order.
fn populated(heap: &Heap<Fake>) -> Vec<usize> {
    let ranges = heap.host().take_populated();
    let mut slots: Vec<_> =
        ranges.into_iter().flat_map(|(base, size)| (base..base + size).step_by(SLOT)).collect();
    slots.sort_unstable();
    slots
}

/// Slots in which blocks lie, in order.
fn slots(blocks: &[Held]) -> Vec<usize> {
    let ends = |block: &Held| [block.start.addr(), block.start.addr() + block.size - 1];
    let mut slots: Vec<_> = blocks.iter().flat_map(ends).map(|end| end / SLOT * SLOT).collect();
    slots.sort_unstable();
    slots.dedup();
    slots
}

#[test]
fn slots_that_were_never_touched_are_populated_once() {
    let heap = heap(HugePages::None, Huge::Auto, Fresh::Populate);
    let mut cache = Cache::new();
    let mut held = Vec::new();
    // Slabs of one, two and four slots, filled to their ends.
    for size in [1 << 10, 16 << 10, 32 << 10] {
        held.extend(fill(&heap, &mut cache, size, 4 * MIB));
    }
    assert_eq!(populated(&heap), slots(&held));
    heap.set_release(false);
    free(&heap, &mut cache, held);
    heap.retire_cache(&mut cache);
    let mut cache = Cache::new();
    let held = fill(&heap, &mut cache, 1 << 10, 8 * MIB);
    assert_eq!(populated(&heap), [], "what was touched is backed");
    // Purged, it is not.
    free(&heap, &mut cache, held);
    heap.purge(&mut cache);
    let held = fill(&heap, &mut cache, 1 << 10, 3 * MIB);
    assert_eq!(populated(&heap), slots(&held));
    free(&heap, &mut cache, held);
    finish(&heap, [&mut cache]);
}

#[test]
fn nothing_is_populated_at_once_or_where_the_policy_is_plain() {
    let heap = heap(HugePages::None, Huge::Auto, Fresh::Populate);
    let mut cache = Cache::new();
    let mut held = fill(&heap, &mut cache, 1000, 1000);
    assert_eq!(populated(&heap), slots(&held));
    // SAFETY: the cache is this heap's.
    let start = unsafe { heap.allocate_now(&mut cache, 5000, 1) };
    held.push(Held::new(start, 5000, 1, 0));
    assert_eq!(populated(&heap), [], "the source may make wait");
    heap.set_policy(&Policy::DEFAULT);
    held.extend(fill(&heap, &mut cache, 200, MIB));
    assert_eq!(populated(&heap), []);
    free(&heap, &mut cache, held);
    finish(&heap, [&mut cache]);
}
