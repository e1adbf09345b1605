//! The last word before an allocation is refused: a function of the program's, which may make room.
//!
//! ```text
//! the heap has no memory
//! ├─ no function is set, or this thread is in it ...... refused
//! └─ ask it, RETRIES times at most
//!    ├─ refuse ........................................ refused
//!    └─ again: the same call once more ................ served, or ask
//! ```
//! It runs outside of the heap, so it may free and even allocate.

use crate::linux::{Adapter, Linux};
use core::cell::Cell;
use core::ffi::{c_int, c_void};
use core::ptr::null_mut;
use core::sync::atomic::{AtomicPtr, AtomicUsize, Ordering, fence};

/// How often one call of the program's asks, at most. A function that always says "again" without
/// making room must come to an end.
pub const RETRIES: usize = 16;

/// What is about to be refused.
#[repr(C)]
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Refusal {
    /// Bytes asked for.
    pub size: usize,
    /// Bytes that the heap holds from the system.
    pub mapped: usize,
    /// The most that it may hold; `usize::MAX`: no limit, the system refused.
    pub limit: usize,
}

/// Answers 0 to refuse, anything else to try again; gets the argument that it was set with. It must
/// return.
pub type OnRefusal = unsafe extern "C" fn(&Refusal, *mut c_void) -> c_int;

/// Waits for another thread's change, at most: one that stopped amid it (in a child forked at that
/// instant it never goes on) holds nobody up for good.
const WAITS: usize = 1 << 16;

/// A function and its argument, set and read together.
///
/// The version is odd while they change; who read them meanwhile reads again.
pub(crate) struct Callback {
    version: AtomicUsize,
    function: AtomicPtr<c_void>,
    argument: AtomicPtr<c_void>,
}

impl Callback {
    pub(crate) const fn new() -> Self {
        Self {
            version: AtomicUsize::new(0),
            function: AtomicPtr::new(null_mut()),
            argument: AtomicPtr::new(null_mut()),
        }
    }

    fn set(&self, function: Option<OnRefusal>, argument: *mut c_void) {
        let begin = |version: usize| (version & 1 == 0).then_some(version + 1);
        for _ in 0..WAITS {
            // ORDERING: Acquire pairs with the Release below: changes follow each other.
            if self.version.fetch_update(Ordering::Acquire, Ordering::Relaxed, begin).is_ok() {
                break;
            }
            rustix::thread::sched_yield();
        }
        // ORDERING: Release before the stores below, with the Acquire fence in `get`: who read one of
        // these sees the version odd, or newer.
        fence(Ordering::Release);
        let function = function.map_or(null_mut(), |function| function as *mut c_void);
        self.function.store(function, Ordering::Relaxed);
        self.argument.store(argument, Ordering::Relaxed);
        let end = |version: usize| Some((version | 1).wrapping_add(1));
        // ORDERING: Release publishes both to the Acquire load in `get`.
        let _ = self.version.fetch_update(Ordering::Release, Ordering::Relaxed, end);
    }

    fn get(&self) -> Option<(OnRefusal, *mut c_void)> {
        for _ in 0..WAITS {
            // ORDERING: Acquire pairs with the Release that ends a change.
            let version = self.version.load(Ordering::Acquire);
            let function = self.function.load(Ordering::Relaxed);
            let argument = self.argument.load(Ordering::Relaxed);
            // ORDERING: pairs with the Release fence in `set`.
            fence(Ordering::Acquire);
            if version & 1 == 0 && self.version.load(Ordering::Relaxed) == version {
                // SAFETY: `set` stored null or a function of this type.
                let function: Option<OnRefusal> = unsafe { core::mem::transmute(function) };
                return function.map(|function| (function, argument));
            }
            rustix::thread::sched_yield();
        }
        None
    }
}

impl<A: Adapter> Linux<A> {
    /// Sets what is asked before an allocation is refused, in place of what was set; `None`: nothing.
    pub fn set_on_refusal(&self, function: Option<OnRefusal>, argument: *mut c_void) {
        self.on_refusal.set(function, argument);
    }

    /// What becomes of a request for `size` bytes that the heap answered with null; `again` is the
    /// same request. It must be called with no other call on the thread's cache under way.
    #[cold]
    #[inline(never)]
    pub fn refuse(&self, size: usize, again: impl Fn() -> *mut u8) -> *mut u8 {
        // No room would ever be enough.
        if size > isize::MAX as usize {
            return null_mut();
        }
        A::with_asking(|asking| {
            for _ in 0..RETRIES {
                if !self.ask(size, asking) {
                    break;
                }
                let block = again();
                if !block.is_null() {
                    return block;
                }
            }
            null_mut()
        })
    }

    /// Whether to try again.
    fn ask(&self, size: usize, asking: &Cell<bool>) -> bool {
        let Some((function, argument)) = self.on_refusal.get().filter(|_| !asking.get()) else {
            return false;
        };
        let (mapped, limit) = (A::heap().mapped(), A::heap().limit());
        let refusal = Refusal { size, mapped, limit: limit.unwrap_or(usize::MAX) };
        asking.set(true);
        // SAFETY: a function of that type, with the argument that its user wants.
        let answer = unsafe { function(&refusal, argument) };
        asking.set(false);
        answer != 0
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::thread;

    unsafe extern "C" fn one(_: &Refusal, argument: *mut c_void) -> c_int {
        c_int::from(argument.addr() == 1)
    }

    unsafe extern "C" fn two(_: &Refusal, argument: *mut c_void) -> c_int {
        c_int::from(argument.addr() == 2)
    }

    #[test]
    fn function_and_argument_stay_together() {
        static CALLBACK: Callback = Callback::new();
        assert!(CALLBACK.get().is_none());
        let refusal = Refusal { size: 0, mapped: 0, limit: 0 };
        let set = |function: OnRefusal, argument| {
            CALLBACK.set(Some(function), core::ptr::without_provenance_mut(argument));
        };
        thread::scope(|scope| {
            scope.spawn(move || {
                for _ in 0..20_000 {
                    set(one, 1);
                    set(two, 2);
                }
            });
            for _ in 0..20_000 {
                if let Some((function, argument)) = CALLBACK.get() {
                    // SAFETY: both are safe to call with any argument.
                    assert_eq!(unsafe { function(&refusal, argument) }, 1);
                }
            }
        });
        CALLBACK.set(None, null_mut());
        assert!(CALLBACK.get().is_none());
    }

    /// A change that nobody ends is passed by, and ended by the next.
    #[test]
    fn a_change_left_half_done_holds_nobody_up() {
        let callback = Callback::new();
        callback.set(Some(one), null_mut());
        callback.version.fetch_add(1, Ordering::Relaxed);
        assert!(callback.get().is_none());
        callback.set(Some(two), core::ptr::without_provenance_mut(2));
        assert!(callback.get().is_some_and(|(_, argument)| argument.addr() == 2));
    }
}
