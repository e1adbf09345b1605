//! The only door to atomics, the one lock, and the links inside free blocks.
//!
//! Under `--cfg loom` the same names are loom's, so that the model checker runs the very code that
//! ships, at the tiny geometry of [`crate::geometry`].

#[cfg(all(not(loom), target_has_atomic = "64"))]
pub(crate) use core::sync::atomic::AtomicU64;
#[cfg(not(loom))]
pub(crate) use core::sync::atomic::{
    AtomicPtr, AtomicU16, AtomicU32, AtomicUsize, Ordering, fence,
};
#[cfg(loom)]
pub(crate) use loom::sync::atomic::{AtomicU16, AtomicUsize, Ordering, fence};
#[cfg(loom)]
pub(crate) use watched::{AtomicPtr, AtomicU32, AtomicU64};

/// Atomics that loom explores in full.
///
/// To find the orders worth trying, loom compares an access with the last one of the same atomic
/// alone. In `load; compare_exchange` that is the thread's own load, which hides what another
/// thread read before: the swap of the two is never tried. So each access here first stores to an
/// atomic beside the one meant. That orders nothing, but puts all accesses into one row, of which
/// loom tries every order.
#[cfg(loom)]
mod watched {
    use loom::sync::atomic::{self, Ordering};

    macro_rules! watched {
        ($name:ident $([$of:ident])?, $value:ty) => {
            pub(crate) struct $name $(<$of>)? {
                row: atomic::AtomicBool,
                cell: atomic::$name $(<$of>)?,
            }

            impl $(<$of>)? $name $(<$of>)? {
                pub(crate) fn new(value: $value) -> Self {
                    Self { row: atomic::AtomicBool::new(false), cell: atomic::$name::new(value) }
                }

                fn step(&self) -> &atomic::$name $(<$of>)? {
                    self.row.store(false, Ordering::Relaxed);
                    &self.cell
                }

                pub(crate) fn load(&self, order: Ordering) -> $value {
                    self.step().load(order)
                }

                pub(crate) fn compare_exchange(
                    &self,
                    old: $value,
                    new: $value,
                    success: Ordering,
                    failure: Ordering,
                ) -> Result<$value, $value> {
                    self.step().compare_exchange(old, new, success, failure)
                }
            }
        };
    }

    macro_rules! numbers {
        ($name:ident, $value:ty) => {
            watched!($name, $value);

            impl $name {
                pub(crate) fn store(&self, value: $value, order: Ordering) {
                    self.step().store(value, order);
                }

                pub(crate) fn swap(&self, value: $value, order: Ordering) -> $value {
                    self.step().swap(value, order)
                }

                pub(crate) fn compare_exchange_weak(
                    &self,
                    old: $value,
                    new: $value,
                    success: Ordering,
                    failure: Ordering,
                ) -> Result<$value, $value> {
                    self.compare_exchange(old, new, success, failure)
                }

                pub(crate) fn fetch_or(&self, bits: $value, order: Ordering) -> $value {
                    self.step().fetch_or(bits, order)
                }

                pub(crate) fn fetch_and(&self, bits: $value, order: Ordering) -> $value {
                    self.step().fetch_and(bits, order)
                }

                pub(crate) fn fetch_sub(&self, less: $value, order: Ordering) -> $value {
                    self.step().fetch_sub(less, order)
                }

                pub(crate) fn fetch_add(&self, more: $value, order: Ordering) -> $value {
                    self.step().fetch_add(more, order)
                }
            }
        };
    }

    watched!(AtomicPtr[T], *mut T);
    numbers!(AtomicU32, u32);
    numbers!(AtomicU64, u64);
}

