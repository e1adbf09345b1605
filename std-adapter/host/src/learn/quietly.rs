//! Writing without a signal: a pipe that nobody reads and a file that has reached its limit end the
//! call, and not the process.

use crate::libc;
use core::ptr::null_mut;
use rustix::io::Errno;

/// Runs `act` with those signals held back from this thread, and takes back what it raised, so that
/// neither the program's handler nor its end comes of it.
pub(super) fn quietly(act: impl FnOnce() -> Result<(), Errno>) -> Result<(), Errno> {
    let mut ours: libc::SigSet = [0; 16];
    ours[0] = 1 << (libc::SIGPIPE - 1) | 1 << (libc::SIGXFSZ - 1);
    let (mut before, mut pending): (libc::SigSet, libc::SigSet) = ([0; 16], [0; 16]);
    // SAFETY: sets of signals of ours.
    unsafe {
        libc::pthread_sigmask(libc::SIG_BLOCK, &ours, &mut before);
        libc::sigpending(&mut pending);
    }
    let done = act();
    // What was pending before is the program's.
    ours[0] &= !pending[0];
    if matches!(done, Err(Errno::PIPE | Errno::FBIG)) && ours[0] != 0 {
        // SAFETY: a set of signals and a time of ours; nothing is told about the signal.
        while unsafe { libc::sigtimedwait(&ours, null_mut(), &libc::NO_TIME) } > 0 {}
    }
    // SAFETY: the mask as it was.
    unsafe { libc::pthread_sigmask(libc::SIG_SETMASK, &before, null_mut()) };
    done
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
        let mut mask: libc::SigSet = [0; 16];
        // The standard library ignores the signal; held back, it would be pending.
        for _ in 0..2 {
            assert_eq!(quietly(|| write(fd, b"x").map(drop)), Err(Errno::PIPE));
            // SAFETY: a set of signals.
            unsafe { libc::sigpending(&mut mask) };
            assert_eq!(mask[0] & 1 << (libc::SIGPIPE - 1), 0);
        }
        // SAFETY: asks alone.
        unsafe { libc::pthread_sigmask(libc::SIG_SETMASK, null_mut(), &mut mask) };
        assert_eq!(mask[0] & 1 << (libc::SIGPIPE - 1), 0);
    }
}
