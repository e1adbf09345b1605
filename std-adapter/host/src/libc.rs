//! The few functions of the C library that no system call replaces, declared by hand.

use core::ffi::{CStr, c_char, c_int, c_long, c_uint, c_ulong, c_void};
use rustix::io::Errno;

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
pub(crate) const SIG_BLOCK: c_int = 0;
/// See [`SIG_BLOCK`].
pub(crate) const SIG_SETMASK: c_int = 2;
/// A pipe that nobody reads was written to.
pub(crate) const SIGPIPE: c_int = 13;
/// A file has reached the process's limit; the same on all architectures but MIPS.
pub(crate) const SIGXFSZ: c_int = 25;
/// A process in the background writes to its terminal; the same on all architectures but MIPS.
pub(crate) const SIGTTOU: c_int = 22;
/// Nobody can cancel the thread, in glibc and musl.
const PTHREAD_CANCEL_DISABLE: c_int = 1;
/// Names for [`sysconf`], the same in glibc and musl: processors that are in use, pages of memory.
pub(crate) const SC_NPROCESSORS_ONLN: c_int = 84;
/// See [`SC_NPROCESSORS_ONLN`].
pub(crate) const SC_PHYS_PAGES: c_int = 85;
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
pub(crate) struct Time {
    seconds: c_long,
    nanos: c_long,
}

/// No time at all.
pub(crate) const NO_TIME: Time = Time { seconds: 0, nanos: 0 };
const CLOCK_THREAD_CPUTIME_ID: c_int = 3;
const CLOCK_MONOTONIC_COARSE: c_int = 6;

/// `struct rusage` on 64-bit machines, as the kernel fills it in.
#[repr(C)]
#[derive(Default)]
struct Usage {
    user: [c_long; 2],
    system: [c_long; 2],
    memory: [c_long; 4],
    minor_faults: c_long,
    rest: [c_long; 9],
}

/// Whose usage: the process's.
pub(crate) const RUSAGE_SELF: c_int = 0;
/// This thread's.
pub(crate) const RUSAGE_THREAD: c_int = 1;

#[link(name = "c")]
unsafe extern "C" {
    pub(crate) safe fn getpid() -> c_int;
    safe fn clock_gettime(clock: c_int, time: &mut Time) -> c_int;
    safe fn getrusage(who: c_int, usage: &mut Usage) -> c_int;
    /// Of these names none makes it allocate.
    pub(crate) safe fn sysconf(name: c_int) -> c_long;
    pub(crate) fn atexit(function: extern "C" fn()) -> c_int;
    pub(crate) fn sigpending(set: *mut SigSet) -> c_int;
    pub(crate) fn sigtimedwait(set: *const SigSet, info: *mut c_void, time: *const Time) -> c_int;
    pub(crate) fn pthread_sigmask(how: c_int, new: *const SigSet, old: *mut SigSet) -> c_int;
    safe fn pthread_setcancelstate(new: c_int, old: &mut c_int) -> c_int;
    /// With a buffer of the caller's. glibc's allocates where the kernel cannot tell the path.
    fn getcwd(buffer: *mut c_char, size: usize) -> *mut c_char;
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

/// Microseconds of CPU that this thread has used.
pub(crate) fn thread_micros() -> u64 {
    let mut time = NO_TIME;
    clock_gettime(CLOCK_THREAD_CPUTIME_ID, &mut time);
    time.seconds as u64 * 1_000_000 + time.nanos as u64 / 1000
}

/// What was used since the beginning.
#[derive(Clone, Copy, Default)]
pub(crate) struct Used {
    /// Page faults that read nothing.
    pub(crate) faults: u64,
    /// Microseconds of CPU in the program's own code.
    pub(crate) user: u64,
    /// The same, in the system.
    pub(crate) system: u64,
}

impl Used {
    /// The same without what another part of the process used, and no less than before: the system
    /// divides a sum of time anew at each look, so the difference of two may go back by microseconds.
    pub(crate) fn without(&self, part: &Self, before: &Self) -> Self {
        Self {
            faults: self.faults.saturating_sub(part.faults).max(before.faults),
            user: self.user.saturating_sub(part.user).max(before.user),
            system: self.system.saturating_sub(part.system).max(before.system),
        }
    }
}

/// What the process used, or this thread.
pub(crate) fn used(who: c_int) -> Used {
    let mut usage = Usage::default();
    getrusage(who, &mut usage);
    let micros = |[seconds, micros]: [c_long; 2]| seconds as u64 * 1_000_000 + micros as u64;
    Used {
        faults: usage.minor_faults as u64,
        user: micros(usage.user),
        system: micros(usage.system),
    }
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

/// Runs `act` while nobody can cancel this thread, which would leave undone what it is to do after.
pub(crate) fn uncancelled<T>(act: impl FnOnce() -> T) -> T {
    let (mut before, mut ours) = (0, 0);
    pthread_setcancelstate(PTHREAD_CANCEL_DISABLE, &mut before);
    let done = act();
    pthread_setcancelstate(before, &mut ours);
    done
}

/// The working directory, as an absolute path. Not inside the heap: it may allocate.
///
/// # Errors
/// The system's: it is too long for the buffer, or was removed.
pub(crate) fn working_directory(buffer: &mut [u8]) -> Result<&[u8], Errno> {
    // SAFETY: a buffer of that size.
    if unsafe { getcwd(buffer.as_mut_ptr().cast(), buffer.len()) }.is_null() {
        return Err(match Errno::from_raw_os_error(errno()) {
            Errno::RANGE => Errno::NAMETOOLONG,
            error => error,
        });
    }
    CStr::from_bytes_until_nul(buffer).map(CStr::to_bytes).map_err(|_| Errno::NAMETOOLONG)
}
