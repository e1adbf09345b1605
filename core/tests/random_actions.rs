//! Random actions on one heap, over several caches, ending with every page accounted for.

mod fakes;
mod held;

use fakes::Fake;
use hakmem_core::{CLASSES, Cache, Flat, Fresh, Heap, HugePages, PlaceKind, Policy, Registry};
use held::{Held, Taken, finish, take, take_zeroed};
use proptest::prelude::*;
use proptest::sample::Index;

const CACHES: usize = 3;
/// Bytes that live blocks may take together: what would pass it is not allocated.
const LIVE_MOST: usize = 48 << 20;
/// Bytes that one action allocates, at most, unless one block has more.
const BURST_MOST: usize = 2 << 20;

#[derive(Clone, Debug)]
enum Action {
    /// Allocates `count` blocks of a size and alignment.
    Allocate {
        cache: usize,
        size: usize,
        align: usize,
        zeroed: bool,
        count: usize,
    },
    /// Frees `count` blocks, the newest first or any.
    Deallocate {
        cache: usize,
        which: Index,
        count: usize,
        newest: bool,
        sized: bool,
    },
    Reallocate {
        cache: usize,
        which: Index,
        size: usize,
        sized: bool,
    },
    /// Hands a cache back; a fresh one follows, or the ended one is used further.
    Retire {
        cache: usize,
        renew: bool,
    },
    Purge {
        cache: usize,
    },
    /// Rounds of decay.
    Decay {
        rounds: usize,
    },
    /// Another policy, of any numbers whatever.
    Policy(Box<Policy>),
}

/// Any numbers, those near the bounds more often.
fn policies() -> impl Strategy<Value = Box<Policy>> {
    let number = || prop_oneof![Just(0u32), 1..100u32, 100..100_000u32, any::<u32>()];
    let list = prop_oneof![0..4u16, 1..100u16, 2000..2100u16, any::<u16>()];
    let lists = prop::collection::vec(list, CLASSES);
    let numbers = [number(), number(), number(), number(), number()];
    (lists, numbers, any::<u8>()).prop_map(|(lists, numbers, fresh)| {
        let [growth, sharers, batch, decay, kept] = numbers;
        let mut policy = Policy {
            growth,
            sharers,
            batch,
            decay,
            kept,
            fresh: Fresh::of(fresh % 4),
            ..Policy::DEFAULT
        };
        policy.lists.copy_from_slice(&lists);
        Box::new(policy)
    })
}

fn sizes() -> impl Strategy<Value = usize> {
    prop_oneof![
        12 => 0..=128usize,
        12 => 0..=1024usize,
        8 => 1025..=32usize << 10,
        4 => (32usize << 10) + 1..=256 << 10,
        2 => (256usize << 10) + 1..=2 << 20,
        1 => (2usize << 20) + 1..=8 << 20,
    ]
}

fn aligns() -> impl Strategy<Value = usize> {
    prop_oneof![
        6 => (0..=4u32).prop_map(|shift| 1 << shift),
        2 => (5..=15u32).prop_map(|shift| 1 << shift),
        1 => (16..=22u32).prop_map(|shift| 1 << shift),
    ]
}

fn actions() -> impl Strategy<Value = Action> {
    let cache = 0..CACHES;
    let which = any::<Index>();
    prop_oneof![
        10 => (cache.clone(), sizes(), aligns(), any::<bool>(), 1..4usize).prop_map(
            |(cache, size, align, zeroed, count)| Action::Allocate { cache, size, align, zeroed, count }
        ),
        // Many at once: so that lists run over and slabs are used up.
        5 => (cache.clone(), sizes(), any::<bool>(), 1..700usize).prop_map(
            |(cache, size, zeroed, count)| Action::Allocate { cache, size, align: 1, zeroed, count }
        ),
        10 => (cache.clone(), which.clone(), 1..4usize, any::<bool>(), any::<bool>()).prop_map(
            |(cache, which, count, newest, sized)| Action::Deallocate { cache, which, count, newest, sized }
        ),
        5 => (cache.clone(), which.clone(), 1..900usize, any::<bool>(), any::<bool>()).prop_map(
            |(cache, which, count, newest, sized)| Action::Deallocate { cache, which, count, newest, sized }
        ),
        8 => (cache.clone(), which, sizes(), any::<bool>()).prop_map(
            |(cache, which, size, sized)| Action::Reallocate { cache, which, size, sized }
        ),
        1 => (cache.clone(), any::<bool>()).prop_map(|(cache, renew)| Action::Retire { cache, renew }),
        1 => cache.prop_map(|cache| Action::Purge { cache }),
        1 => (1..4usize).prop_map(|rounds| Action::Decay { rounds }),
        2 => policies().prop_map(Action::Policy),
    ]
}

