//! What a trace takes by itself: an allocator that hands out addresses one after another, round and
//! round in half of its region, whether they are free or not.

use core::alloc::{GlobalAlloc, Layout};
use core::ptr::null_mut;
use core::sync::atomic::{AtomicPtr, AtomicUsize, Ordering::Relaxed};

use crate::kernel::contender::Contender;

/// Allocates nothing.
pub(super) struct Nothing {
    start: AtomicPtr<u8>,
    mask: AtomicUsize,
    next: AtomicUsize,
}

impl Contender for Nothing {
    const EMPTY: Self = Self {
        start: AtomicPtr::new(null_mut()),
        mask: AtomicUsize::new(0),
        next: AtomicUsize::new(0),
    };

    unsafe fn give(&self, start: *mut u8, size: usize) -> Result<(), String> {
        self.start.store(start, Relaxed);
        self.mask.store((size.next_power_of_two() >> 1) - 1, Relaxed);
        Ok(())
    }
}

// SAFETY: it keeps no promise but one: every address lies inside the region, with room behind it
// for the largest block. A trace on it may only write.
unsafe impl GlobalAlloc for Nothing {
    #[inline(always)]
    unsafe fn alloc(&self, layout: Layout) -> *mut u8 {
        let next = self.next.load(Relaxed);
        self.next.store(next + layout.size(), Relaxed);
        self.start.load(Relaxed).wrapping_add(next & self.mask.load(Relaxed))
    }

    #[inline(always)]
    unsafe fn dealloc(&self, _: *mut u8, _: Layout) {}
}
