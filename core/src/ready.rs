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
use crate::class::{ClassId, LARGEST, TABLED, padded};
use crate::heap::Heap;
use crate::registry::Registry;
use crate::source::Host;
use core::ptr::{NonNull, null_mut};

/// The most bytes that are copied here: the caller may be holding off interrupts.
const COPIED: usize = TABLED;

/// The class that serves a request, if one does.
#[inline(always)]
fn class_for(size: usize, align: usize) -> Option<ClassId> {
    padded(size, align).filter(|size| *size <= LARGEST).map(ClassId::of)
}

impl<H: Host, R: Registry> Heap<H, R> {
    /// A block that lies ready for a request. Null: none does.
    ///
    /// # Safety
    /// `cache` belongs to this heap; `align` is a power of two.
    #[inline(always)]
    pub(crate) unsafe fn pop_ready(
        &self,
        cache: &mut Cache,
        size: usize,
        align: usize,
    ) -> *mut u8 {
        const { assert!(!H::REACHES, "it does not look at the door") };
        let block = class_for(size, align).and_then(|class| cache.bin_of(class).pop());
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
        let Some(class) = class_for(size, align) else { return false };
        let is_ready = self.has_room_for(cache, class, start);
        if is_ready {
            // SAFETY: a block of this class that its user gave up, and no list holds it, as far as can be
            // told here (its list's head is another).
            cache.bin_of(class).push(unsafe { Block::from_start(start) });
        }
        is_ready
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
        let (Some(from), Some(to)) = (class_for(old, align), class_for(new, align)) else {
            return null_mut();
        };
        let begins = || from.measure().place(start.as_ptr().addr()).is_some();
        if !self.has_room_for(cache, from, start) || !begins() {
            return null_mut();
        }
        if from == to {
            return start.as_ptr();
        }
        let bytes = old.min(new);
        if bytes > COPIED {
            return null_mut();
        }
        // SAFETY: the caller's promise.
        let moved = unsafe { self.pop_ready(cache, new, align) };
        if !moved.is_null() {
            // SAFETY: both blocks hold the shorter size, and are distinct.
            unsafe { moved.copy_from_nonoverlapping(start.as_ptr(), bytes) };
            // SAFETY: as in `push_ready`. The room is there still, for the other block is of another class.
            cache.bin_of(from).push(unsafe { Block::from_start(start) });
        }
        moved
    }

    /// Whether a block that is freed as one of `class` goes into its list.
    #[inline(always)]
    fn has_room_for(&self, cache: &mut Cache, class: ClassId, start: NonNull<u8>) -> bool {
        let address = start.as_ptr().addr();
        let tag = cache.tag();
        let twice = 2 * u32::from(class.0);
        // Owner and class in one compare. An untouched cache owns nothing, whatever this says: it has no room.
        let is_own =
            self.registry.lookup(address).is_some_and(|entry| entry.wrapping_sub(tag) == twice);
        let bin = cache.bin_of(class);
        is_own && bin.room > 0 && bin.list.head_address() != address
    }
}
