//! Slabs in the pool: publication, claims, and the hints above.

use super::{Fiction, bounded, scribble, send};
use crate::class::ClassId;
use crate::geometry::SUPERSLAB;
use crate::hints::bits;
use crate::ledger::Ledger;
use crate::pool::{Pool, claim_slab};
use crate::slab::Next;
use crate::superslab::{SlabId, Slots, SuperId};
use loom::sync::Arc;
use loom::thread;

const CLASS: ClassId = ClassId(0);
const BASE: usize = 128;

/// Opens a superslab whose first slab is full: every block carved, none returned.
fn add_full_slab(pool: &Pool, number: u32) -> SlabId {
    let id = SuperId(number);
    let superslab = pool.make_superslab(id, &Fiction::new(), &Ledger::new()).unwrap();
    superslab.open(BASE + number as usize * SUPERSLAB, 2, Slots::new(0, 0));
    superslab.begin(0, CLASS);
    assert_eq!(superslab.carve(0, 4), Some((0, 4)));
    assert_eq!(superslab.give_up(0), Next::Done);
    SlabId::new(id, 0)
}

fn pool_with_a_full_slab() -> (Arc<Pool>, SlabId) {
    let pool = <Pool>::new();
    let slab = add_full_slab(&pool, 0);
    (Arc::new(pool), slab)
}

/// Leaves hints behind that lead to nothing: a block of a full slab comes back, the slab is claimed
/// by its place, used up and given up.
fn leave_hints(pool: &Pool, slab: SlabId) {
    give_back(pool, slab, 0);
    assert!(pool.claim_pooled_in(slab.superslab(), CLASS).is_some());
    assert_eq!(use_up(pool, slab), 1);
    let superslab = pool.superslab(slab.superslab()).unwrap();
    assert_eq!(superslab.give_up(slab.slot()), Next::Done);
}

/// Returns one block, and does what follows.
fn give_back(pool: &Pool, slab: SlabId, index: u16) {
    let superslab = pool.superslab(slab.superslab()).unwrap();
    match send(superslab, slab.slot(), CLASS, index) {
        Next::Publish => pool.publish(slab, CLASS),
        Next::Done => {}
        Next::Retire => panic!("a block is still out"),
    }
}

/// Uses what a claimed slab has returned, and how many that were.
fn use_up(pool: &Pool, slab: SlabId) -> u32 {
    let superslab = pool.superslab(slab.superslab()).unwrap();
    let Some((mut list, len)) = superslab.take_returned(slab.slot(), 4) else {
        return 0;
    };
    let blocks = core::iter::from_fn(|| list.pop()).map(|block| scribble(block.into_start()));
    assert_eq!(blocks.count() as u32, len);
    len
}