/// A heap, its caches, and the blocks that the test holds.
struct Machine<'a, R: Registry> {
    heap: &'a Heap<Fake, R>,
    caches: Vec<Box<Cache>>,
    held: Vec<Held>,
    taken: Taken,
    live: usize,
    marks: u64,
    /// The source refuses some calls.
    unwilling: bool,
}

impl<R: Registry> Machine<'_, R> {
    fn mark(&mut self) -> u64 {
        self.marks += 1;
        self.marks
    }

    fn keep(&mut self, held: Held) {
        self.taken.insert(self.heap, &held);
        self.live += held.size;
        self.held.push(held);
    }

    fn pick(&mut self, which: Index, newest: bool) -> Option<Held> {
        let last = self.held.len().checked_sub(1)?;
        let at = if newest { last } else { which.index(last + 1) };
        let held = self.held.swap_remove(at);
        self.taken.remove(&held);
        self.live -= held.size;
        Some(held)
    }

    fn run(&mut self, action: &Action) {
        match *action {
            Action::Policy(ref policy) => {
                self.heap.set_policy(policy);
                assert_eq!(self.heap.policy(), policy.bounded());
            }
            Action::Allocate { cache, size, align, zeroed, count } => {
                for _ in 0..count.min(BURST_MOST / (size + 1)).max(1) {
                    if self.live + size > LIVE_MOST {
                        break;
                    }
                    let mark = self.mark();
                    let cache = &mut self.caches[cache];
                    let held = if zeroed {
                        take_zeroed(self.heap, cache, size, align, mark)
                    } else {
                        take(self.heap, cache, size, align, mark)
                    };
                    self.keep(held.expect("there is memory"));
                }
            }
            Action::Deallocate { cache, which, count, newest, sized } => {
                for _ in 0..count {
                    let Some(held) = self.pick(which, newest) else { break };
                    held.free(self.heap, &mut self.caches[cache], sized);
                }
            }
            Action::Reallocate { cache, which, size, sized } => {
                if self.live + size > LIVE_MOST {
                    return;
                }
                if let Some(held) = self.pick(which, false) {
                    let mark = self.mark();
                    let cache = &mut self.caches[cache];
                    let held = held.resize(self.heap, cache, size, sized, mark);
                    self.keep(held.expect("there is memory"));
                }
            }
            Action::Retire { cache, renew } => {
                self.heap.retire_cache(&mut self.caches[cache]);
                if renew {
                    *self.caches[cache] = Cache::new();
                }
            }
            Action::Decay { rounds } => {
                for _ in 0..rounds {
                    let before = self.heap.host().mapped();
                    let decayed = self.heap.decay();
                    let gone = before - self.heap.host().mapped();
                    assert_eq!(
                        decayed.left,
                        self.heap.balance().free,
                        "{decayed:?}, {gone} unmapped"
                    );
                }
            }
            Action::Purge { cache } => {
                let before = self.heap.host().mapped();
                let purged = self.heap.purge(&mut self.caches[cache]);
                assert!(before - self.heap.host().mapped() <= purged.bytes, "{purged:?}");
                assert!(purged.kept == 0 || self.unwilling, "nothing was refused: {purged:?}");
            }
        }
    }

    /// What must hold at any time.
    fn check(&self) {
        let census = self.heap.validate().expect("a sound heap");
        let small = |held: &&Held| held.size <= 32 << 10 && held.align <= 32 << 10;
        assert!(census.blocks >= self.held.iter().filter(small).count());
        let stats = self.heap.stats();
        assert_eq!(stats.mapped, self.heap.host().mapped());
        assert_eq!(stats.slabs.held, census.block_bytes);
        for held in self.held.iter().step_by(self.held.len() / 16 + 1) {
            let inside = held.start.addr() + held.size / 2;
            let place = self.heap.describe(inside).expect("a live block is somewhere");
            assert_eq!(place.base, held.start.addr(), "{place}");
            assert!(place.size >= held.size && place.free != Some(true), "{place}");
            assert_ne!(place.kind, PlaceKind::Idle);
            assert!(self.heap.owns(core::ptr::without_provenance(inside)));
        }
    }
}

