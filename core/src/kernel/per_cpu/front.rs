//! A CPU's place in the heap: its cache, and what is under way there.
//!
//! ```text
//!         with, with_short               with, with_short
//! FREE ----------------------> BUSY <----------------------+
//!   ^                           | |                         |
//!   +---- no wrong call --------+ +-- a wrong call noted -> NOTED   with alone
//! ```

use crate::cache::Cache;
use crate::sync::mark::AtomicU8;
use crate::sync::{Ordering, Private, const_fn, light_fence};

/// No call is under way.
const FREE: u8 = 0;
/// One is.
const BUSY: u8 = 1;
/// None is, and a wrong call is written down that nobody has been told of: short calls do not look for one.
const NOTED: u8 = 2;

/// What a CPU has for itself. All zero before its first use.
#[repr(C, align(64))]
pub(super) struct Front {
    /// Only that CPU touches it: an atomic, so that a kernel whose pin fails reads nonsense at worst.
    state: AtomicU8,
    cache: Private<Cache>,
}

impl Front {
    const_fn! {
        pub(super) fn new() -> Self {
            Self { state: AtomicU8::new(FREE), cache: Private::new(Cache::new()) }
        }
    }

    /// Lends the cache; then `is_noted` says whether a wrong call is written down. `None`: a call is under
    /// way there, and this one came out of it.
    ///
    /// A handler that comes between the look and the mark has ended when the caller goes on.
    ///
    /// # Safety
    /// The caller is pinned to the CPU, or nobody is and will be before this returns.
    #[inline(always)]
    pub(super) unsafe fn with<T>(
        &self,
        work: impl FnOnce(&mut Cache) -> T,
        is_noted: impl FnOnce() -> bool,
    ) -> Option<T> {
        if self.state.load(Ordering::Relaxed) == BUSY {
            return None;
        }
        // SAFETY: the caller's promise, and he is in no other call on the CPU.
        let done = unsafe { self.lend(work) };
        if is_noted() {
            self.state.store(NOTED, Ordering::Relaxed);
        }
        Some(done)
    }

    /// Lends the cache for work that can find nothing wrong. `None`: not now.
    ///
    /// # Safety
    /// As for [`with`](Self::with).
    #[inline(always)]
    pub(super) unsafe fn with_short<T>(&self, work: impl FnOnce(&mut Cache) -> T) -> Option<T> {
        if self.state.load(Ordering::Relaxed) != FREE {
            return None;
        }
        // SAFETY: as in `with`.
        Some(unsafe { self.lend(work) })
    }

    /// # Safety
    /// As for [`with`](Self::with), and no call is under way on the CPU.
    #[inline(always)]
    unsafe fn lend<T>(&self, work: impl FnOnce(&mut Cache) -> T) -> T {
        self.state.store(BUSY, Ordering::Relaxed);
        // For what interrupts the call, on this CPU, the compiler's order is enough.
        light_fence();
        // SAFETY: the caller's promise.
        let done = unsafe { self.cache.with(work) };
        light_fence();
        self.state.store(FREE, Ordering::Relaxed);
        done
    }
}
