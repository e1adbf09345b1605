//! What a cache's lists serve by themselves: the short way of a front that holds its cache for one
//! call, and does all else in another. A kernel's fronts are such; caches that are reached into have
//! their own, for others may shut these between any two calls ([`crate::door`]).
//!
//! ```text
//! pop_ready    the class's list has a block ............................ pop
//! push_ready   the block is this cache's, of that class, its list has room ... push
//! move_ready   all of that, and it begins a block
//!              ├─ of the same class ..................................... stays
//!              └─ the shorter size is at most 1 KiB ..................... pop, copy, push
//! ```
//! What is not served has changed nothing and reported nothing.

use crate::block::Block;
use crate::cache::Cache;
use crate::class::{ClassId, TABLED, twice_for};
use crate::heap::Heap;
use crate::registry::Registry;
use crate::source::Host;
use core::ptr::{NonNull, null_mut};

/// The most bytes that are copied here: the caller may be holding off interrupts.
const COPIED: usize = TABLED;

impl<H: Host, R: Registry> Heap<H, R> {
    /// A block that lies ready for a request. Null: none does.
    ///
    /// # Safety
    /// `cache` belongs to this heap; `align` is a power of two.
    #[inline(always)]
    pub(crate) unsafe fn pop_ready(&self, cache: &mut Cache, size: usize, align: usize) -> *mut u8 {
        const { assert!(!H::REACHES, "it does not look at the door") };
        // SAFETY: a request's class is one.
        let block = twice_for(size, align).and_then(|to| unsafe { cache.bin_twice(to) }.pop());
        block.map_or(null_mut(), Block::into_start)
    }

    /// Frees a block into its list. False: it is not free.
    ///
    /// # Safety
    /// `cache` belongs to this heap; `start` is a block of this heap that its user gives up, if it is one;
    /// `align` is a power of two.
    #[inline(always)]
    pub(crate) unsafe fn push_ready(
        &self,
        cache: &mut Cache,
        start: NonNull<u8>,
        size: usize,
        align: usize,
    ) -> bool {
        const { assert!(!H::REACHES, "it does not look at the door") };
        let Some(twice) = twice_for(size, align) else { return false };
        if !self.is_own(cache, start, twice) {
            return false;
        }
        // SAFETY: twice a class; of an untouched cache the list has no room.
        let is_pushed = unsafe { cache.push_twice(twice as u32, start) };
        if !is_pushed {
            // SAFETY: as above.
            unsafe { cache.bin_twice(twice) }.regret();
        }
        is_pushed
    }

    /// Makes a block `new` bytes long that was asked for with `old`, its contents kept up to the shorter
    /// size; where it moves, the old one is free. Null: not here, and the block stands.
    ///
    /// # Safety
    /// As for [`push_ready`](Self::push_ready).
    #[inline(always)]
    pub(crate) unsafe fn move_ready(
        &self,
        cache: &mut Cache,
        start: NonNull<u8>,
        old: usize,
        align: usize,
        new: usize,
    ) -> *mut u8 {
        let (Some(from), Some(to)) = (twice_for(old, align), twice_for(new, align)) else {
            return null_mut();
        };
        let address = start.as_ptr().addr();
        let begins = || ClassId((from / 2) as u8).measure().place(address).is_some();
        if !self.is_own(cache, start, from) || !begins() {
            return null_mut();
        }
        // SAFETY: twice a class, here and below.
        let bin = unsafe { cache.bin_twice(from) };
        // An untouched cache has no room, and owns nothing, whatever was found above.
        if bin.room <= 0 || bin.list.head_address() == address {
            return null_mut();
        }
        if from == to {
            return start.as_ptr();
        }
        let bytes = old.min(new);
        if bytes > COPIED {
            return null_mut();
        }
        // SAFETY: as above.
        let Some(moved) = unsafe { cache.bin_twice(to) }.pop() else { return null_mut() };
        let moved = moved.into_start();
        // SAFETY: both blocks hold the shorter size, and are distinct.
        unsafe { moved.copy_from_nonoverlapping(start.as_ptr(), bytes) };
        // SAFETY: its user gave the block up, and no list holds it, as far as can be told here. There is
        // room still, for the other list is another.
        unsafe { cache.bin_twice(from).push(Block::from_start(start)) };
        moved
    }

    /// Whether what lies at `start` is of a slab of this cache's, and its class that of which `twice` is
    /// the double. Owner and class in one compare.
    #[inline(always)]
    fn is_own(&self, cache: &Cache, start: NonNull<u8>, twice: usize) -> bool {
        let entry = self.registry.lookup(start.as_ptr().addr());
        entry.is_some_and(|entry| entry.wrapping_sub(cache.tag()) == twice as u32)
    }
}
