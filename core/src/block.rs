//! A free block as an owning token, and the lists and chains made of them.
//!
//! Whoever holds a [`Block`] owns that memory. Tokens are neither `Copy` nor `Clone` and pushing
//! consumes them, so that putting a block into two lists takes `unsafe`.

use crate::sync::{light_fence, link};
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
}

/// A singly linked list of free blocks; all-zero bytes are the empty one.
#[derive(Debug)]
#[repr(transparent)]
pub(crate) struct List {
    head: Option<Block>,
}

impl List {
    pub(crate) const EMPTY: Self = Self { head: None };

    #[inline(always)]
    pub(crate) fn push(&mut self, block: Block) {
        let next = self.head.as_ref().map_or(core::ptr::null_mut(), |head| head.0.as_ptr());
        // SAFETY: the token proves that the block is free and ours. The token of the head that was
        // moves behind it: it is overwritten, and no store in between.
        unsafe { link::write(block.0.as_ptr(), next) };
        // A reacher may find the block from here on, and reads its link then: see `door`.
        light_fence();
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

    /// A list by the address of its first block.
    ///
    /// # Safety
    /// A list begins there that nobody else holds.
    pub(crate) unsafe fn at(head: usize) -> Self {
        Self { head: NonNull::new(core::ptr::with_exposed_provenance_mut(head)).map(Block) }
    }

    /// Ends the list behind its first `keep` blocks, two at most. What was behind them is somebody
    /// else's already.
    pub(crate) fn cut(&mut self, keep: u32) {
        let first = if keep > 0 { self.pop() } else { None };
        let second = if keep > 1 { self.pop() } else { None };
        self.head = None;
        second.into_iter().chain(first).for_each(|block| self.push(block));
    }

    pub(crate) fn take(&mut self) -> Self {
        core::mem::replace(self, Self::EMPTY)
    }
}

/// A list in the making, that grows at its end.
pub(crate) struct Chain {
    head: Block,
    tail: NonNull<u8>,
}

impl Chain {
    pub(crate) fn of(block: Block) -> Self {
        Self { tail: block.0, head: block }
    }

    #[inline(always)]
    pub(crate) fn append(&mut self, block: Block) {
        // SAFETY: the chain owns its tail.
        unsafe { link::write(self.tail.as_ptr(), block.0.as_ptr()) };
        self.tail = block.0;
    }

    pub(crate) fn into_list(self) -> List {
        // SAFETY: as in `append`.
        unsafe { link::write(self.tail.as_ptr(), core::ptr::null_mut()) };
        List { head: Some(self.head) }
    }
}
