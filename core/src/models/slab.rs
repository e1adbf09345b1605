//! The slab word.

use super::{blank, bounded, scribble, send};
use crate::class::ClassId;
use crate::slab::Next;
use crate::superslab::Superslab;
use crate::word::State;
use loom::sync::Arc;
use loom::thread;

const CLASS: ClassId = ClassId(0);
const BASE: usize = 128;

/// A claimed slab of which `carved` blocks are users'.
fn slab(carved: u32) -> Arc<Superslab> {
    let superslab = blank(BASE, 2);
    superslab.begin(0, CLASS);
    assert_eq!(superslab.carve(0, carved), Some((0, carved)));
    Arc::new(superslab)
}

/// Takes up to `most` returned blocks, and uses them; how many there were.
fn take(superslab: &Superslab, most: u32) -> u32 {
    let Some((mut list, len)) = superslab.take_returned(0, most) else { return 0 };
    let blocks = core::iter::from_fn(|| list.pop()).map(|block| scribble(block.into_start()));
    assert_eq!(blocks.count() as u32, len);
    len
}

/// Two threads return to one slab while its owner takes the list: nothing is lost, nothing is
/// found twice, and the owner may use what it took.
///
/// Fails when weakened: the Release half of `send_home`, the Acquire of `take_returned`, the Release
/// of `Returned::set`, the Acquire of `Returned::take`.
#[test]
fn two_return_while_the_owner_takes() {
    bounded(3, || {
        let superslab = slab(2);
        let returners = [0, 1].map(|index| {
            let superslab = superslab.clone();
            thread::spawn(move || assert_eq!(send(&superslab, 0, CLASS, index), Next::Done))
        });
        let mut found: u32 = (0..2).map(|_| take(&superslab, 4)).sum();
        for returner in returners {
            returner.join().unwrap();
        }
        found += take(&superslab, 4);
        assert_eq!(found, 2);
        let word = superslab.peek(0);
        assert_eq!((word.carved(), word.returned(), word.state()), (2, 0, State::Claimed));
    });
}

/// A block comes home while the owner takes one that is there already; whichever of the two it
/// gets, the other is left, and is there for the next one.
///
/// Fails when weakened: as above.
#[test]
fn one_is_taken_while_another_comes() {
    bounded(3, || {
        let superslab = slab(3);
        assert_eq!(send(&superslab, 0, CLASS, 1), Next::Done);
        let returners = [0, 2].map(|index| {
            let superslab = superslab.clone();
            thread::spawn(move || assert_eq!(send(&superslab, 0, CLASS, index), Next::Done))
        });
        assert_eq!(take(&superslab, 1), 1);
        let early = take(&superslab, 1);
        for returner in returners {
            returner.join().unwrap();
        }
        assert_eq!(early + take(&superslab, 4), 2);
        assert_eq!(superslab.peek(0).returned(), 0);
    });
}

/// The owner gives a slab up while two threads return its last blocks: exactly one of the three
/// retires it, and may then use all of its memory.
///
/// Fails when weakened: either half of `send_home`, the Acquire half of `give_up`.
#[test]
fn one_of_three_retires() {
    bounded(3, || {
        let superslab = slab(2);
        let retire = |next: Next| {
            if next == Next::Retire {
                for index in 0..2 {
                    scribble(superslab_block(index));
                }
            }
            u32::from(next == Next::Retire)
        };
        let [returner, other] = [0, 1].map(|index| {
            let theirs = superslab.clone();
            thread::spawn(move || retire(send(&theirs, 0, CLASS, index)))
        });
        let mine = retire(superslab.give_up(0));
        assert_eq!(mine + returner.join().unwrap() + other.join().unwrap(), 1);
        assert_eq!(superslab.peek(0).state(), State::Unused);
    });
}

/// A full slab is held for a while by one who has none of its blocks, while two threads return them:
/// exactly one of the three retires it, and not while it is held.
///
/// Fails when weakened: either half of `send_home`, the Acquire half of `give_up`.
#[test]
fn a_full_slab_is_held_while_its_blocks_come_home() {
    const PAIR: ClassId = ClassId(1);
    bounded(3, || {
        let superslab = blank(BASE, 2);
        superslab.begin(0, PAIR);
        assert_eq!(superslab.carve(0, 2), Some((0, 2)));
        assert_eq!(superslab.give_up(0), Next::Done);
        let superslab = Arc::new(superslab);
        let retire = |next: Next| {
            if next == Next::Retire {
                (0..2).for_each(|index| {
                    scribble(superslab_start(index * PAIR.size()));
                });
            }
            u32::from(next == Next::Retire)
        };
        let [returner, other] = [0, 1].map(|index| {
            let theirs = superslab.clone();
            thread::spawn(move || retire(send(&theirs, 0, PAIR, index)))
        });
        let mine = match superslab.claim_full(0) {
            Some(word) => {
                assert_eq!(word.class(), PAIR);
                assert_eq!(superslab.peek(0).state(), State::Claimed);
                retire(superslab.give_up(0))
            }
            None => 0,
        };
        assert_eq!(mine + returner.join().unwrap() + other.join().unwrap(), 1);
        assert_eq!(superslab.peek(0).state(), State::Unused);
    });
}

fn superslab_start(offset: usize) -> *mut u8 {
    core::ptr::without_provenance_mut(BASE + offset)
}

fn superslab_block(index: usize) -> *mut u8 {
    superslab_start(index * CLASS.size())
}

/// The owner carves while another thread returns: the carved count and the list keep C4.
#[test]
fn carve_against_return() {
    bounded(3, || {
        let superslab = slab(1);
        let theirs = superslab.clone();
        let returner = thread::spawn(move || {
            assert_eq!(send(&theirs, 0, CLASS, 0), Next::Done);
        });
        assert_eq!(superslab.carve(0, 2), Some((1, 2)));
        returner.join().unwrap();
        let word = superslab.peek(0);
        assert_eq!((word.carved(), word.returned()), (3, 1));
    });
}
