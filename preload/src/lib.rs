//! `libhakmem.so`: hakmem under any program, by `LD_PRELOAD` or by linking.
//!
//! ```text
//!   malloc, free ...        malloc.rs, aligned.rs      operator new, delete   operators.rs
//!        |                                                   |
//!        +--> thread.rs: this thread's cache <---------------+--> next.rs, when memory is out
//!        +--> HEAP: hakmem-core over hakmem-host
//!   start.rs: constructor, exit  -->  report.rs (HAKMEM_STATS), crash.rs (HAKMEM_CRASH); at exit the
//!        host writes the policy (HAKMEM_POLICY)
//!   inspect.rs: malloc_usable_size, mallinfo, malloc_trim ...
//!   limits.rs: hakmem_set_limit ..., and what is asked before null   (include/hakmem.h)
//! ```
//!
//! The library is `no_std`: the standard library is never entered from inside `malloc`, and what is
//! left of the C library is declared by hand in `libc.rs`. Everything works from the first
//! instruction of the process on, before any constructor; until this library's own has run, the
//! options are the default ones.

// Elsewhere the thread-local block comes from the standard library (see `thread.rs`).
#![cfg_attr(any(target_arch = "x86_64", target_arch = "aarch64"), no_std)]

mod aligned;
mod crash;
mod inspect;
mod libc;
mod limits;
mod malloc;
mod next;
mod operators;
mod out;
mod report;
mod runtime;
mod start;
mod thread;

use core::cell::Cell;
use core::ffi::c_void;
use hakmem_core::{Cache, Heap};
use hakmem_host::{Adapter, Linux};

/// The heap of the process.
static HEAP: Heap<Linux<Preload>> = Heap::new(Linux::new());

/// This library, as the heap's host sees it.
struct Preload;

impl Adapter for Preload {
    fn heap() -> &'static Heap<Linux<Self>> {
        &HEAP
    }

    fn with_asking<T>(act: impl FnOnce(&Cell<bool>) -> T) -> T {
        thread::with_asking(act)
    }

    fn cache() -> *mut Cache {
        thread::cache()
    }

    unsafe fn free_foreign(block: *mut c_void) {
        // SAFETY: by the caller's word.
        unsafe { next::free(block) };
    }
}
