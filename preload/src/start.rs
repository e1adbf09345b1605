//! The library's constructor, and its last acts at exit.

use crate::out::Sink;
use crate::{HEAP, crash, libc, report};
use core::ffi::{CStr, c_char, c_int};
use core::ptr::null_mut;
use core::sync::atomic::{AtomicI32, AtomicPtr, AtomicUsize, Ordering::Relaxed};
use rustix::fd::{BorrowedFd, IntoRawFd};
use rustix::fs::fstat;

/// `argv[0]`.
static PROGRAM: AtomicPtr<c_char> = AtomicPtr::new(null_mut());
/// A second descriptor of standard error for the table at exit: programs close the first (the GNU
/// tools do, to see whether everything was written). -1: there is none.
static STDERR: AtomicI32 = AtomicI32::new(-1);
/// What that descriptor led to, by device and inode: a program that closes every descriptor and
/// opens others must not find the table in one of them.
static STDERR_FILE: [AtomicUsize; 2] = [const { AtomicUsize::new(0) }; 2];

/// glibc passes a constructor the arguments of `main`.
#[used]
#[unsafe(link_section = ".init_array")]
static CONSTRUCTOR: unsafe extern "C" fn(c_int, *const *mut c_char, *const *const c_char) =
    constructor;

/// Runs after the program's `atexit` functions and destructors; not after `_exit`, nor when a signal
/// ends the process.
#[used]
#[unsafe(link_section = ".fini_array")]
static DESTRUCTOR: extern "C" fn() = destructor;

unsafe extern "C" fn constructor(
    argc: c_int,
    argv: *const *mut c_char,
    envp: *const *const c_char,
) {
    if argc > 0 {
        // SAFETY: the arguments of `main`, of which there is one at least.
        PROGRAM.store(unsafe { *argv }, Relaxed);
    }
    // SAFETY: the environment of `main`; no other thread runs yet that could change it.
    unsafe { HEAP.host().start(envp) };
    let options = HEAP.host().options();
    if options.stats {
        keep_stderr();
    }
    if options.crash {
        crash::install();
    }
}

extern "C" fn destructor() {
    HEAP.host().end();
    if !HEAP.host().options().stats {
        return;
    }
    let Some(fd) = [STDERR.load(Relaxed), 2].into_iter().find(|&fd| {
        identity(fd).is_some_and(|file| {
            file.iter().zip(&STDERR_FILE).all(|(&now, then)| now == then.load(Relaxed))
        })
    }) else {
        return;
    };
    // A reader that has gone must not turn this process's end into a death by signal.
    let ignore = libc::SigAction::new(libc::SIG_IGN, 0);
    // SAFETY: a valid action; the process is at its end and has no more to say to a pipe.
    unsafe { libc::sigaction(libc::SIGPIPE, &ignore, null_mut()) };
    report::write(Sink::Descriptor(fd), program());
}

fn keep_stderr() {
    // SAFETY: if it is closed, the calls fail.
    let stderr = unsafe { BorrowedFd::borrow_raw(2) };
    // Far up, out of the way of programs that count on getting the lowest numbers.
    let copy = rustix::io::fcntl_dupfd_cloexec(stderr, 200)
        .or_else(|_| rustix::io::fcntl_dupfd_cloexec(stderr, 3));
    let Some(file) = identity(2) else { return };
    for (then, now) in STDERR_FILE.iter().zip(file) {
        then.store(now, Relaxed);
    }
    if let Ok(copy) = copy {
        STDERR.store(copy.into_raw_fd(), Relaxed);
    }
}

/// Device and inode of an open descriptor.
fn identity(fd: i32) -> Option<[usize; 2]> {
    if fd < 0 {
        return None;
    }
    // SAFETY: not -1; if it is closed, the call fails.
    let file = fstat(unsafe { BorrowedFd::borrow_raw(fd) }).ok()?;
    Some([file.st_dev as usize, file.st_ino as usize])
}

/// The last part of the path that the program was started by.
pub(crate) fn program() -> &'static str {
    let name = PROGRAM.load(Relaxed);
    if name.is_null() {
        return "?";
    }
    // SAFETY: `argv[0]` is a string as long as the process lives, whatever the program writes
    // there: the kernel keeps a zero byte behind the last argument.
    let path = unsafe { CStr::from_ptr(name) }.to_bytes();
    let name = path.rsplit(|&byte| byte == b'/').next().unwrap_or(path);
    core::str::from_utf8(name).unwrap_or("?")
}