fn run<R: Registry>(heap: &Heap<Fake, R>, actions: &[Action]) {
    let unwilling = heap.host().refuses_some();
    let mut machine = Machine {
        heap,
        caches: (0..CACHES).map(|_| Box::new(Cache::new())).collect(),
        held: Vec::new(),
        taken: Taken::default(),
        live: 0,
        marks: 0,
        unwilling,
    };
    for (step, action) in actions.iter().enumerate() {
        machine.run(action);
        if step % 8 == 7 {
            machine.check();
        }
    }
    machine.check();
    let Machine { mut caches, held, .. } = machine;
    heap.host().manners(|manners| manners.refuse_each = 0);
    for (at, held) in held.into_iter().enumerate() {
        held.free(heap, &mut caches[at % CACHES], at % 2 == 0);
    }
    finish(heap, caches.iter_mut().map(|cache| &mut **cache));
}

/// A heap with a registry of 4 GiB: built on a stack of its own, as the fake's heaps are.
fn flat_heap() -> Box<Heap<Fake, Flat<65536>>> {
    let builder = std::thread::Builder::new().stack_size(64 << 20);
    let build = || Box::new(Heap::with_registry(Fake::new(), Flat::new()));
    builder.spawn(build).expect("a thread").join().expect("a heap")
}

fn config(cases: u32) -> ProptestConfig {
    ProptestConfig {
        cases,
        failure_persistence: None,
        max_shrink_iters: 2000,
        ..Default::default()
    }
}

proptest! {
    #![proptest_config(config(if cfg!(debug_assertions) { 24 } else { 256 }))]
    #[test]
    fn every_page_is_accounted_for(actions in prop::collection::vec(actions(), 1..120)) {
        let heap = fakes::heap(Fake::new());
        heap.host().manners(|manners| manners.huge_pages = HugePages::Asked);
        run(&heap, &actions);
        assert_eq!((heap.host().torn(), heap.stats().huge), (0, 0));
    }
}

proptest! {
    #![proptest_config(config(if cfg!(debug_assertions) { 8 } else { 64 }))]
    #[test]
    fn every_larger_page_is_accounted_for(
        page in prop_oneof![Just(16usize << 10), Just(64usize << 10)],
        actions in prop::collection::vec(actions(), 1..120),
    ) {
        run(&fakes::heap(Fake::with_page(page)), &actions);
    }

    #[test]
    fn a_flat_registry_does_as_well(actions in prop::collection::vec(actions(), 1..120)) {
        run(&flat_heap(), &actions);
    }

    #[test]
    fn a_source_that_fails_now_and_then_changes_nothing(
        page in prop::sample::select(vec![4usize << 10, 16 << 10, 64 << 10]),
        refuse_each in 1..5u64,
        actions in prop::collection::vec(actions(), 1..120),
    ) {
        let heap = fakes::heap(Fake::with_page(page));
        heap.host().manners(|manners| manners.refuse_each = refuse_each);
        run(&heap, &actions);
    }

    #[test]
    fn a_source_that_moves_or_refuses_changes_nothing(
        moves in any::<bool>(),
        refuse_remap in any::<bool>(),
        refuse_purge in any::<bool>(),
        actions in prop::collection::vec(actions(), 1..120),
    ) {
        let heap = fakes::heap(Fake::new());
        heap.host().manners(|manners| {
            manners.always_move = moves;
            manners.refuse_remap = refuse_remap;
            manners.refuse_purge = refuse_purge;
        });
        run(&heap, &actions);
    }
}
