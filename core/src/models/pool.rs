//! The pool's bitmaps, hints, and superslabs that come and go.

use super::{Fiction, scribble};
use crate::block::{Block, Chain};
use crate::class::ClassId;
use crate::ledger::Ledger;
use crate::pool::Pool;
use crate::slab::Next;
use crate::superslab::{SlabId, Slots, SuperId, Want};
use loom::sync::Arc;
use loom::thread;

const CLASS: ClassId = ClassId(0);
const BASE: usize = 128;

/// A pool with one superslab whose first slab is full: every block carved, none returned.
fn pool_with_a_full_slab() -> (Arc<Pool>, SlabId) {
    let pool = Pool::new();
    let id = SuperId(0);
    let superslab = pool
        .make_superslab(id, &Fiction::new(), &Ledger::new())
        .unwrap();
    superslab.open(BASE, 2, Slots::new(0, 0));
    superslab.begin(0, CLASS);
    assert_eq!(superslab.carve(0, 4), Some((0, 4)));
    assert_eq!(superslab.give_up(0), Next::Done);
    (Arc::new(pool), SlabId::new(id, 0))
}

/// Returns one block, and does what follows.
fn give_back(pool: &Pool, slab: SlabId, index: u32) {
    let superslab = pool.superslab(slab.superslab()).unwrap();
    let start = superslab.block_start(slab.slot(), CLASS, index).unwrap();
    scribble(start.as_ptr());
    // SAFETY: a block of the full slab, each index given back once.
    let mut chain = Chain::of(unsafe { Block::from_start(start) });
    match superslab.send_home(slab.slot(), CLASS, &mut chain).unwrap() {
        Next::Publish => pool.publish(slab, CLASS),
        Next::Done => {}
        Next::Retire => panic!("a block is still out"),
    }
}

/// Uses what a claimed slab has returned, and how many that were.
fn use_up(pool: &Pool, slab: SlabId) -> u32 {
    let superslab = pool.superslab(slab.superslab()).unwrap();
    let Some((mut list, len)) = superslab.take_returned(slab.slot()) else {
        return 0;
    };
    let blocks = core::iter::from_fn(|| list.pop()).map(|block| scribble(block.into_start()));
    assert_eq!(blocks.count() as u32, len);
    len
}

/// Claim against give-back: two threads give a block back each while a third claims. Whatever
/// happens, the slab is not lost: it was claimed, or a search finds it afterwards.
///
/// Fails when weakened: either fence of `hints`, the Release of `set_pooled` or the Acquire of
/// `clear_pooled` (the slab is lost), the Acquire of the claiming CAS (payload race).
#[test]
fn claim_against_give_back() {
    loom::model(|| {
        let (pool, slab) = pool_with_a_full_slab();
        let theirs = pool.clone();
        let giver = thread::spawn(move || give_back(&theirs, slab, 0));
        let theirs = pool.clone();
        let other = thread::spawn(move || give_back(&theirs, slab, 1));
        let mut found = 0;
        let mut claimed = pool.claim_pooled(CLASS).is_some();
        if claimed {
            found += use_up(&pool, slab);
        }
        giver.join().unwrap();
        other.join().unwrap();
        claimed = claimed || pool.claim_pooled(CLASS).is_some();
        assert!(claimed, "a pooled slab was lost");
        found += use_up(&pool, slab);
        assert_eq!(found, 2);
    });
}

/// Two claimers of one pooled slab: one gets it.
#[test]
fn two_claim_one_slab() {
    loom::model(|| {
        let (pool, slab) = pool_with_a_full_slab();
        give_back(&pool, slab, 0);
        let theirs = pool.clone();
        let other = thread::spawn(move || {
            u32::from(
                theirs
                    .claim_pooled(CLASS)
                    .inspect(|(slab, _)| drop(use_up(&theirs, *slab)))
                    .is_some(),
            )
        });
        let mine = u32::from(
            pool.claim_pooled(CLASS)
                .inspect(|(slab, _)| drop(use_up(&pool, *slab)))
                .is_some(),
        );
        assert_eq!(mine + other.join().unwrap(), 1);
    });
}

