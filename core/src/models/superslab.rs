//! Slots of a superslab: claims, retirement, closing and purging.

use super::{Fiction, bounded, scribble, send};
use crate::class::ClassId;
use crate::ledger::Ledger;
use crate::pool::Pool;
use crate::slab::Next;
use crate::superslab::{SlabId, Slots, SuperId, Want};
use loom::sync::Arc;
use loom::thread;

const CLASS: ClassId = ClassId(0);
const BASE: usize = 128;
const ID: SuperId = SuperId(0);

/// A pool with one superslab, open with these idle slots.
fn pool_with(slots: Slots) -> Arc<Pool> {
    let pool = <Pool>::new();
    let superslab = pool.make_superslab(ID, &Fiction::new(), &Ledger::new()).unwrap();
    superslab.open(BASE, 2, slots);
    pool.raise_idle(ID, true);
    Arc::new(pool)
}

/// Uses a slot's memory.
fn use_slot(slot: u32) {
    scribble(core::ptr::without_provenance_mut(BASE + 64 * slot as usize));
}

/// Gives a slot back, and closes the superslab if that was the last: then all of it may be used.
fn give(pool: &Pool, slot: u32) -> u32 {
    let seen = pool.give_idle(SlabId::new(ID, slot), 1);
    close(pool, seen)
}

fn close(pool: &Pool, seen: Slots) -> u32 {
    let raise = || pool.raise_idle(ID, true);
    let closed = pool.superslab(ID).unwrap().close_if_idle(seen, raise);
    if let Some((base, shape, _)) = closed {
        assert_eq!((base, shape), (BASE, 2));
        (0..2).for_each(use_slot);
    }
    u32::from(closed.is_some())
}

/// Two threads give the last two slots of a superslab back: exactly one closes it; a third that
/// searches meanwhile either gets a slot of the open superslab or nothing.
///
/// Fails when weakened: the Release of `give_idle`, the Acquire of `claim_run`.
#[test]
fn the_last_slots_come_back_while_another_searches() {
    bounded(2, || {
        let pool = pool_with(Slots::new(0, 0));
        let [one, two] = [0, 1].map(|slot| {
            let theirs = pool.clone();
            thread::spawn(move || {
                use_slot(slot);
                give(&theirs, slot)
            })
        });
        let mut closed = 0;
        if let Some(slab) = pool.claim_idle(CLASS, Want::Any) {
            use_slot(slab.slot());
            closed += give(&pool, slab.slot());
        }
        closed += one.join().unwrap() + two.join().unwrap();
        assert_eq!(closed, 1, "closed once, whoever was last");
        assert_eq!(pool.superslab(ID).unwrap().slots(), Slots::new(0, 0));
    });
}

/// A fresh superslab is found by two threads: each gets a slot of its own, with base in place.
///
/// Fails when weakened: the Release of `open`, the Acquire of `claim_run`.
#[test]
fn two_find_a_fresh_superslab() {
    bounded(3, || {
        let pool = <Pool>::new();
        pool.make_superslab(ID, &Fiction::new(), &Ledger::new()).unwrap();
        let pool = Arc::new(pool);
        let seek = move |pool: &Pool| {
            let slab = pool.claim_idle(CLASS, Want::Any)?;
            let base = pool.superslab(ID).unwrap().slab_base(slab.slot());
            assert_eq!(base, BASE + 64 * slab.slot() as usize);
            use_slot(slab.slot());
            Some(slab)
        };
        let theirs = pool.clone();
        let opener = thread::spawn(move || {
            (0..2).for_each(use_slot);
            theirs.superslab(ID).unwrap().open(BASE, 2, Slots::new(3, 0));
            theirs.raise_idle(ID, false);
        });
        let theirs = pool.clone();
        let other = thread::spawn(move || seek(&theirs));
        let mine = seek(&pool);
        opener.join().unwrap();
        let others = other.join().unwrap();
        assert!(mine.is_none() || mine != others);
    });
}

