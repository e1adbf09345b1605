//! The few functions of the C library that no system call replaces, declared by hand.

use core::ffi::{c_int, c_long, c_uint, c_ulong, c_void};

/// `pthread_key_t` on Linux, in glibc and in musl.
pub(crate) type Key = c_uint;
/// What a key runs at a thread's end.
pub(crate) type Destructor = unsafe extern "C" fn(*mut c_void);
/// What `fork` runs before and after.
pub(crate) type ForkHandler = unsafe extern "C" fn();

/// The kind of the auxiliary vector's entry that holds the page size.
pub(crate) const AT_PAGESZ: c_ulong = 6;
/// The kind of the entry that is not 0 in a program with more rights than its caller.
pub(crate) const AT_SECURE: c_ulong = 23;

/// The number of `process_madvise`, the same on every architecture but alpha.
pub(crate) const SYS_PROCESS_MADVISE: c_long = 440;
/// Moves memory onto huge pages at once (Linux 6.1); rustix does not have it.
pub(crate) const MADV_COLLAPSE: c_int = 25;

/// `sigset_t` of glibc, and longer than musl's: signal n is bit n - 1.
pub(crate) type SigSet = [u64; 16];
/// `how` of [`pthread_sigmask`], the same on all architectures but MIPS.
pub(crate) const SIG_SETMASK: c_int = 2;
/// What a thread does, and with what.
pub(crate) type ThreadMain = unsafe extern "C" fn(*mut c_void) -> *mut c_void;
/// A thread that nobody joins.
pub(crate) const DETACHED: c_int = 1;

/// `pthread_attr_t`: 56 bytes in glibc and musl on 64-bit machines, 64 on some.
#[repr(C, align(16))]
pub(crate) struct ThreadAttributes([u8; 64]);

impl ThreadAttributes {
    pub(crate) const fn new() -> Self {
        Self([0; 64])
    }
}

/// `struct timespec`.
#[repr(C)]
struct Time {
    seconds: c_long,
    nanos: c_long,
}

const CLOCK_MONOTONIC_COARSE: c_int = 6;

#[link(name = "c")]
unsafe extern "C" {
    pub(crate) safe fn getpid() -> c_int;
    safe fn clock_gettime(clock: c_int, time: &mut Time) -> c_int;
    pub(crate) fn pthread_sigmask(how: c_int, new: *const SigSet, old: *mut SigSet) -> c_int;
    pub(crate) fn pthread_attr_init(attributes: *mut ThreadAttributes) -> c_int;
    pub(crate) fn pthread_attr_destroy(attributes: *mut ThreadAttributes) -> c_int;
    pub(crate) fn pthread_attr_setdetachstate(
        attributes: *mut ThreadAttributes,
        state: c_int,
    ) -> c_int;
    pub(crate) fn pthread_attr_setstacksize(
        attributes: *mut ThreadAttributes,
        size: usize,
    ) -> c_int;
    pub(crate) fn pthread_create(
        thread: *mut c_ulong,
        attributes: *const ThreadAttributes,
        main: ThreadMain,
        argument: *mut c_void,
    ) -> c_int;
    pub(crate) safe fn abort() -> !;
    #[link_name = "__errno_location"]
    safe fn errno_location() -> *mut c_int;
    pub(crate) fn madvise(address: *mut c_void, length: usize, advice: c_int) -> c_int;
    pub(crate) fn syscall(number: c_long, ...) -> c_long;
    pub(crate) safe fn getauxval(kind: c_ulong) -> c_ulong;
    pub(crate) safe fn pthread_key_create(key: &mut Key, destructor: Option<Destructor>) -> c_int;
    pub(crate) safe fn pthread_key_delete(key: Key) -> c_int;
    /// Stores a pointer without looking at it.
    pub(crate) safe fn pthread_setspecific(key: Key, value: *const c_void) -> c_int;
    pub(crate) fn pthread_atfork(
        prepare: Option<ForkHandler>,
        parent: Option<ForkHandler>,
        child: Option<ForkHandler>,
    ) -> c_int;
}

/// Milliseconds of a coarse clock that never goes back. No system call.
pub(crate) fn millis() -> u64 {
    let mut time = Time { seconds: 0, nanos: 0 };
    clock_gettime(CLOCK_MONOTONIC_COARSE, &mut time);
    time.seconds as u64 * 1000 + time.nanos as u64 / 1_000_000
}

/// This thread's `errno`.
pub(crate) fn errno() -> c_int {
    // SAFETY: the C library's own place for this thread.
    unsafe { *errno_location() }
}

/// Sets this thread's `errno`.
pub(crate) fn set_errno(value: c_int) {
    // SAFETY: the C library's own place for this thread.
    unsafe { *errno_location() = value };
}