/// A claimer that lowers a stale hint against a publisher that raises it: the slab stays findable.
///
/// Fails when weakened: either fence of `hints`.
#[test]
fn lowering_a_hint_against_raising_it() {
    loom::model(|| {
        let (pool, slab) = pool_with_a_full_slab();
        // Leave a stale hint behind: publish, claim by place, use up, give up as full.
        give_back(&pool, slab, 0);
        assert!(pool.claim_pooled_in(slab.superslab(), CLASS).is_some());
        assert_eq!(use_up(&pool, slab), 1);
        assert_eq!(
            pool.superslab(slab.superslab()).unwrap().give_up(0),
            Next::Done
        );
        let theirs = pool.clone();
        let giver = thread::spawn(move || give_back(&theirs, slab, 1));
        let found = pool.claim_pooled(CLASS).is_some();
        giver.join().unwrap();
        assert!(
            found || pool.claim_pooled(CLASS).is_some(),
            "a pooled slab was lost"
        );
    });
}

/// Two threads give the last two slots of a superslab back: exactly one closes it; a third that
/// searches meanwhile either gets a slot of the open superslab or nothing.
///
/// Fails when weakened: AcqRel of `Superslab::give_idle` (either half), Acquire of `claim_run` and of
/// `close_if_idle` (payload race).
#[test]
fn the_last_slots_come_back_while_another_searches() {
    loom::model(|| {
        let pool = Pool::new();
        let id = SuperId(0);
        let superslab = pool
            .make_superslab(id, &Fiction::new(), &Ledger::new())
            .unwrap();
        superslab.open(BASE, 2, Slots::new(0, 0));
        let pool = Arc::new(pool);
        let give = move |pool: &Pool, slot: u32| {
            scribble(core::ptr::without_provenance_mut(BASE + 64 * slot as usize));
            let seen = pool.give_idle(SlabId::new(id, slot), 1);
            let closed = pool.superslab(id).unwrap().close_if_idle(seen);
            if let Some((base, shape, _)) = closed {
                assert_eq!((base, shape), (BASE, 2));
                scribble(core::ptr::without_provenance_mut(BASE));
                scribble(core::ptr::without_provenance_mut(BASE + 64));
            }
            u32::from(closed.is_some())
        };
        let theirs = pool.clone();
        let one = thread::spawn(move || give(&theirs, 0));
        let theirs = pool.clone();
        let two = thread::spawn(move || give(&theirs, 1));
        let mut closed = 0;
        if let Some(slab) = pool.claim_idle(CLASS, Want::Any) {
            closed += give(&pool, slab.slot());
        }
        closed += one.join().unwrap() + two.join().unwrap();
        assert_eq!(closed, 1, "closed once, whoever was last");
        assert_eq!(pool.superslab(id).unwrap().slots(), Slots::new(0, 0));
    });
}

/// A fresh superslab is found by two threads: each gets a slot of its own, with base in place.
///
/// Fails when weakened: the Release of `open`, the Acquire of `claim_run` (base reads 0).
#[test]
fn two_find_a_fresh_superslab() {
    loom::model(|| {
        let pool = Pool::new();
        let id = SuperId(0);
        pool.make_superslab(id, &Fiction::new(), &Ledger::new())
            .unwrap();
        let pool = Arc::new(pool);
        let seek = move |pool: &Pool| {
            let slab = pool.claim_idle(CLASS, Want::Any)?;
            let base = pool.superslab(id).unwrap().slab_base(slab.slot());
            assert_eq!(base, BASE + 64 * slab.slot() as usize);
            scribble(core::ptr::without_provenance_mut(base));
            Some(slab)
        };
        let theirs = pool.clone();
        let opener = thread::spawn(move || {
            for slot in 0..2 {
                scribble(core::ptr::without_provenance_mut(BASE + 64 * slot));
            }
            theirs
                .superslab(id)
                .unwrap()
                .open(BASE, 2, Slots::new(3, 0));
            theirs.raise_idle(id, false);
        });
        let theirs = pool.clone();
        let other = thread::spawn(move || seek(&theirs));
        let mine = seek(&pool);
        opener.join().unwrap();
        let others = other.join().unwrap();
        assert!(mine.is_none() || mine != others);
    });
}
