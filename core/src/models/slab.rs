//! The slab word.

use super::{bounded, scribble};
use crate::block::{Block, Chain, List};
use crate::class::ClassId;
use crate::slab::Next;
use crate::superslab::{Slots, Superslab};
use crate::word::State;
use core::ptr::NonNull;
use loom::sync::Arc;
use loom::thread;
use std::vec::Vec;

const CLASS: ClassId = ClassId(0);
const BASE: usize = 128;

fn slab() -> Arc<Superslab> {
    let superslab = Superslab::blank();
    superslab.open(BASE, 2, Slots::new(0, 0));
    superslab.begin(0, CLASS);
    Arc::new(superslab)
}

/// Carves `count` blocks as users would have them.
fn blocks(superslab: &Superslab, count: u32) -> Vec<Block> {
    let (first, carved) = superslab.carve(0, count).unwrap();
    assert_eq!(carved, count);
    (first..first + count)
        .map(|index| {
            let start = superslab.block_start(0, CLASS, index).unwrap();
            // SAFETY: just carved.
            unsafe { Block::from_start(start) }
        })
        .collect()
}

fn used(block: Block) -> Block {
    let start = block.into_start();
    scribble(start);
    // SAFETY: the same block, given up again.
    unsafe { Block::from_start(NonNull::new(start).unwrap()) }
}

fn drain(mut list: List) -> u32 {
    core::iter::from_fn(|| list.pop()).map(|block| scribble(block.into_start())).count() as u32
}

/// Two threads return to one slab while its owner takes the list: nothing is lost, nothing is
/// found twice, and the owner may use what it took.
///
/// Fails when weakened: the Release half of `send_home`, the Acquire of `take_returned`.
#[test]
fn two_return_while_the_owner_takes() {
    bounded(3, || {
        let superslab = slab();
        let returners: Vec<_> = blocks(&superslab, 2)
            .into_iter()
            .map(|block| {
                let superslab = superslab.clone();
                thread::spawn(move || {
                    let mut chain = Chain::of(used(block));
                    assert_eq!(superslab.send_home(0, CLASS, &mut chain), Ok(Next::Done));
                })
            })
            .collect();
        let taken = |_: u32| match superslab.take_returned(0) {
            Some((list, len)) => {
                assert_eq!(drain(list), len);
                len
            }
            None => 0,
        };
        let mut found: u32 = (0..2).map(taken).sum();
        for returner in returners {
            returner.join().unwrap();
        }
        found += taken(2);
        assert_eq!(found, 2);
        let word = superslab.peek(0);
        assert_eq!((word.carved(), word.returned(), word.state()), (2, 0, State::Claimed));
    });
}

/// The owner gives a slab up while two threads return its last blocks: exactly one of the three
/// retires it, and may then use all of its memory.
///
/// Fails when weakened: either half of `send_home`, the Acquire half of `give_up`.
#[test]
fn one_of_three_retires() {
    bounded(3, || {
        let superslab = slab();
        let mut blocks = blocks(&superslab, 2).into_iter();
        let [one, two] = [blocks.next().unwrap(), blocks.next().unwrap()];
        let retire = |next: Next| {
            if next == Next::Retire {
                for index in 0..2 {
                    scribble(superslab_block(index));
                }
            }
            u32::from(next == Next::Retire)
        };
        let theirs = superslab.clone();
        let returner = thread::spawn(move || {
            retire(theirs.send_home(0, CLASS, &mut Chain::of(used(one))).unwrap())
        });
        let theirs = superslab.clone();
        let other = thread::spawn(move || {
            retire(theirs.send_home(0, CLASS, &mut Chain::of(used(two))).unwrap())
        });
        let mine = retire(superslab.give_up(0));
        assert_eq!(mine + returner.join().unwrap() + other.join().unwrap(), 1);
        assert_eq!(superslab.peek(0).state(), State::Unused);
    });
}

fn superslab_block(index: usize) -> *mut u8 {
    core::ptr::without_provenance_mut(BASE + index * CLASS.size())
}

/// The owner carves while another thread returns: the carved count and the list keep C4.
#[test]
fn carve_against_return() {
    bounded(3, || {
        let superslab = slab();
        let block = blocks(&superslab, 1).pop().unwrap();
        let theirs = superslab.clone();
        let returner = thread::spawn(move || {
            let next = theirs.send_home(0, CLASS, &mut Chain::of(used(block)));
            assert_eq!(next, Ok(Next::Done));
        });
        assert_eq!(superslab.carve(0, 2), Some((1, 2)));
        returner.join().unwrap();
        let word = superslab.peek(0);
        assert_eq!((word.carved(), word.returned()), (3, 1));
    });
}
