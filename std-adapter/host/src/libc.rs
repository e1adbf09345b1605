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

#[link(name = "c")]
unsafe extern "C" {
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