/// Two threads return the last two blocks of a full slab: one of them retires the slab, and with it
/// the superslab, whose other slot is idle; once.
///
/// Fails when weakened: the Release half of `send_home`.
#[test]
fn the_last_block_retires_slab_and_superslab() {
    bounded(3, || {
        let pool = pool_with(Slots::new(2, 0));
        let superslab = pool.superslab(ID).unwrap();
        superslab.begin(0, CLASS);
        assert_eq!(superslab.carve(0, 2), Some((0, 2)));
        assert_eq!(superslab.give_up(0), Next::Publish);
        pool.publish(SlabId::new(ID, 0), CLASS);
        let give_block = |pool: &Pool, index: u16| {
            let superslab = pool.superslab(ID).unwrap();
            match send(superslab, 0, CLASS, index) {
                Next::Retire => {
                    superslab.clear_pooled(CLASS, 0);
                    superslab.returned().unwrap().clear(0, CLASS.capacity());
                    (1, give(pool, 0))
                }
                _ => (0, 0),
            }
        };
        let theirs = pool.clone();
        let other = thread::spawn(move || give_block(&theirs, 0));
        let (retired, closed) = give_block(&pool, 1);
        let (others, closed_there) = other.join().unwrap();
        assert_eq!((retired + others, closed + closed_there), (1, 1));
        // All of it is the closer's: what was in its hands is written once more.
        (0..2).for_each(use_slot);
    });
}

/// The dirty slots are purged while one thread claims one and another gives one back: a purger has
/// a slot to itself, and what is dirty stays findable as such.
///
/// Fails when weakened: the Acquire of `claim_dirty`, of `claim_run` and of `close_if_idle`, the
/// Release of `give_idle`.
#[test]
fn purging_against_claiming_and_giving() {
    bounded(2, || {
        let pool = pool_with(Slots::new(1, 1));
        use_slot(0);
        let theirs = pool.clone();
        let purger = thread::spawn(move || {
            let superslab = theirs.superslab(ID).unwrap();
            let claimed = superslab.claim_dirty(u32::MAX);
            (0..2).filter(|slot| claimed & 1 << slot != 0).for_each(use_slot);
            if claimed == 0 {
                return 0;
            }
            let seen = superslab.give_idle(claimed, 0);
            theirs.raise_idle(ID, false);
            close(&theirs, seen)
        });
        let theirs = pool.clone();
        let giver = thread::spawn(move || {
            use_slot(1);
            give(&theirs, 1)
        });
        let mut closed = 0;
        if let Some(slab) = pool.claim_idle(CLASS, Want::Dirty) {
            use_slot(slab.slot());
            closed += give(&pool, slab.slot());
        }
        closed += purger.join().unwrap() + giver.join().unwrap();
        assert_eq!(closed, 1);
    });
}

/// A thread that would close a superslab, and whose look at its size is out of date, takes the idle
/// slots of the next superslab of that number, which is larger: it puts them back, and they are
/// found.
///
/// Fails when weakened: the Release of `open`, the Acquire of `close_if_idle`, either fence of
/// `hints`; and without its `raise`.
#[test]
fn slots_taken_by_mistake_come_back() {
    bounded(3, || {
        let pool = <Pool>::new();
        let superslab = pool.make_superslab(ID, &Fiction::new(), &Ledger::new()).unwrap();
        superslab.open(BASE, 1, Slots::new(0, 0));
        let pool = Arc::new(pool);
        let theirs = pool.clone();
        let closer = thread::spawn(move || close(&theirs, Slots::new(1, 0)));
        pool.superslab(ID).unwrap().open(BASE, 2, Slots::new(1, 0));
        pool.raise_idle(ID, false);
        let found = pool.claim_idle(CLASS, Want::Any).is_some();
        assert_eq!(closer.join().unwrap(), 0, "half of it is in use");
        assert!(found || pool.claim_idle(CLASS, Want::Any).is_some(), "an idle slot was lost");
    });
}
