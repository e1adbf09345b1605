//! What this library asks of the C library, declared by hand.

use core::ffi::{c_char, c_int, c_long, c_void};

pub(crate) const ENOMEM: c_int = 12;
pub(crate) const EINVAL: c_int = 22;

pub(crate) const RTLD_NEXT: *mut c_void = usize::MAX as *mut c_void;
pub(crate) const RTLD_LAZY: c_int = 1;
/// Only a library that is loaded already.
pub(crate) const RTLD_NOLOAD: c_int = 4;

pub(crate) const SIGABRT: c_int = 6;
pub(crate) const SIGBUS: c_int = 7;
pub(crate) const SIGSEGV: c_int = 11;
pub(crate) const SIGPIPE: c_int = 13;
pub(crate) const SIG_DFL: usize = 0;
pub(crate) const SIG_IGN: usize = 1;
pub(crate) const SA_SIGINFO: c_int = 4;
pub(crate) const SA_ONSTACK: c_int = 0x0800_0000;

/// `how` of [`pthread_sigmask`].
pub(crate) const SIG_UNBLOCK: c_int = 1;
/// `how` of [`pthread_sigmask`].
pub(crate) const SIG_SETMASK: c_int = 2;

/// `sigset_t` of glibc: signal n is bit n - 1.
pub(crate) type SigSet = [u64; 16];

/// `struct sigaction` of glibc on the 64-bit architectures served here.
#[repr(C)]
pub(crate) struct SigAction {
    /// A function's address, [`SIG_DFL`] or [`SIG_IGN`].
    pub(crate) handler: usize,
    pub(crate) mask: SigSet,
    pub(crate) flags: c_int,
    pub(crate) restorer: usize,
}

impl SigAction {
    pub(crate) const fn new(handler: usize, flags: c_int) -> Self {
        Self { handler, mask: [0; 16], flags, restorer: 0 }
    }
}

/// The front of `siginfo_t`.
#[repr(C)]
pub(crate) struct SigInfo {
    pub(crate) signo: c_int,
    pub(crate) errno: c_int,
    /// Positive where the kernel noticed it, else somebody sent the signal.
    pub(crate) code: c_int,
    pad: c_int,
    /// The address at fault, for a SIGSEGV or SIGBUS from the kernel.
    pub(crate) address: usize,
}

/// `struct rusage`.
#[repr(C)]
#[derive(Default)]
pub(crate) struct Usage {
    times: [c_long; 4],
    /// Peak resident size, in KiB.
    pub(crate) max_rss: c_long,
    memory: [c_long; 3],
    pub(crate) minor_faults: c_long,
    pub(crate) major_faults: c_long,
    rest: [c_long; 8],
}

pub(crate) const RUSAGE_SELF: c_int = 0;

#[link(name = "c")]
unsafe extern "C" {
    pub(crate) safe fn abort() -> !;
    pub(crate) safe fn raise(signal: c_int) -> c_int;
    pub(crate) safe fn getpid() -> c_int;
    pub(crate) safe fn __errno_location() -> *mut c_int;
    pub(crate) safe fn getrusage(who: c_int, usage: &mut Usage) -> c_int;
    pub(crate) fn sigaction(signal: c_int, new: *const SigAction, old: *mut SigAction) -> c_int;
    pub(crate) fn pthread_sigmask(how: c_int, new: *const SigSet, old: *mut SigSet) -> c_int;
    pub(crate) fn dlsym(library: *mut c_void, name: *const c_char) -> *mut c_void;
    pub(crate) fn dlopen(name: *const c_char, flags: c_int) -> *mut c_void;
    pub(crate) fn fwrite(from: *const c_void, size: usize, count: usize, to: *mut c_void) -> usize;
}

/// Sets `errno`.
pub(crate) fn set_errno(value: c_int) {
    // SAFETY: the C library's own place for this thread.
    unsafe { *__errno_location() = value };
}

/// `errno` now.
pub(crate) fn errno() -> c_int {
    // SAFETY: the C library's own place for this thread.
    unsafe { *__errno_location() }
}
