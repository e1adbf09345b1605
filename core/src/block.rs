//! A free block as an owning token, and the lists and chains made of them.
//!
//! Whoever holds a [`Block`] owns that memory. Tokens are neither `Copy` nor `Clone` and pushing
//! consumes them, so that putting a block into two lists takes `unsafe`.

use crate::sync::link;
use core::ptr::NonNull;

/// A free block.
#[derive(Debug, PartialEq, Eq)]
#[repr(transparent)]
pub(crate) struct Block(NonNull<u8>);

impl Block {
    /// # Safety
    /// `start` is the first byte of a block of at least 8 bytes that is free, and no other token
    /// for it exists.
    #[inline(always)]
    pub(crate) unsafe fn from_start(start: NonNull<u8>) -> Self {
        Self(start)
    }

    /// Gives the block to the user.
    #[inline(always)]
    pub(crate) fn into_start(self) -> *mut u8 {
        self.0.as_ptr()
    }

    #[inline(always)]
    pub(crate) fn address(&self) -> usize {
        self.0.as_ptr().addr()
    }

    /// Ties `next` behind this block.
    #[inline(always)]
    fn tie(&mut self, next: Option<Block>) {
        let next = next.map_or(core::ptr::null_mut(), Block::into_start);
        // SAFETY: the token proves that the block is free and ours.
        unsafe { link::write(self.0.as_ptr(), next) }
    }
}

/// A singly linked list of free blocks; all-zero bytes are the empty one.
#[derive(Debug)]
#[repr(transparent)]
pub(crate) struct List {
    head: Option<Block>,
}

impl List {
    pub(crate) const EMPTY: Self = Self { head: None };

    /// # Safety
    /// `head` begins a list of tied blocks that ends in a block tied to nothing.
    pub(crate) unsafe fn from_head(head: Block) -> Self {
        Self { head: Some(head) }
    }

    #[inline(always)]
    pub(crate) fn push(&mut self, mut block: Block) {
        block.tie(self.head.take());
        self.head = Some(block);
    }

    #[inline(always)]
    pub(crate) fn pop(&mut self) -> Option<Block> {
        let start = self.head.as_ref()?.0;
        // SAFETY: blocks of a list are tied. The head is overwritten, so its token moves to the
        // caller, and its successor's token to the list; no store in between.
        self.head = NonNull::new(unsafe { link::read(start.as_ptr()) }).map(Block);
        Some(Block(start))
    }

    /// Address of the first block, 0 if there is none.
    #[inline(always)]
    pub(crate) fn head_address(&self) -> usize {
        self.head.as_ref().map_or(0, Block::address)
    }

    /// Whether one of the first `most` blocks begins at `start`. Follows a link only if `follow`
    /// vouches for the address: for crash reports, where the list may be broken.
    pub(crate) fn holds(&self, start: usize, most: u32, follow: impl Fn(usize) -> bool) -> bool {
        let mut at = self.head.as_ref().map_or(core::ptr::null_mut(), |head| head.0.as_ptr());
        for _ in 0..most {
            if at.is_null() || !follow(at.addr()) {
                return false;
            }
            if at.addr() == start {
                return true;
            }
            // SAFETY: a block of a slab that is mapped; what it holds is checked before it is
            // followed.
            at = unsafe { link::read(at) };
        }
        false
    }

    pub(crate) fn is_empty(&self) -> bool {
        self.head.is_none()
    }

    pub(crate) fn take(&mut self) -> Self {
        core::mem::replace(self, Self::EMPTY)
    }
}

/// A list whose last block and length are known: what travels home in one step.
#[derive(Debug)]
pub(crate) struct Chain {
    head: Block,
    tail: NonNull<u8>,
    len: u32,
}

impl Chain {
    pub(crate) fn of(mut block: Block) -> Self {
        block.tie(None);
        Self { tail: block.0, head: block, len: 1 }
    }

    pub(crate) fn push(&mut self, block: Block) {
        let behind = core::mem::replace(&mut self.head, block);
        self.head.tie(Some(behind));
        self.len += 1;
    }

    /// A chain of a block whose link is still its list's; [`Chain::tie_tail`] ends it.
    pub(crate) fn of_tied(block: Block) -> Self {
        Self { tail: block.0, head: block, len: 1 }
    }

    /// The chain as a list; its tail is tied to nothing, or [`Chain::tie_tail`] was called.
    pub(crate) fn into_list(self) -> List {
        List { head: Some(self.head) }
    }

    /// Takes in the block that the list, from which both came, has tied behind this chain's tail.
    ///
    /// # Safety
    /// The tail's link still points to `block`.
    pub(crate) unsafe fn follow(&mut self, block: Block) {
        self.tail = block.0;
        self.len += 1;
    }

    pub(crate) fn len(&self) -> u32 {
        self.len
    }

    pub(crate) fn head_address(&self) -> usize {
        self.head.address()
    }

    pub(crate) fn tail_address(&self) -> usize {
        self.tail.as_ptr().addr()
    }

    /// Ties the list that begins at `next` (null: none) behind the chain.
    ///
    /// # Safety
    /// If the chain is then given away together with that list, the list was the caller's to take.
    pub(crate) unsafe fn tie_tail(&mut self, next: *mut u8) {
        // SAFETY: the chain owns its tail.
        unsafe { link::write(self.tail.as_ptr(), next) }
    }
}