/// Declares a function that is `const` except under loom, whose atomics cannot be built at compile time.
macro_rules! const_fn {
    ($(#[$meta:meta])* $vis:vis fn $name:ident($($args:tt)*) -> $ret:ty $body:block) => {
        #[cfg(not(loom))]
        $(#[$meta])* $vis const fn $name($($args)*) -> $ret $body
        #[cfg(loom)]
        $(#[$meta])* $vis fn $name($($args)*) -> $ret $body
    };
}
pub(crate) use const_fn;

/// An array of `N` equal cells, built at compile time except under loom.
macro_rules! cells {
    ($make:expr; $n:expr) => {{
        #[cfg(not(loom))]
        {
            [const { $make }; $n]
        }
        #[cfg(loom)]
        {
            core::array::from_fn::<_, { $n }, _>(|_| $make)
        }
    }};
}
pub(crate) use cells;

/// Stands between two calls of a cache's owner, and inside a push, whose partner is a fence that the
/// reacher has every thread pass ([`crate::door`]): here only the compiler must keep the order.
#[inline(always)]
pub(crate) fn light_fence() {
    core::sync::atomic::compiler_fence(Ordering::SeqCst);
}

/// A sum for reading that orders nothing, so that models need not try its orders: never loom's.
///
/// Parts are added and taken away by different threads; a reader between the two may meet a sum
/// below zero, which reads as zero.
pub(crate) struct Sum(core::sync::atomic::AtomicUsize);

impl Sum {
    pub(crate) const fn new() -> Self {
        Self(core::sync::atomic::AtomicUsize::new(0))
    }

    pub(crate) fn add(&self, more: usize) {
        self.0.fetch_add(more, Ordering::Relaxed);
    }

    pub(crate) fn sub(&self, less: usize) {
        self.0.fetch_sub(less, Ordering::Relaxed);
    }

    pub(crate) fn set(&self, value: usize) {
        self.0.store(value, Ordering::Relaxed);
    }

    /// The sum as it stands: below zero where what was added is not told yet.
    #[cfg(any(test, feature = "validate"))]
    pub(crate) fn signed(&self) -> isize {
        self.0.load(Ordering::Relaxed) as isize
    }

    pub(crate) fn get(&self) -> usize {
        (self.0.load(Ordering::Relaxed) as isize).max(0) as usize
    }

    /// A count that only goes up, and round.
    pub(crate) fn count(&self) -> usize {
        self.0.load(Ordering::Relaxed)
    }
}

/// Words that no model explores, and that are never loom's: hints that order nothing, as [`Sum`], and
/// the door of a cache, whose partner is a fence that loom does not know (an exhaustive search of
/// its own stands in `door/model.rs`).
pub(crate) mod mark {
    #[cfg(target_has_atomic = "64")]
    pub(crate) use core::sync::atomic::AtomicU64;
    pub(crate) use core::sync::atomic::{AtomicBool, AtomicU8, AtomicU16, AtomicU32, AtomicUsize};
}

/// A value that one caller at a time has, by his own word. Under loom a tracked cell, so that two who
/// have it at once, or one after the other without order, fail the model.
pub(crate) struct Private<T>(
    #[cfg(not(loom))] core::cell::UnsafeCell<T>,
    #[cfg(loom)] loom::cell::UnsafeCell<T>,
);

// SAFETY: it lends the value to one caller at a time, so that it is sent from one to the next.
unsafe impl<T: Send> Sync for Private<T> {}

impl<T> Private<T> {
    const_fn! {
        pub(crate) fn new(value: T) -> Self {
            #[cfg(not(loom))]
            return Self(core::cell::UnsafeCell::new(value));
            #[cfg(loom)]
            return Self(loom::cell::UnsafeCell::new(value));
        }
    }

    /// # Safety
    /// Nobody else has the value before `work` is done.
    #[inline(always)]
    pub(crate) unsafe fn with<U>(&self, work: impl FnOnce(&mut T) -> U) -> U {
        // SAFETY: the caller's promise.
        #[cfg(not(loom))]
        return work(unsafe { &mut *self.0.get() });
        // SAFETY: as above; loom makes sure of it.
        #[cfg(loom)]
        return self.0.with_mut(|value| work(unsafe { &mut *value }));
    }
}

#[cfg(all(test, loom))]
pub(crate) use lock::without_locks;
pub(crate) use lock::{Lock, Relax};

/// Waiting that never gives the CPU away: a kernel has nobody to give it to.
pub(crate) struct Spin;

#[cfg(not(loom))]
impl Relax for Spin {
    fn relax() {
        core::hint::spin_loop();
    }
}

#[cfg(loom)]
impl Relax for Spin {}

#[cfg(not(loom))]
mod lock {
    pub(crate) use spin::relax::RelaxStrategy as Relax;

    /// The one lock: stage 3 of the pool, the span index and the page arena stand behind it.
    pub(crate) struct Lock<T, R: Relax>(spin::mutex::SpinMutex<T, R>);

    impl<T, R: Relax> Lock<T, R> {
        pub(crate) const fn new(value: T) -> Self {
            Self(spin::mutex::SpinMutex::new(value))
        }

        #[inline]
        pub(crate) fn with<U>(&self, run: impl FnOnce(&mut T) -> U) -> U {
            run(&mut self.0.lock())
        }

        /// As [`Lock::with`], but `None` at once where somebody else holds the lock.
        pub(crate) fn try_with<U>(&self, run: impl FnOnce(&mut T) -> U) -> Option<U> {
            self.0.try_lock().map(|mut guard| run(&mut guard))
        }

        /// Takes the lock until [`Lock::release`]: for fork's handlers alone.
        pub(crate) fn hold(&self) {
            core::mem::forget(self.0.lock());
        }

        /// # Safety
        /// The caller called [`Lock::hold`] and nobody released the lock since.
        pub(crate) unsafe fn release(&self) {
            // SAFETY: the guard was forgotten by `hold`, so the lock is held and has no guard.
            unsafe { self.0.force_unlock() }
        }
    }
}

#[cfg(loom)]
mod lock {
    use core::cell::Cell;
    use core::marker::PhantomData;

    loom::thread_local! {
        /// Whether this thread may take a lock.
        static LOCKS: Cell<bool> = Cell::new(true);
    }

    /// Fails the model if `work` takes a lock.
    #[cfg(test)]
    pub(crate) fn without_locks<T>(work: impl FnOnce() -> T) -> T {
        LOCKS.with(|locks| locks.set(false));
        let done = work();
        LOCKS.with(|locks| locks.set(true));
        done
    }

    /// How a waiter gives way; loom schedules by itself.
    pub(crate) trait Relax {}

    pub(crate) struct Lock<T, R: Relax>(loom::sync::Mutex<T>, PhantomData<fn() -> R>);

    impl<T, R: Relax> Lock<T, R> {
        pub(crate) fn new(value: T) -> Self {
            Self(loom::sync::Mutex::new(value), PhantomData)
        }

        pub(crate) fn with<U>(&self, run: impl FnOnce(&mut T) -> U) -> U {
            assert!(LOCKS.with(Cell::get), "a lock is taken where none may be");
            run(&mut self.0.lock().unwrap_or_else(|poisoned| poisoned.into_inner()))
        }

        pub(crate) fn hold(&self) {}

        /// # Safety
        /// As in the real lock; no model forks.
        pub(crate) unsafe fn release(&self) {}
    }
}

/// The link that a free block holds in its first word.
#[cfg(not(loom))]
pub(crate) mod link {
    /// # Safety
    /// `at` is the first word of a block that the caller owns.
    #[inline(always)]
    pub(crate) unsafe fn write(at: *mut u8, next: *mut u8) {
        // SAFETY: blocks are at least 8 bytes, 8-aligned, and this one is the caller's.
        unsafe { at.cast::<*mut u8>().write(next) }
    }

    /// What stands where a link may be: whoever acts on it makes sure of it first.
    ///
    /// # Safety
    /// `at` is the first word of a block that is mapped.
    pub(crate) unsafe fn peek(at: usize) -> usize {
        let at: *const usize = core::ptr::with_exposed_provenance(at);
        // SAFETY: mapped and aligned. A user may write there meanwhile, so the read is volatile.
        unsafe { at.read_volatile() }
    }

    /// # Safety
    /// `at` is a free block that the caller owns and whose link was written.
    #[inline(always)]
    pub(crate) unsafe fn read(at: *mut u8) -> *mut u8 {
        // SAFETY: as in `write`; the word holds what `write` put there.
        unsafe { at.cast::<*mut u8>().read() }
    }
}

/// Links under loom: block addresses are fictions of the models' page source, and each has a
/// tracked cell, so that loom reports any two accesses that nothing orders.
#[cfg(loom)]
pub(crate) mod link {
    use crate::geometry::{LINK_CELLS, LINK_GRAIN};
    use loom::cell::UnsafeCell;

    struct Cells(std::vec::Vec<UnsafeCell<usize>>);
    // SAFETY: loom checks every access to the cells; that is what they are for.
    unsafe impl Sync for Cells {}

    loom::lazy_static! {
        static ref CELLS: Cells = Cells((0..LINK_CELLS).map(|_| UnsafeCell::new(0)).collect());
    }

    pub(crate) unsafe fn write(at: *mut u8, next: *mut u8) {
        // SAFETY: loom verifies that nobody else accesses the cell.
        CELLS.0[at.addr() / LINK_GRAIN].with_mut(|cell| unsafe { *cell = next.addr() });
    }

    pub(crate) unsafe fn peek(at: usize) -> usize {
        // SAFETY: as in `read`.
        unsafe { read(core::ptr::without_provenance_mut(at)).addr() }
    }

    pub(crate) unsafe fn read(at: *mut u8) -> *mut u8 {
        // SAFETY: loom verifies that nobody writes the cell meanwhile.
        let next = CELLS.0[at.addr() / LINK_GRAIN].with(|cell| unsafe { *cell });
        core::ptr::without_provenance_mut(next)
    }
}
