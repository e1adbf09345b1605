//! The way of an allocation that never waits: what is at hand, or nothing.
//!
//! ```text
//! allocate_now(size, align)
//! ├─ the class's hot list has a block ................. pop
//! ├─ another thread is inside the cache ............... null (hosts that reach caches alone)
//! ├─ size <= 32 KiB: cold list, claimed slab, pool ..... refill.rs, without stage 3
//! ├─ size <= 2 MiB: a span that is cached .............. span/
//! └─ above, or nothing there .......................... null
//! ```
//! It takes no lock and calls no source. What it meets of other threads are failed compare-and-swaps,
//! each of which is somebody else's success. So it may be called where the holder of the lock cannot run
//! on: in an interrupt handler, with preemption off, and by a thread that others wait for.

use crate::cache::Cache;
use crate::class::{ClassId, LARGEST, NATURAL_ALIGN, padded};
use crate::heap::Heap;
use crate::refill::AT_ONCE;
use crate::registry::Registry;
use crate::source::Host;
use core::ptr::null_mut;

impl<H: Host, R: Registry> Heap<H, R> {
    /// As [`allocate_aligned`](Self::allocate_aligned), without ever waiting: for the one lock, for
    /// another thread, or for the source. Null: nothing is at hand that serves it; an allocation that may
    /// wait may still get memory.
    ///
    /// The host learns of an untouched cache as always, and must not wait then either.
    ///
    /// # Safety
    /// As for [`allocate`](Self::allocate); `align` is a power of two.
    #[inline]
    pub unsafe fn allocate_now(&self, cache: &mut Cache, size: usize, align: usize) -> *mut u8 {
        debug_assert!(align.is_power_of_two());
        if align <= NATURAL_ALIGN {
            // 8 bytes at 16 are 16 bytes.
            let size = if align == NATURAL_ALIGN && size <= 8 { NATURAL_ALIGN } else { size };
            // SAFETY: the caller's promise.
            let ready = unsafe { self.allocate_hot(cache, size) };
            if !ready.is_null() {
                return ready;
            }
        }
        self.allocate_now_slow(cache, size, align)
    }

    #[inline(never)]
    fn allocate_now_slow(&self, cache: &mut Cache, size: usize, align: usize) -> *mut u8 {
        // An ended cache keeps nothing: what it gets beside the one block it sends home at once.
        if cache.is_ended() || !self.try_enter(cache) {
            return null_mut();
        }
        let start = self.serve_now(cache, size, align);
        self.leave(cache);
        start
    }

    fn serve_now(&self, cache: &mut Cache, size: usize, align: usize) -> *mut u8 {
        let padded = if align <= LARGEST { padded(size, align) } else { None };
        match padded {
            Some(size) if size <= LARGEST => {
                let class = ClassId::of(size);
                let ready = cache.bin(class).pop();
                let block = ready.or_else(|| self.refill::<AT_ONCE>(cache, class));
                block.map_or(null_mut(), |block| block.into_start())
            }
            _ if Self::is_span_sized(size, align) => self.allocate_span_now(cache, size, align),
            _ => null_mut(),
        }
    }
}
