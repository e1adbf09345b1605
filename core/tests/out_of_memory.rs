//! Each call of the page source fails in turn: an allocation may return null, and nothing is lost.

mod fakes;
mod held;

use fakes::{FAR, Fake, Manners};
use hakmem_core::{Cache, Heap};
use held::{Held, finish, take, take_zeroed};

const KIB: usize = 1 << 10;
const MIB: usize = 1 << 20;

/// What a run of the script leaves.
struct Run {
    heap: Box<Heap<Fake>>,
    caches: [Box<Cache>; 2],
    held: Vec<Held>,
    /// Requests that got nothing.
    refused: usize,
}

impl Run {
    fn new(manners: impl FnOnce(&mut Manners)) -> Self {
        let heap = fakes::heap(Fake::new());
        heap.host().manners(manners);
        let caches = [0, 1].map(|_| Box::new(Cache::new()));
        Self { heap, caches, held: Vec::new(), refused: 0 }
    }

    fn keep(&mut self, block: Option<Held>) {
        match block {
            Some(block) => self.held.push(block),
            None => self.refused += 1,
        }
    }

    fn allocate(&mut self, size: usize, align: usize, count: usize) {
        for at in 0..count {
            let mark = (self.held.len() + at) as u64;
            let (heap, cache) = (&*self.heap, &mut *self.caches[at % 2]);
            let block = if at % 3 == 0 {
                take_zeroed(heap, cache, size, align, mark)
            } else {
                take(heap, cache, size, align, mark)
            };
            self.keep(block);
        }
    }

    /// Frees every `step`th block, by turns from either cache.
    fn free(&mut self, step: usize) {
        for at in (0..self.held.len()).rev().step_by(step) {
            let block = self.held.swap_remove(at);
            block.free(&self.heap, &mut self.caches[at / 2 % 2], at % 3 != 0);
        }
    }

    /// Resizes every `step`th block.
    fn resize(&mut self, step: usize, size: impl Fn(usize) -> usize) {
        for at in (0..self.held.len()).step_by(step) {
            let block = self.held.swap_remove(at);
            let (new, mark) = (size(block.size), at as u64);
            let sized = at % 2 == 0;
            let resized = block.resize(&self.heap, &mut self.caches[at / 2 % 2], new, sized, mark);
            let block = resized.unwrap_or_else(|block| {
                self.refused += 1;
                block
            });
            self.held.push(block);
        }
    }

    /// A walk through every layer that asks the source for all that it can be asked for: tables of
    /// every kind, superslabs of both sizes, spans, large blocks, growth by remap.
    fn script(&mut self) {
        self.allocate(64, 1, 300);
        self.allocate(20 * KIB, 1, 150);
        self.allocate(100 * KIB, 1, 25);
        self.free(3);
        self.allocate(1500 * KIB, 1, 4);
        self.allocate(3 * MIB, 1, 3);
        self.resize(7, |size| size + size / 2);
        self.allocate(100, 128 * KIB, 5);
        self.allocate(5 * MIB, 8 * MIB, 2);
        self.free(4);
        self.resize(11, |size| 2 * size);
        self.resize(13, |size| size / 2);
        self.heap.purge(&mut self.caches[1]);
        self.allocate(30 * KIB, 1, 100);
        self.allocate(8 * MIB, 1, 2);
        self.heap.retire_cache(&mut self.caches[0]);
        *self.caches[0] = Cache::new();
        self.allocate(5000, 1, 200);
        self.free(2);
    }

    /// There is memory again: every layer serves, and in the end every page is accounted for.
    fn recover(mut self) {
        self.heap.host().manners(|manners| {
            *manners = Manners { always_move: manners.always_move, ..Manners::default() };
        });
        self.heap.validate().expect("a sound heap");
        let refused = self.refused;
        for (size, align) in [(8, 1), (64, 1), (20 * KIB, 1), (2 * MIB, 1), (9 * MIB, 16 * MIB)] {
            self.allocate(size, align, 20);
        }
        self.resize(3, |size| size + size / 8);
        assert_eq!(self.refused, refused, "there is memory");
        self.heap.validate().expect("a sound heap");
        self.free(1);
        let Self { heap, mut caches, held, .. } = self;
        assert!(held.is_empty());
        finish(&heap, caches.iter_mut().map(|cache| &mut **cache));
    }
}

