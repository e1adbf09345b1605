//! What a trace takes by itself: an allocator with next to nothing to do. It hands out what was freed
//! last, whatever its size, or else addresses one after another, round and round in half of its region.

use core::alloc::{GlobalAlloc, Layout};
use core::cell::UnsafeCell;
use core::ptr::null_mut;

use crate::kernel::contender::Contender;

/// Freed addresses that it knows.
const FREED: usize = 256;

/// Allocates nothing.
pub(super) struct Nothing(UnsafeCell<State>);

struct State {
    start: *mut u8,
    mask: usize,
    next: usize,
    freed: [*mut u8; FREED],
    count: usize,
}

// SAFETY: one thread alone plays on it.
unsafe impl Sync for Nothing {}

impl Contender for Nothing {
    const EMPTY: Self = Self(UnsafeCell::new(State {
        start: null_mut(),
        mask: 0,
        next: 0,
        freed: [null_mut(); FREED],
        count: 0,
    }));

    unsafe fn give(&self, start: *mut u8, size: usize) -> Result<(), String> {
        // SAFETY: one thread alone has it.
        let state = unsafe { &mut *self.0.get() };
        state.start = start;
        state.mask = (size.next_power_of_two() >> 1) - 1;
        Ok(())
    }
}

// SAFETY: it keeps no promise but one: every address lies inside the region, with room behind it
// for the largest block. A trace on it may only write.
unsafe impl GlobalAlloc for Nothing {
    #[inline(always)]
    unsafe fn alloc(&self, layout: Layout) -> *mut u8 {
        // SAFETY: one thread alone has it.
        let state = unsafe { &mut *self.0.get() };
        if state.count > 0 {
            state.count -= 1;
            return state.freed[state.count];
        }
        state.next += layout.size();
        state.start.wrapping_add(state.next & state.mask)
    }

    #[inline(always)]
    unsafe fn dealloc(&self, start: *mut u8, _: Layout) {
        // SAFETY: one thread alone has it.
        let state = unsafe { &mut *self.0.get() };
        if state.count < FREED {
            state.freed[state.count] = start;
            state.count += 1;
        }
    }

    #[inline(always)]
    unsafe fn realloc(&self, start: *mut u8, _: Layout, _: usize) -> *mut u8 {
        start
    }
}
