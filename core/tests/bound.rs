//! What is free and still backed stays within its bound, after every action; and the sums that the
//! bound hangs on follow what is really held.

mod fakes;
mod held;

use fakes::{Fake, NARROW};
use hakmem_core::{Cache, Heap};
use held::{Held, Random, finish, take};
use proptest::prelude::*;

const KIB: usize = 1 << 10;
const MIB: usize = 1 << 20;
const CACHES: usize = 2;
/// Bytes that live blocks may take together.
const LIVE_MOST: usize = 64 * MIB;
/// What one call of the source takes: the bound may be passed by so much for as long as it lasts.
const SUPERSLAB: usize = 2 * MIB;

/// What a program does in one of its phases.
#[derive(Clone, Copy, Debug)]
enum Phase {
    /// Allocates blocks around a size until so many MiB more are live.
    Grow { size: usize, mib: usize },
    /// Frees blocks until so many in a hundred are left: the oldest, the newest, or any.
    Shrink { left: usize, order: Order },
    /// Frees and allocates in turn.
    Turn { size: usize, count: usize },
    /// Ends a cache; a fresh one follows.
    Retire { cache: usize },
}

#[derive(Clone, Copy, Debug)]
enum Order {
    Oldest,
    Newest,
    Any,
}

fn sizes() -> impl Strategy<Value = usize> {
    let around = [24, 200, 1000, 5 * KIB, 20 * KIB, 60 * KIB, 300 * KIB, MIB, 3 * MIB, 9 * MIB];
    prop::sample::select(around.to_vec())
}

fn phases() -> impl Strategy<Value = Phase> {
    let order = prop_oneof![Just(Order::Oldest), Just(Order::Newest), Just(Order::Any)];
    prop_oneof![
        4 => (sizes(), 1..24usize).prop_map(|(size, mib)| Phase::Grow { size, mib }),
        4 => (0..100usize, order).prop_map(|(left, order)| Phase::Shrink { left, order }),
        2 => (sizes(), 1..400usize).prop_map(|(size, count)| Phase::Turn { size, count }),
        1 => (0..CACHES).prop_map(|cache| Phase::Retire { cache }),
    ]
}

struct Program<'a> {
    heap: &'a Heap<Fake>,
    caches: Vec<Box<Cache>>,
    held: Vec<Held>,
    live: usize,
    random: Random,
}

impl Program<'_> {
    fn allocate(&mut self, around: usize) {
        let size = around / 2 + self.random.below(around);
        if self.live + size <= LIVE_MOST {
            let cache = self.random.below(CACHES);
            let mark = self.random.next();
            let block = take(self.heap, &mut self.caches[cache], size, 1, mark);
            self.held.push(block.expect("there is memory"));
            self.live += size;
            self.check();
        }
    }

    fn free(&mut self, order: Order) {
        let at = match order {
            Order::Oldest => 0,
            Order::Newest => self.held.len().saturating_sub(1),
            Order::Any => self.random.below(self.held.len().max(1)),
        };
        if at < self.held.len() {
            let block = self.held.swap_remove(at);
            self.live -= block.size;
            let cache = self.random.below(CACHES);
            block.free(self.heap, &mut self.caches[cache], at % 2 == 0);
            self.check();
        }
    }

    fn run(&mut self, phase: Phase) {
        match phase {
            Phase::Grow { size, mib } => {
                let count = (mib * MIB / size).min(20_000);
                (0..count).for_each(|_| self.allocate(size));
            }
            Phase::Shrink { left, order } => {
                let left = self.held.len() * left / 100;
                while self.held.len() > left {
                    self.free(order);
                }
            }
            Phase::Turn { size, count } => {
                for _ in 0..count {
                    self.free(Order::Any);
                    self.allocate(size);
                }
            }
            Phase::Retire { cache } => {
                self.heap.retire_cache(&mut self.caches[cache]);
                *self.caches[cache] = Cache::new();
                self.check();
            }
        }
    }

    fn check(&self) {
        let balance = self.heap.balance();
        let most = balance.most + balance.allowance + balance.pinned + SUPERSLAB;
        assert!(balance.free <= most, "{balance:?} with {} live", self.live);
    }
}