/// Runs the script under these manners again and again; in each run another call that it makes of
/// the source fails, alone or for good. How many it makes varies a little: ranges that happen to
/// stand side by side are given back together.
fn sweep(manners: impl Fn(&mut Manners)) {
    let mut whole = Run::new(&manners);
    whole.script();
    assert_eq!((whole.refused, whole.heap.host().failures()), (0, 0));
    whole.recover();
    for for_good in [false, true] {
        let failed = (0..).take_while(|&call| {
            let mut run = Run::new(|it| {
                manners(it);
                it.fail_after = Some(call);
                it.fail_for_good = for_good;
            });
            run.script();
            let failures = run.heap.host().failures();
            run.recover();
            failures > 0
        });
        let failed = failed.count();
        assert!(failed > 20, "{failed} calls");
    }
}

#[test]
fn each_call_fails_in_turn() {
    sweep(|_| {});
}

/// Where a large block moves each time that it grows, and so far that the registry must grow too.
#[test]
fn each_call_fails_in_turn_while_blocks_move_far() {
    sweep(|manners| {
        manners.always_move = true;
        manners.move_farther = FAR;
    });
}

#[test]
fn each_call_fails_in_turn_where_nothing_can_be_remapped() {
    sweep(|manners| manners.refuse_remap = true);
}

/// Memory has an end: what does not fit is refused, and fits once something else is freed.
#[test]
fn memory_has_an_end() {
    for mib in [1, 2, 3, 5, 8, 13, 21, 34] {
        let mut run = Run::new(|manners| manners.limit = mib * MIB);
        run.script();
        assert!(run.refused > 0 && run.heap.host().mapped() <= mib * MIB);
        run.recover();
    }
    // All of a heap for one layer after the other: what one held is there for the next.
    let mut run = Run::new(|manners| manners.limit = 16 * MIB);
    for size in [500, 5 * KIB, 100 * KIB, 2 * MIB, 4 * MIB, 2 * MIB, 100 * KIB, 5 * KIB, 500] {
        let (before, least) = (run.refused, 8 * MIB / size);
        run.allocate(size, 1, least);
        assert_eq!(run.refused, before, "{size} bytes {least} times fit");
        run.free(1);
        run.caches.iter_mut().for_each(|cache| {
            run.heap.retire_cache(cache);
            **cache = Cache::new();
        });
    }
    run.recover();
}

/// A source that takes nothing back: all of it is kept and used again, or given back once it does.
#[test]
fn a_source_that_takes_nothing_back() {
    for refuse_purge in [false, true] {
        let mut run = Run::new(|manners| {
            manners.refuse_unmap = true;
            manners.refuse_purge = refuse_purge;
        });
        run.script();
        run.free(1);
        run.heap.validate().expect("a sound heap");
        let mapped = run.heap.host().mapped();
        for cache in &mut run.caches {
            let purged = run.heap.purge(cache);
            assert_eq!(run.heap.host().mapped(), mapped);
            assert!(purged.kept > 0);
        }
        run.heap.validate().expect("a sound heap");
        run.recover();
    }
}

/// It takes nothing back from some call on: nothing is lost between.
#[test]
fn a_source_that_stops_taking_back() {
    for count in [10, 100, 1000] {
        let mut run = Run::new(|_| {});
        run.allocate(20 * KIB, 1, count);
        run.allocate(300 * KIB, 1, count / 8);
        run.allocate(3 * MIB, 1, 4);
        run.free(2);
        run.heap.host().manners(|manners| manners.refuse_unmap = true);
        run.free(2);
        run.heap.purge(&mut run.caches[0]);
        run.allocate(2 * MIB, 1, 3);
        run.heap.validate().expect("a sound heap");
        run.recover();
    }
}
