//! hakmem as a Rust program's allocator.
//!
//! ```
//! #[global_allocator]
//! static GLOBAL: hakmem::Hakmem = hakmem::Hakmem;
//! # fn main() { assert_eq!(vec![1; 1000].len(), 1000); }
//! ```
//!
//! There is nothing else to do: threads' caches go home when threads end, `fork` is safe in a
//! threaded program, and memory that is free goes back: some at once, where more is free than is in
//! use; the rest with time, by a background thread; and all of it by [`purge`]. [`stats`] tells where
//! memory is. [`set_limit`] bounds what the heap takes from the system, and [`on_refusal`] sets a
//! function that may make room before an allocation fails.
//!
//! # The environment
//! `HAKMEM_FOREIGN=abort|libc|ignore` says what becomes of a pointer that the heap never gave out
//! (default: one line on standard error, and abort). `HAKMEM_STATS` and `HAKMEM_CRASH` are the
//! preload library's and do nothing here. A name or value that is not known gets one line of warning
//! at the first allocation. `HAKMEM_LIMIT` and `HAKMEM_SOFT_LIMIT` are numbers of bytes above 0, as
//! `512M`, for [`set_limit`] and [`set_soft_limit`].
//!
//! `HAKMEM_BACKGROUND=auto|on|off` says whether the background thread may start: with `auto`, the
//! default, in a process that has grown by some MiB and has several threads; with `on`, in every one
//! that has grown. A second thread would be seen in a program that has one: `unshare` of a user
//! namespace fails, and some runtimes warn at a fork. The thread is called `hakmem`, blocks all signals,
//! and sleeps without end where nothing happens. `HAKMEM_DECAY` is the time in milliseconds, 1 to
//! 3,600,000 (default: the policy's, 500 at first), of which free memory stays untouched for one or two before the thread gives
//! it back; `off`: nothing goes back by itself. The thread also reads the limits and the pressure on
//! memory of the container (`HAKMEM_ROOT`, default `/`, is the folder that has `proc` and `sys` below
//! it): above seven eighths of the limit nothing free is kept, and under pressure all of it goes back.
//!
//! `HAKMEM_LEARN=on|off|freeze` says whether the heap tunes its own [policy](Policy) while the program
//! runs, by what it sees of it (default `on`); with `freeze` it only records what it sees.
//! `HAKMEM_LEARN_FIXED` names numbers that are left alone: any of `lists`, `sharers`, `decay` and
//! `fresh`, with commas between; `HAKMEM_DECAY` fixes `decay`. `HAKMEM_POLICY` is the path of a file
//! from which the policy is read at the start and into which, with `on`, what was learned is written
//! when the learner comes to rest, and at the program's end if it ever did (not after `_exit`, nor when a
//! signal ends it).
//! A file that is cut short, changed, of another version or another kind of machine gets one warning, is
//! not used and not overwritten. `HAKMEM_LEARN_LOG` is the path of a file for the record: one line of JSON
//! for each step. Should it become impossible to write there is one warning, and the record ends. In both
//! cases the program runs on. The child of a fork writes neither file, but where `%p` stands in the
//! record's path, for the process's number, it has a record of its own; and a program that it executes
//! begins both anew. A program with more rights than its caller opens neither.
//!
//! # What is noticed
//! `dealloc` with a size or alignment that is not the block's, a block freed twice in a row, an
//! address that is no block's: one line on standard error that begins `hakmem:`, and abort.
//!
//! # Limits
//! A shared library with this allocator inside must not be unloaded while threads that used it
//! live on.

#![no_std]
#![warn(missing_docs)]

extern crate std;

#[cfg(feature = "allocator-api2")]
mod api2;
mod global;
mod limits;
mod policy;

pub use hakmem_core::{ClassStats, Fresh, LayerStats, Policy, Purged, Stats};
pub use limits::{Refusal, Retry, on_refusal, set_limit, set_soft_limit};
pub use policy::{policy, set_policy};

use core::cell::{Cell, UnsafeCell};
use core::ffi::{c_char, c_void};
use hakmem_core::{Cache, Heap};
use hakmem_host::{Adapter, Linux};

/// The process's hakmem heap, as an allocator. All values are the same heap.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Hakmem;

static HEAP: Heap<Linux<Program>> = Heap::new(Linux::new());

std::thread_local! {
    // `const` and without a destructor, it is plain thread-local bytes: no state to test, usable to
    // the thread's last instruction. The host arranges for it to be handed back (`threads.rs` there).
    static CACHE: UnsafeCell<Cache> = const { UnsafeCell::new(Cache::new()) };
    // Whether the thread is in the program's function that is asked before a refusal.
    static ASKING: Cell<bool> = const { Cell::new(false) };
}

/// This thread's cache.
#[inline(always)]
fn cache() -> *mut Cache {
    CACHE.with(UnsafeCell::get)
}

/// This process, as the heap's host sees it.
struct Program;

#[link(name = "c")]
unsafe extern "C" {
    static environ: *const *const c_char;
    #[link_name = "free"]
    fn libc_free(block: *mut c_void);
}

impl Adapter for Program {
    fn heap() -> &'static Heap<Linux<Self>> {
        &HEAP
    }

    fn environment() -> Option<*const *const c_char> {
        // SAFETY: the C library's own; this is the process's first allocation, before any Rust code
        // could have changed it.
        Some(unsafe { environ })
    }

    fn with_asking<T>(act: impl FnOnce(&Cell<bool>) -> T) -> T {
        ASKING.with(act)
    }

    fn cache() -> *mut Cache {
        cache()
    }

    unsafe fn free_foreign(block: *mut c_void) {
        // SAFETY: by the caller's word.
        unsafe { libc_free(block) };
    }
}

/// The heap's counters now. They are gathered while other threads go on, so that sums may be off
/// by what happens meanwhile.
pub fn stats() -> Stats {
    HEAP.stats()
}

/// Gives memory back to the system that is free now, this thread's cache and other threads' included,
/// and says how much. What lies in the caches of threads that are at work in the heap at that moment
/// stays there, and is told too; so does one block of each size in the others.
pub fn purge() -> Purged {
    // SAFETY: this thread's cache, and no other call on it is under way.
    HEAP.purge(unsafe { &mut *cache() })
}
