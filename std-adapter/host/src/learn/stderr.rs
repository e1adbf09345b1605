//! Standard error, as it was at the start.
//!
//! A warning may come at any time, on any thread: a disk runs full, a reader goes. By then a program may
//! have closed its standard error, as daemons do, and opened a file or a connection that has the number
//! now. So what it was is remembered, and what is anything else gets nothing. What remains is a program
//! that puts another file there in the instant between the look and the writing.
//!
//! Nor is a warning waited for. It is shorter than what a pipe takes as a whole, and is only written if
//! the system says that there is room: if nobody empties the pipe, it is lost.

use super::identity::{self, Identity};
use super::quietly::quietly;
use crate::line::Line;
use core::sync::atomic::{AtomicU64, Ordering};
use rustix::event::{PollFd, PollFlags, Timespec, poll};
use rustix::fd::BorrowedFd;

/// Bytes of a warning: what every pipe that has room takes as a whole.
pub(super) const LONGEST: usize = 512;

/// Its device and inode. All zero, which no file has, before the start, and where there is none.
pub(super) struct Stderr([AtomicU64; 2]);

impl Stderr {
    pub(super) const fn new() -> Self {
        Self([const { AtomicU64::new(0) }; 2])
    }

    /// Takes for it what it is now.
    pub(super) fn note(&self) {
        self.store(identity::of(descriptor()).unwrap_or_default());
    }

    fn store(&self, file: Identity) {
        for (kept, part) in self.0.iter().zip(file) {
            kept.store(part, Ordering::Relaxed);
        }
    }

    /// Writes a line, if it is still there and takes the line at once.
    pub(super) fn put(&self, line: &Line<LONGEST>) {
        let kept = self.0.each_ref().map(|part| part.load(Ordering::Relaxed));
        if identity::of(descriptor()) == Ok(kept) && has_room(descriptor()) {
            let _ = quietly(|| line.put(descriptor()));
        }
    }
}

fn descriptor() -> BorrowedFd<'static> {
    // SAFETY: not -1; if it is closed, calls fail, which is no concern.
    unsafe { BorrowedFd::borrow_raw(2) }
}

/// Whether a short write would not wait, as things stand.
fn has_room(fd: BorrowedFd<'_>) -> bool {
    let mut asked = [PollFd::from_borrowed_fd(fd, PollFlags::OUT)];
    let at_once = Timespec { tv_sec: 0, tv_nsec: 0 };
    poll(&mut asked, Some(&at_once)).is_ok() && asked[0].revents().contains(PollFlags::OUT)
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::io::{Read, Write};
    use std::os::fd::AsRawFd;
    use std::os::unix::net::UnixStream;

    #[test]
    fn there_is_room_until_it_is_full() {
        let (mut reader, mut writer) = UnixStream::pair().expect("a pair");
        // SAFETY: open as long as `writer` is.
        let fd = unsafe { BorrowedFd::borrow_raw(writer.as_raw_fd()) };
        let mut written = 0;
        while has_room(fd) {
            written += writer.write(&[b'x'; LONGEST]).expect("it has room");
        }
        let mut all = std::vec![0; written];
        reader.read_exact(&mut all).expect("what was written");
        assert!(has_room(fd));
    }
}
