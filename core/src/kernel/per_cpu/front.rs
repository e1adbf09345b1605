//! A CPU's place in the heap: its cache, and whether a call is under way there.

use crate::cache::Cache;
use crate::sync::mark::AtomicBool;
use crate::sync::{Ordering, Private, const_fn, light_fence};

/// What a CPU has for itself. All zero before its first use.
#[repr(C, align(64))]
pub(super) struct Front {
    /// A call is under way. Only that CPU touches it: an atomic, so that a kernel whose pin fails reads
    /// nonsense at worst.
    busy: AtomicBool,
    cache: Private<Cache>,
}

impl Front {
    const_fn! {
        pub(super) fn new() -> Self {
            Self { busy: AtomicBool::new(false), cache: Private::new(Cache::new()) }
        }
    }

    /// Lends the cache. `None`: a call is under way there, and this one came out of it.
    ///
    /// A handler that comes between the look and the mark has ended when the caller goes on.
    ///
    /// # Safety
    /// The caller is pinned to the CPU, or nobody is and will be before this returns.
    #[inline(always)]
    pub(super) unsafe fn with<T>(&self, work: impl FnOnce(&mut Cache) -> T) -> Option<T> {
        if self.busy.load(Ordering::Relaxed) {
            return None;
        }
        self.busy.store(true, Ordering::Relaxed);
        // For what interrupts the call, on this CPU, the compiler's order is enough.
        light_fence();
        // SAFETY: nobody else is pinned to the CPU, and the caller is in no other call on it.
        let done = unsafe { self.cache.with(work) };
        light_fence();
        self.busy.store(false, Ordering::Relaxed);
        Some(done)
    }
}
