//! Searches across the whole width of the pool: one superslab here and there, up to the last one.

use super::*;
use crate::class::CLASSES;
use crate::extent::Window;
use crate::fakes::Fake;
use std::boxed::Box;
use std::vec::Vec;

const BASE: usize = 1 << 30;

/// Numbers at the edges of the words of every level, and the last one.
fn edges<E: Extent>() -> Vec<u32> {
    let end = (size_of::<E::Chunks<AtomicU64>>() / 8 * CHUNK_SUPERS) as u32;
    let edges = [0, 1, 63, 64, 65, 4095, 4096, 4097, 262_143, 262_144];
    edges.into_iter().filter(|number| *number < end - 1).chain([end - 1]).collect()
}

/// A pool in which these superslabs exist, without idle slots, and the source of its tables, which
/// must live as long.
fn pool<E: Extent>(numbers: &[u32]) -> (Box<Pool<E>>, Fake) {
    let (pool, source, ledger) = (Box::new(Pool::new()), Fake::new(), Ledger::new());
    for &number in numbers {
        let superslab = pool.make_superslab(SuperId(number), &source, &ledger).unwrap();
        // Nobody goes there.
        let base = (number as usize).wrapping_mul(crate::geometry::SUPERSLAB);
        superslab.open(BASE.wrapping_add(base), 32, Slots::new(0, 0));
    }
    (pool, source)
}

fn hints(pool: &Pool<impl Extent>, tree: Tree) -> usize {
    let rows = pool.top.as_slice().iter().chain(pool.mid.as_slice());
    let rows = rows.chain(pool.chunk(0).map(|chunk| &chunk.summary));
    rows.map(|row| row[tree.index()].load(Ordering::Relaxed).count_ones() as usize).sum()
}

fn idle_slots_are_found<E: Extent>() {
    let numbers = edges::<E>();
    let (pool, _source) = pool::<E>(&numbers);
    let class = ClassId::of(64);
    assert_eq!(pool.claim_idle(class, Want::Any), None);
    for &number in numbers.iter().rev() {
        pool.give_idle(SlabId::new(SuperId(number), 7), 1);
    }
    for number in numbers {
        let found = pool.claim_idle(class, if number % 2 == 0 { Want::Any } else { Want::Dirty });
        assert_eq!(found, Some(SlabId::new(SuperId(number), 7)));
    }
    for (want, tree) in [(Want::Any, Tree::IDLE), (Want::Dirty, Tree::IDLE_DIRTY)] {
        assert_eq!(pool.claim_idle(class, want), None);
        assert_eq!(hints(&pool, tree), 0, "a failing search reads the top words alone");
    }
}

#[test]
fn idle_slots_are_found_wherever_they_are_lowest_first() {
    idle_slots_are_found::<Whole>();
    idle_slots_are_found::<Window>();
}

fn pooled_slabs_are_found<E: Extent>() {
    let numbers = edges::<E>();
    let (pool, _source) = pool::<E>(&numbers);
    for class in [ClassId(0), ClassId(20), ClassId(CLASSES as u8 - 1)] {
        for &number in numbers.iter().rev() {
            let superslab = pool.superslab(SuperId(number)).unwrap();
            superslab.begin(4, class);
            assert_eq!(superslab.carve(4, 1), Some((0, 1)));
            assert_eq!(superslab.give_up(4), crate::slab::Next::Publish);
            pool.publish(SlabId::new(SuperId(number), 4), class);
        }
        assert_eq!(pool.claim_pooled(ClassId(class.0 ^ 1)), None);
        let found = core::iter::from_fn(|| pool.claim_pooled(class)).map(|(slab, word)| {
            assert_eq!((word.state(), word.class()), (State::Claimed, class));
            slab.superslab().0
        });
        assert_eq!(found.collect::<Vec<_>>(), numbers);
        assert_eq!(hints(&pool, Tree::pooled(class)), 0);
    }
}

#[test]
fn pooled_slabs_are_found_wherever_they_are_lowest_first() {
    pooled_slabs_are_found::<Whole>();
    pooled_slabs_are_found::<Window>();
}

/// Superslabs whose idle slots do not fit are passed over, and stay findable.
#[test]
fn scattered_slots_are_passed_over() {
    let numbers = edges::<Whole>();
    let (pool, _source) = pool::<Whole>(&numbers);
    for &number in &numbers {
        pool.give_idle(SlabId::new(SuperId(number), 3), 1);
        pool.give_idle(SlabId::new(SuperId(number), 4), 1);
    }
    let (two, one) = (ClassId::of(16 << 10), ClassId::of(64));
    assert_eq!((two.slots(), one.slots()), (2, 1));
    assert_eq!(pool.claim_idle(two, Want::Any), None);
    let next_to_last = SuperId(numbers[numbers.len() - 2]);
    pool.give_idle(SlabId::new(next_to_last, 5), 1);
    assert_eq!(pool.claim_idle(two, Want::Any), Some(SlabId::new(next_to_last, 4)));
    assert_eq!(pool.claim_idle(one, Want::Any), Some(SlabId::new(SuperId(0), 3)));
}

/// A search that meets stale hints only takes them down, and looks at a bounded number.
#[test]
fn stale_hints_are_taken_down() {
    let numbers: Vec<u32> = (0..3 * PROBES).collect();
    let (pool, _source) = pool::<Whole>(&numbers);
    for &number in &numbers {
        pool.raise_idle(SuperId(number), false);
    }
    let last = SlabId::new(SuperId(3 * PROBES - 1), 0);
    pool.give_idle(last, 1);
    let class = ClassId::of(64);
    assert_eq!(pool.claim_idle(class, Want::Any), None);
    assert_eq!(pool.claim_idle(class, Want::Any), None);
    assert_eq!(pool.claim_idle(class, Want::Any), Some(last));
}