/// Claim against give-back: two threads give a block back each while a third claims. Whatever
/// happens, the slab is not lost: it was claimed, or a search finds it afterwards.
///
/// Fails when weakened: the Release of `set_pooled`, the Acquire of `clear_pooled`, either fence of
/// `hints` (a slab is lost); the Release of `Returned::set`, the Acquire of `Returned::take`.
#[test]
fn claim_against_give_back() {
    bounded(3, || {
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
    bounded(3, || {
        let (pool, slab) = pool_with_a_full_slab();
        give_back(&pool, slab, 0);
        let theirs = pool.clone();
        let other = thread::spawn(move || {
            let found = theirs.claim_pooled(CLASS);
            found.map_or(0, |(slab, _)| use_up(&theirs, slab))
        });
        let found = pool.claim_pooled(CLASS);
        let mine = found.map_or(0, |(slab, _)| use_up(&pool, slab));
        assert_eq!(mine + other.join().unwrap(), 1);
    });
}

/// A claimer that lowers a stale hint against a publisher that raises it: the slab stays findable.
///
/// Fails when weakened: the Release of `set_pooled`, the Acquire of `clear_pooled`, either fence of
/// `hints`.
#[test]
fn lowering_a_hint_against_raising_it() {
    bounded(3, || {
        let (pool, slab) = pool_with_a_full_slab();
        leave_hints(&pool, slab);
        let theirs = pool.clone();
        let giver = thread::spawn(move || give_back(&theirs, slab, 1));
        let found = pool.claim_pooled(CLASS).is_some();
        giver.join().unwrap();
        assert!(found || pool.claim_pooled(CLASS).is_some(), "a pooled slab was lost");
    });
}

/// Two searchers lower the hints of two superslabs of one chunk while a slab of the first comes
/// back: whoever takes a lowered hint back also takes back the hints above it, which the other may
/// have lowered meanwhile.
///
/// Fails when weakened: the Release of `set_pooled`, the Acquire of `clear_pooled`, either fence of
/// `hints`; and without the `raise` in `hints::lower`.
#[test]
fn two_lower_hints_of_one_chunk() {
    bounded(2, || {
        let pool = Arc::new(<Pool>::new());
        let slabs = [0, 1].map(|number| add_full_slab(&pool, number));
        slabs.iter().for_each(|slab| leave_hints(&pool, *slab));
        let theirs = pool.clone();
        let giver = thread::spawn(move || give_back(&theirs, slabs[0], 1));
        let theirs = pool.clone();
        let other = thread::spawn(move || theirs.claim_pooled(CLASS).is_some());
        let mine = pool.claim_pooled(CLASS).is_some();
        giver.join().unwrap();
        let found = other.join().unwrap() || mine;
        assert!(found || pool.claim_pooled(CLASS).is_some(), "a pooled slab was lost");
    });
}

/// A slab is claimed by a bit that an earlier slab in its place left behind, so that its word alone
/// orders claimer and predecessor.
///
/// Fails when weakened: the Release half of `give_up`, the Acquire of `claim_slab`.
#[test]
fn a_stale_bit_leads_to_the_next_slab() {
    bounded(3, || {
        let pool = <Pool>::new();
        let id = SuperId(0);
        let slab = SlabId::new(id, 0);
        pool.make_superslab(id, &Fiction::new(), &Ledger::new()).unwrap();
        let pool = Arc::new(pool);
        let theirs = pool.clone();
        let predecessor = thread::spawn(move || {
            // What the slot's users before wrote, and the superslab's place, come by this thread.
            scribble(core::ptr::without_provenance_mut(BASE + 3 * CLASS.size()));
            let superslab = theirs.superslab(id).unwrap();
            superslab.open(BASE, 2, Slots::new(0, 0));
            superslab.begin(0, CLASS);
            assert_eq!(superslab.carve(0, 3), Some((0, 3)));
            assert_eq!(superslab.give_up(0), Next::Publish);
        });
        let theirs = pool.clone();
        // A publisher of the earlier slab, late.
        let late = thread::spawn(move || theirs.publish(slab, CLASS));
        if pool.claim_pooled(CLASS).is_some() {
            let superslab = pool.superslab(id).unwrap();
            assert_eq!(superslab.carve(0, 4), Some((3, 1)));
            scribble(superslab.block_start(0, CLASS, 3).unwrap().as_ptr());
        }
        predecessor.join().unwrap();
        late.join().unwrap();
    });
}

/// Claims a pooled slab as `release/holes.rs` does, writes every block that is home, as giving back
/// its pages would, and gives the slab up.
fn sift(pool: &Pool, slab: SlabId) {
    let superslab = pool.superslab(slab.superslab()).unwrap();
    if claim_slab(superslab, CLASS, slab.slot()).is_none() {
        return;
    }
    for block in bits(superslab.returned().unwrap().cell_home(slab.slot(), 0)) {
        scribble(superslab.block_start(slab.slot(), CLASS, block).unwrap().as_ptr());
    }
    match superslab.give_up(slab.slot()) {
        Next::Publish => pool.publish(slab, CLASS),
        next => assert_eq!(next, Next::Done),
    }
}

/// A slab is sifted while a block goes home and while another thread claims it: no page of a block in
/// use is written, and the slab is not lost.
///
/// Fails when weakened: the Acquire of `cell_home`.
#[test]
fn sifting_against_give_back_and_claim() {
    bounded(2, || {
        let (pool, slab) = pool_with_a_full_slab();
        give_back(&pool, slab, 0);
        let theirs = pool.clone();
        let sifter = thread::spawn(move || sift(&theirs, slab));
        let theirs = pool.clone();
        let giver = thread::spawn(move || give_back(&theirs, slab, 1));
        let mut claimed = pool.claim_pooled(CLASS).is_some();
        let mut found = if claimed { use_up(&pool, slab) } else { 0 };
        sifter.join().unwrap();
        giver.join().unwrap();
        claimed = claimed || pool.claim_pooled(CLASS).is_some();
        assert!(claimed, "a pooled slab was lost");
        found += use_up(&pool, slab);
        assert_eq!(found, 2);
    });
}