fn run(heap: &Heap<Fake>, phases: &[Phase], seed: u64) {
    let mut program = Program {
        heap,
        caches: (0..CACHES).map(|_| Box::new(Cache::new())).collect(),
        held: Vec::new(),
        live: 0,
        random: Random(seed | 1),
    };
    for &phase in phases {
        program.run(phase);
        heap.validate().expect("a sound heap");
    }
    let Program { mut caches, held, .. } = program;
    held.into_iter().for_each(|block| block.free(heap, &mut caches[0], true));
    finish(heap, caches.iter_mut().map(|cache| &mut **cache));
}

proptest! {
    #![proptest_config(ProptestConfig {
        cases: if cfg!(debug_assertions) { 16 } else { 200 },
        failure_persistence: None,
        max_shrink_iters: 300,
        ..Default::default()
    })]
    #[test]
    fn what_is_free_is_bounded_after_every_action(
        page in prop::sample::select(vec![4 * KIB, 16 * KIB, 64 * KIB]),
        seed in any::<u64>(),
        has_thread in any::<bool>(),
        phases in prop::collection::vec(phases(), 1..16),
    ) {
        let host = Fake::with_page(page);
        // A thread that is pressed in vain: the bound does not hang on it.
        host.manners(|manners| manners.has_thread = has_thread);
        run(&fakes::heap(host), &phases, seed);
    }
}

/// After some rounds without a call nothing is backed that is not in use; after some more, nothing mapped.
#[test]
fn what_lies_free_decays_to_nothing() {
    for page in [4 * KIB, 16 * KIB, 64 * KIB] {
        let heap = fakes::heap(Fake::with_page(page));
        let mut cache = Cache::new();
        let mut random = Random(page as u64);
        let count = if NARROW { 1_000 } else { 4_000 };
        let blocks: Vec<_> = (0..count)
            .map(|mark| take(&heap, &mut cache, random.size(), 1, mark).expect("memory"))
            .collect();
        blocks.into_iter().for_each(|block| block.free(&heap, &mut cache, true));
        heap.retire_cache(&mut cache);
        assert!(heap.balance().free > 0);
        for _ in 0..40 {
            heap.decay();
            heap.validate().expect("a sound heap");
        }
        assert_eq!(heap.balance().free, 0, "pages of {page}");
        assert_eq!(heap.host().mapped(), heap.stats().tables, "pages of {page}");
        finish(&heap, [&mut cache]);
    }
}

/// One thread allocates for others, which free and end. What comes home to the slab that it has claimed it
/// draws again, and so may never claim another.
#[test]
fn what_others_free_is_told_both_ways() {
    let heap = fakes::heap(Fake::new());
    let mut maker = Cache::new();
    for round in 0..20_000 {
        let block = take(&heap, &mut maker, 80, 1, round).expect("memory");
        let mut other = Cache::new();
        block.free(&heap, &mut other, true);
        heap.retire_cache(&mut other);
        let balance = heap.balance();
        assert!(balance.out.unsigned_abs() <= 256 * KIB, "round {round}: {balance:?}");
    }
    finish(&heap, [&mut maker]);
}

/// What a cache allocates after its end counts as out until somebody frees it.
#[test]
fn ended_caches_tell_what_they_draw() {
    let heap = fakes::heap(Fake::new());
    let mut freer = Cache::new();
    let mut blocks = Vec::new();
    for round in 0..100 {
        let mut ended = Cache::new();
        heap.retire_cache(&mut ended);
        blocks.extend(take(&heap, &mut ended, 300, 1, round));
        let census = heap.validate().expect("a sound heap");
        assert_eq!(heap.balance().out, census.block_bytes as isize);
    }
    blocks.into_iter().for_each(|block| block.free(&heap, &mut freer, false));
    finish(&heap, [&mut freer]);
}
