//! Memory that comes piece by piece.

use super::block::Block;
use super::random::Random;
use crate::heaps::{Machine, take_spare};
use alloc::format;
use alloc::string::String;
use alloc::vec::Vec;
use core::sync::atomic::{AtomicUsize, Ordering};
use hakmem_core::{AllocError, Hosted, LockedHeap, Request};

const PIECE: usize = 2 << 20;
const PIECES: usize = 3;

static GIVEN: AtomicUsize = AtomicUsize::new(0);

fn hook(size: usize, align: usize) -> Option<(*mut u8, usize)> {
    let fits = size + align <= PIECE && GIVEN.load(Ordering::Relaxed) < PIECES;
    fits.then(|| {
        GIVEN.fetch_add(1, Ordering::Relaxed);
        (take_spare(PIECE), PIECE)
    })
}

pub(super) fn a_hook_hands_out_more() -> String {
    static HEAP: LockedHeap<Hosted<256>, Machine> = LockedHeap::with_growth(hook);
    let mut random = Random::new(8);
    let mut held = Vec::new();
    let error = loop {
        let layout = Block::layout(&mut random, 20_000);
        match HEAP.allocate(Request::new(layout)) {
            Ok(start) => held.push(Block::fill(start.cast().as_ptr(), layout, random.number())),
            Err(error) => break error,
        }
    };
    assert_eq!(error, AllocError::NoMemory);
    assert_eq!(GIVEN.load(Ordering::Relaxed), PIECES);
    held.iter().for_each(Block::check);
    format!("{} blocks in {PIECES} pieces of {PIECE} bytes", held.len())
}
