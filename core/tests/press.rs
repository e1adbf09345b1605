//! A thread of the host's keeps the bounds, so that calls which free need not.

mod fakes;
mod held;

use fakes::{Fake, NARROW};
use hakmem_core::{Cache, Heap};
use held::{Held, Random, finish, take};

const MIB: usize = 1 << 20;
const LIVE: usize = if NARROW { 8 * MIB } else { 32 * MIB };

fn fill(heap: &Heap<Fake>, cache: &mut Cache) -> Vec<Held> {
    let mut random = Random(7);
    let mut live = 0;
    let mut held = Vec::new();
    while live < LIVE {
        let size = 16 + random.below(2000);
        held.push(take(heap, cache, size, 1, random.next()).expect("there is memory"));
        live += size;
    }
    held
}

fn shuffle(held: &mut [Held]) {
    let mut random = Random(9);
    (1..held.len()).for_each(|at| held.swap(at, random.below(at + 1)));
}

/// Frees all in random order, and does at once what the thread would be pressed for. Answers what went back
/// by the frees themselves, and what by the thread.
fn free_all(heap: &Heap<Fake>, cache: &mut Cache) -> [Vec<(usize, usize)>; 2] {
    let mut held = fill(heap, cache);
    shuffle(&mut held);
    let (mut by_frees, mut by_thread) = (heap.host().given_back(), Vec::new());
    by_frees.clear();
    for block in held {
        block.free(heap, cache, true);
        by_frees.extend(heap.host().given_back());
        if heap.host().was_pressed() {
            heap.keep();
            by_thread.extend(heap.host().given_back());
        }
    }
    [by_frees, by_thread]
}

fn bytes(ranges: &[(usize, usize)]) -> usize {
    ranges.iter().map(|(_, size)| size).sum()
}

#[test]
fn frees_give_little_back_where_a_thread_does() {
    let host = Fake::new();
    host.manners(|manners| manners.has_thread = true);
    let heap = fakes::heap(host);
    let mut cache = Cache::new();
    let [mut by_frees, by_thread] = free_all(&heap, &mut cache);
    finish(&heap, [&mut cache]);
    // But for the pages of tables, which alone are mapped now.
    by_frees.retain(|&(base, _)| !heap.host().is_mapped(base));
    // One list that goes home may pass the bound at a stroke, and a range that comes back whole.
    let (by_frees, by_thread) = (bytes(&by_frees), bytes(&by_thread));
    assert!(by_thread >= LIVE / 4 && by_frees < by_thread / 2, "{by_frees} and {by_thread} bytes");
}

#[test]
fn frees_give_back_where_no_thread_is() {
    let heap = fakes::heap(Fake::new());
    let mut cache = Cache::new();
    let [by_frees, _] = free_all(&heap, &mut cache);
    assert!(bytes(&by_frees) >= LIVE / 4, "{} bytes", bytes(&by_frees));
    finish(&heap, [&mut cache]);
}

/// A superslab that closes leaves no page of its table of blocks behind: of a heap that was large once, these
/// would be most of what is left.
#[test]
fn tables_of_closed_superslabs_are_purged() {
    let heap = fakes::heap(Fake::new());
    let mut cache = Cache::new();
    let held = fill(&heap, &mut cache);
    let superslabs = heap.stats().slabs.mapped / (2 * MIB);
    assert!(superslabs >= LIVE / (4 * MIB));
    heap.host().given_back();
    held.into_iter().for_each(|block| block.free(&heap, &mut cache, true));
    finish(&heap, [&mut cache]);
    let given = heap.host().given_back();
    let tables = given.iter().filter(|&&(base, _)| heap.host().is_mapped(base)).count();
    assert!(tables >= superslabs, "{tables} tables of {superslabs} superslabs");
}

/// What keeps all until it is told otherwise calls nothing of the source.
#[test]
fn without_release_tables_stay_as_they_are() {
    let heap = fakes::heap(Fake::new());
    heap.set_release(false);
    let mut cache = Cache::new();
    let held = fill(&heap, &mut cache);
    heap.host().given_back();
    held.into_iter().for_each(|block| block.free(&heap, &mut cache, true));
    assert_eq!(heap.host().given_back(), []);
    finish(&heap, [&mut cache]);
}

#[test]
fn rounds_lie_a_second_apart_where_what_went_back_was_missed() {
    let host = Fake::new();
    host.manners(|manners| manners.has_thread = true);
    let heap = fakes::heap(host);
    let mut cache = Cache::new();
    assert_eq!(heap.pace(), heap.policy().decay);
    for _ in 0..2 {
        assert!(heap.pace() < 1000);
        free_all(&heap, &mut cache);
    }
    assert!(heap.pace() >= 1000, "{}", heap.pace());
    finish(&heap, [&mut cache]);
}
