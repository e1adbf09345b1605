//! Writing without a signal: a pipe that nobody reads and a file that has reached its limit end the
//! call, and not the process; a terminal that stops whoever writes in the background stops nobody.

use crate::libc;
use core::ptr::null_mut;
use rustix::io::Errno;

/// Runs `act`, which ends with the first write that fails, with those signals held back from this thread,
/// and takes back the one that was raised, so that neither the program's handler nor its end comes of it.
/// Nobody can cancel the thread meanwhile: taking a signal is a point at which the C library would end it.
pub(super) fn quietly(act: impl FnOnce() -> Result<(), Errno>) -> Result<(), Errno> {
    libc::uncancelled(|| held_back(act))
}

fn held_back(act: impl FnOnce() -> Result<(), Errno>) -> Result<(), Errno> {
    let ours = set(bit(libc::SIGPIPE) | bit(libc::SIGXFSZ) | bit(libc::SIGTTOU));
    let (mut before, mut pending) = (set(0), set(0));
    // SAFETY: sets of signals of ours.
    unsafe {
        libc::pthread_sigmask(libc::SIG_BLOCK, &ours, &mut before);
        libc::sigpending(&mut pending);
    }
    let done = act();
    let raised = match done {
        Err(Errno::PIPE) => bit(libc::SIGPIPE),
        Err(Errno::FBIG) => bit(libc::SIGXFSZ),
        _ => 0,
    };
    // What was pending before is the program's.
    if raised & !pending[0] != 0 {
        // Once: one write raises one signal, for this thread, and those for a thread are taken before
        // those for the process. Others that come meanwhile are the program's.
        // SAFETY: a set of signals and a time of ours; nothing is told about the signal.
        unsafe { libc::sigtimedwait(&set(raised), null_mut(), &libc::NO_TIME) };
    }
    // SAFETY: the mask as it was.
    unsafe { libc::pthread_sigmask(libc::SIG_SETMASK, &before, null_mut()) };
    done
}

const fn bit(signal: i32) -> u64 {
    1 << (signal - 1)
}

fn set(bits: u64) -> libc::SigSet {
    let mut set = [0; 16];
    set[0] = bits;
    set
}

#[cfg(test)]
mod tests {
    use super::*;
    use rustix::fd::BorrowedFd;
    use rustix::io::write;
    use std::os::fd::AsRawFd;
    use std::os::unix::net::UnixStream;

    #[test]
    fn a_broken_pipe_is_an_error_and_no_signal() {
        let (reader, writer) = UnixStream::pair().expect("a pair");
        // SAFETY: open as long as `writer` is.
        let fd = unsafe { BorrowedFd::borrow_raw(writer.as_raw_fd()) };
        drop(reader);
        let mut mask = set(0);
        // The standard library ignores the signal; held back, it would be pending.
        for _ in 0..2 {
            assert_eq!(quietly(|| write(fd, b"x").map(drop)), Err(Errno::PIPE));
            // SAFETY: a set of signals.
            unsafe { libc::sigpending(&mut mask) };
            assert_eq!(mask[0] & bit(libc::SIGPIPE), 0);
        }
        // SAFETY: asks alone.
        unsafe { libc::pthread_sigmask(libc::SIG_SETMASK, null_mut(), &mut mask) };
        assert_eq!(mask[0] & bit(libc::SIGPIPE), 0);
    }

    /// A program that holds the signal back itself, and has one waiting.
    #[test]
    fn what_was_pending_stays() {
        let (reader, writer) = UnixStream::pair().expect("a pair");
        // SAFETY: open as long as `writer` is.
        let fd = unsafe { BorrowedFd::borrow_raw(writer.as_raw_fd()) };
        drop(reader);
        let (mut before, mut pending) = (set(0), set(0));
        // SAFETY: a set of signals of ours.
        unsafe { libc::pthread_sigmask(libc::SIG_BLOCK, &set(bit(libc::SIGPIPE)), &mut before) };
        assert_eq!(write(fd, b"x"), Err(Errno::PIPE));
        assert_eq!(quietly(|| write(fd, b"x").map(drop)), Err(Errno::PIPE));
        // SAFETY: sets of signals of ours; what is pending is taken before the mask is put back.
        unsafe {
            libc::sigpending(&mut pending);
            libc::sigtimedwait(&set(bit(libc::SIGPIPE)), null_mut(), &libc::NO_TIME);
            libc::pthread_sigmask(libc::SIG_SETMASK, &before, null_mut());
        }
        assert_ne!(pending[0] & bit(libc::SIGPIPE), 0);
    }
}
