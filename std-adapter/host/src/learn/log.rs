//! The file that the record goes to.

use super::identity::{self, Identity};
use super::quietly::quietly;
use crate::container::PathBuffer;
use crate::libc;
use crate::line::Line;
use core::fmt::{self, Display, Write};
use rustix::fd::{AsFd, BorrowedFd, FromRawFd, IntoRawFd, OwnedFd};
use rustix::fs::{Mode, OFlags, open};
use rustix::io::Errno;

/// Bytes of a line that one call writes: more than most lines have.
const PIECE: usize = 4 << 10;

/// A file that lines are added to. All zero while there is none.
pub(super) struct Log {
    /// 0: there is none.
    fd: i32,
    /// The process that opened it; no other writes.
    pid: i32,
    /// Device and inode: a program that closes every descriptor and opens others must not find lines in
    /// one of them.
    file: Identity,
    /// Whether it came to an end before the process did.
    ended: bool,
    piece: Line<PIECE>,
}

impl Log {
    pub(super) const fn new() -> Self {
        Self { fd: 0, pid: 0, file: [0; 2], ended: false, piece: Line::new() }
    }

    /// Whether it may still be opened.
    pub(super) fn is_unopened(&self) -> bool {
        self.fd == 0 && !self.ended
    }

    /// Creates the file, or empties it. `None`: its path is too long.
    ///
    /// # Errors
    /// The system's; then it is ended.
    pub(super) fn open(&mut self, path: Option<&PathBuffer>) -> Result<(), Errno> {
        self.ended = true;
        let path = path.ok_or(Errno::NAMETOOLONG)?;
        let flags = OFlags::WRONLY | OFlags::CREATE | OFlags::TRUNC | OFlags::APPEND;
        // A pipe that nobody reads is no log, and nothing is worth waiting for.
        let flags = flags | OFlags::CLOEXEC | OFlags::NONBLOCK | OFlags::NOCTTY;
        let file = open(path.as_c_str(), flags, Mode::from_raw_mode(0o666))?;
        let identity = identity::of(file.as_fd())?;
        self.fd = identity::far(&file)?.into_raw_fd();
        self.file = identity;
        (self.pid, self.ended) = (libc::getpid(), false);
        Ok(())
    }

    /// Adds a line. Nothing happens where no file is open, or another process opened it.
    ///
    /// # Errors
    /// The system's; then the log has come to its end.
    pub(super) fn add(&mut self, line: &dyn Display) -> Result<(), Errno> {
        if self.fd == 0 || self.pid != libc::getpid() {
            return Ok(());
        }
        if !self.is_ours() {
            // The number is the program's own by now.
            (self.fd, self.ended) = (0, true);
            return Err(Errno::BADF);
        }
        let done = quietly(|| {
            // SAFETY: open, as was just seen.
            let fd = unsafe { BorrowedFd::borrow_raw(self.fd) };
            write_through(fd, &mut self.piece, format_args!("{line}\n"))
        });
        if done.is_err() {
            self.close();
            self.ended = true;
        }
        done
    }

    fn is_ours(&self) -> bool {
        // SAFETY: not -1; if it is closed, the call fails.
        identity::of(unsafe { BorrowedFd::borrow_raw(self.fd) }) == Ok(self.file)
    }

    /// Forgets the file, in the child of a fork; another may be opened.
    pub(super) fn forget(&mut self) {
        self.close();
        self.ended = false;
    }

    fn close(&mut self) {
        let fd = core::mem::take(&mut self.fd);
        if fd != 0 {
            // SAFETY: it was ours, and is only closed if it still is.
            identity::close(unsafe { OwnedFd::from_raw_fd(fd) }, self.file);
        }
    }
}

/// Writes a text by as few calls as its pieces allow.
///
/// # Errors
/// The system's; some of the text may be written.
pub(super) fn write_through<const N: usize>(
    fd: impl AsFd,
    piece: &mut Line<N>,
    text: fmt::Arguments<'_>,
) -> Result<(), Errno> {
    piece.clear();
    let mut through = Through { fd: fd.as_fd(), piece, done: Ok(()) };
    if through.write_fmt(text).is_ok() {
        through.flush();
    }
    through.done
}

struct Through<'a, const N: usize> {
    fd: BorrowedFd<'a>,
    piece: &'a mut Line<N>,
    done: Result<(), Errno>,
}

impl<const N: usize> Through<'_, N> {
    fn flush(&mut self) {
        self.done = self.done.and_then(|()| self.piece.put(self.fd));
        self.piece.clear();
    }
}

impl<const N: usize> Write for Through<'_, N> {
    fn write_str(&mut self, text: &str) -> fmt::Result {
        let mut rest = text;
        while rest.len() > self.piece.room() {
            // Text of ours: each byte is a character.
            let (fits, more) = rest.split_at_checked(self.piece.room()).ok_or(fmt::Error)?;
            self.piece.write_str(fits)?;
            self.flush();
            self.done.map_err(|_| fmt::Error)?;
            rest = more;
        }
        self.piece.write_str(rest)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::string::String;
    use std::{env, fs, process};

    fn path(name: &str) -> (std::path::PathBuf, PathBuffer) {
        let path = env::temp_dir().join(std::format!("hakmem-{}-{name}", process::id()));
        let mut buffer = PathBuffer::new();
        assert!(buffer.push(path.to_str().expect("UTF-8").as_bytes()));
        (path, buffer)
    }

    #[test]
    fn lines_of_any_length_arrive_whole() {
        let (path, buffer) = path("long.log");
        fs::write(&path, "what was there").unwrap();
        let mut log = Log::new();
        assert_eq!(log.add(&"nowhere"), Ok(()));
        assert_eq!(log.open(Some(&buffer)), Ok(()));
        let mut expected = String::new();
        for length in [0, 1, PIECE - 1, PIECE, PIECE + 1, 3 * PIECE, 7] {
            let text = "x".repeat(length);
            assert_eq!(log.add(&text), Ok(()));
            expected += &(text + "\n");
        }
        assert_eq!(fs::read_to_string(&path).unwrap(), expected);
        log.forget();
        assert!(log.is_unopened());
        fs::remove_file(path).unwrap();
    }

    #[test]
    fn a_full_disk_ends_it_once() {
        let mut full = PathBuffer::new();
        assert!(full.push(b"/dev/full"));
        let mut log = Log::new();
        assert_eq!(log.open(Some(&full)), Ok(()));
        assert_eq!(log.add(&"x"), Err(Errno::NOSPC));
        assert_eq!(log.add(&"x"), Ok(()));
        assert!(log.fd == 0 && !log.is_unopened());
    }

    #[test]
    fn what_cannot_be_opened_is_not_tried_again() {
        let mut none = PathBuffer::new();
        assert!(none.push(b"/proc/none/such"));
        let mut log = Log::new();
        assert!(log.open(Some(&none)).is_err() && !log.is_unopened());
        assert!(Log::new().open(None).is_err());
    }

    #[test]
    fn a_number_that_leads_elsewhere_gets_nothing() {
        let (path, buffer) = path("elsewhere.log");
        let mut log = Log::new();
        assert_eq!(log.open(Some(&buffer)), Ok(()));
        log.file[1] += 1;
        assert_eq!(log.add(&"x"), Err(Errno::BADF));
        assert!(log.fd == 0 && !log.is_unopened());
        assert_eq!(fs::read_to_string(&path).unwrap(), "");
        fs::remove_file(path).unwrap();
    }
}
