//! Paths on the stack, and files read into it.

use super::root::Root;
use core::ffi::CStr;
use rustix::fd::OwnedFd;
use rustix::fs::{Mode, OFlags};
use rustix::io::Errno;

/// Room for a path, its end included.
const PATH: usize = 1024;
/// The longest line that is looked at, its end included.
const LINE: usize = 2048;
/// Where reading lines ends in any case: no file of the kernel's is so long, but a made one may
/// have no end.
const MOST: usize = 16 << 20;

/// A path below a [`Root`].
pub(crate) struct Path {
    /// A string that ends at `len`.
    bytes: [u8; PATH],
    len: usize,
}

impl Path {
    /// An empty path.
    pub(crate) const fn new() -> Self {
        Self { bytes: [0; PATH], len: 0 }
    }

    /// `path` below `root`.
    pub(super) fn below(root: &Root, path: &[u8]) -> Self {
        let mut whole = Self::new();
        // A root and a fixed name always fit; what does not leaves a path that is not there.
        whole.set(&[root.as_bytes(), path]);
        whole
    }

    /// Puts the parts together in place of what was there. `false`, and nothing changed: they do
    /// not fit, or have a zero byte.
    pub(crate) fn set(&mut self, parts: &[&[u8]]) -> bool {
        let len: usize = parts.iter().map(|part| part.len()).sum();
        if len >= PATH || parts.iter().any(|part| part.contains(&0)) {
            return false;
        }
        self.cut(0);
        parts.iter().all(|part| self.push(part))
    }

    /// Adds text at the end. `false`, and nothing added: it does not fit, or has a zero byte.
    pub(crate) fn push(&mut self, text: &[u8]) -> bool {
        let end = self.len + text.len();
        if end >= PATH || text.contains(&0) {
            return false;
        }
        self.bytes[self.len..end].copy_from_slice(text);
        self.bytes[end] = 0;
        self.len = end;
        true
    }

    /// Cuts the path to `len` bytes, if it is longer.
    pub(crate) fn cut(&mut self, len: usize) {
        if len < self.len {
            self.len = len;
            self.bytes[len] = 0;
        }
    }

    /// The path.
    pub(crate) fn as_bytes(&self) -> &[u8] {
        &self.bytes[..self.len]
    }

    /// The same, for the system.
    pub(crate) fn as_c_str(&self) -> &CStr {
        CStr::from_bytes_with_nul(&self.bytes[..=self.len]).unwrap_or(c"")
    }
}

/// Opens a file for reading. The path is free for other use afterwards.
pub(super) fn open(path: &Path) -> Option<OwnedFd> {
    open_to_read(path).ok()
}

/// The same, and why not.
pub(crate) fn open_to_read(path: &Path) -> Result<OwnedFd, Errno> {
    // A pipe in place of a file would otherwise be waited for.
    let flags = OFlags::RDONLY | OFlags::CLOEXEC | OFlags::NONBLOCK | OFlags::NOCTTY;
    loop {
        match rustix::fs::open(path.as_c_str(), flags, Mode::empty()) {
            Err(Errno::INTR) => {}
            opened => return opened,
        }
    }
}

/// All that a file holds. `None`: it cannot be read, or does not fit into `buffer` with a byte to
/// spare.
pub(super) fn read_whole(file: OwnedFd, buffer: &mut [u8]) -> Option<&[u8]> {
    let room = buffer.len();
    read_start(file, buffer).ok().filter(|read| read.len() < room)
}

/// All that a file holds, as far as it fits into `buffer`.
pub(crate) fn read_start(file: OwnedFd, buffer: &mut [u8]) -> Result<&[u8], Errno> {
    let mut len = 0;
    while len < buffer.len() {
        match read(&file, &mut buffer[len..])? {
            0 => break,
            got => len += got,
        }
    }
    Ok(&buffer[..len])
}

/// What `parse` makes of a short file of the kernel's at `path` below `root`, which comes in one piece.
/// `None`: it cannot be read, or is longer.
#[inline(never)]
pub(crate) fn small_file<T>(root: &Root, path: &[u8], parse: impl Fn(&[u8]) -> T) -> Option<T> {
    let file = open(&Path::below(root, path))?;
    let mut text = [0; 128];
    let got = read(&file, &mut text).ok()?;
    text.get(..got).filter(|text| text.len() < 128).map(parse)
}

/// Calls `visit` with each line of a file, without its end, in turn. Lines of 2 KiB and more are
/// passed over.
pub(super) fn each_line(file: OwnedFd, visit: impl FnMut(&mut [u8])) {
    split(|room| read(&file, room).unwrap_or(0), visit);
}

/// Lines out of a buffer that `read` fills again and again; 0 is the end.
///
/// ```text
///   |  start of a line  |      free       |     the first newline can only be in what is new
///   |<----- held ------>|<---- read ----->|
/// ```
fn split(mut read: impl FnMut(&mut [u8]) -> usize, mut visit: impl FnMut(&mut [u8])) {
    let mut buffer = [0; LINE];
    let (mut held, mut total) = (0, 0);
    // Whether what is held lacks its beginning.
    let mut is_rest = false;
    while total < MOST {
        let room = &mut buffer[held..];
        let got = read(room).min(room.len());
        if got == 0 {
            break;
        }
        total += got;
        let (mut start, mut look, end) = (0, held, held + got);
        while let Some(at) = buffer[look..end].iter().position(|&byte| byte == b'\n') {
            if !core::mem::replace(&mut is_rest, false) {
                visit(&mut buffer[start..look + at]);
            }
            look += at + 1;
            start = look;
        }
        buffer.copy_within(start..end, 0);
        held = end - start;
        if held == LINE {
            (held, is_rest) = (0, true);
        }
    }
    if held > 0 && !is_rest {
        visit(&mut buffer[..held]);
    }
}

fn read(file: &OwnedFd, buffer: &mut [u8]) -> Result<usize, Errno> {
    loop {
        match rustix::io::read(file, &mut *buffer) {
            Err(Errno::INTR) => {}
            read => return read.map(|got| got.min(buffer.len())),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;
    use std::string::String;
    use std::vec::Vec;

    /// The lines of `text`, read `step` bytes at a time.
    fn lines(text: &[u8], step: usize) -> Vec<Vec<u8>> {
        let mut found = Vec::new();
        let mut rest = text;
        let read = |room: &mut [u8]| {
            let got = step.min(room.len()).min(rest.len());
            room[..got].copy_from_slice(&rest[..got]);
            rest = &rest[got..];
            got
        };
        split(read, |line| found.push(line.to_vec()));
        found
    }

    /// What they should be.
    fn expected(text: &[u8]) -> Vec<Vec<u8>> {
        let mut lines: Vec<Vec<u8>> = text.split(|&byte| byte == b'\n').map(Vec::from).collect();
        if lines.last().is_some_and(Vec::is_empty) {
            lines.pop();
        }
        lines.retain(|line| line.len() < LINE);
        lines
    }

    #[test]
    fn long_lines_are_passed_over() {
        for long in [LINE - 1, LINE, LINE + 1, 2 * LINE, 3 * LINE + 7] {
            let long = "x".repeat(long);
            let text = String::from("first\n\n") + &long + "\nlast\n" + &long;
            for step in [1, 7, LINE - 1, LINE, MOST] {
                assert_eq!(lines(text.as_bytes(), step), expected(text.as_bytes()));
            }
        }
    }

    #[test]
    fn a_file_without_end_is_left() {
        let mut calls = 0;
        let zeros = |room: &mut [u8]| {
            calls += 1;
            room.len()
        };
        split(zeros, |_| panic!("a line without end"));
        assert_eq!(calls, MOST / LINE);
    }

    #[test]
    fn a_path_takes_what_fits() {
        let mut path = Path::below(&Root::at(b"/made").unwrap(), b"/proc");
        assert!(!path.push(&[b'x'; PATH]));
        assert!(!path.push(b"a\0b"));
        assert_eq!(path.as_c_str(), c"/made/proc");
        assert!(path.push(b"/self"));
        path.cut(100);
        assert_eq!(path.as_c_str(), c"/made/proc/self");
        path.cut(5);
        assert_eq!(path.as_c_str(), c"/made");
        let rest = [b'x'; PATH - 5 - 1];
        assert!(path.push(&rest));
        assert!(!path.push(b"x"));
        assert_eq!(path.as_c_str().count_bytes(), PATH - 1);
        assert!(!path.set(&[&rest, b"12345", b"6"]));
        assert!(!path.set(&[b"a", b"\0"]));
        assert_eq!(path.as_c_str().count_bytes(), PATH - 1);
        assert!(path.set(&[b"/a", b"", b"/b"]));
        assert_eq!(path.as_c_str(), c"/a/b");
    }

    proptest! {
        #![proptest_config(ProptestConfig { failure_persistence: None, ..Default::default() })]

        #[test]
        fn lines_do_not_depend_on_how_they_are_read(
            lengths in prop::collection::vec(0..3 * LINE, 0..8),
            ends in any::<bool>(),
            step in 1..2 * LINE,
        ) {
            let mut text: Vec<u8> = Vec::new();
            for (index, len) in lengths.into_iter().enumerate() {
                text.resize(text.len() + len, b'a' + index as u8);
                text.push(b'\n');
            }
            if !ends {
                text.pop();
            }
            prop_assert_eq!(lines(&text, step), expected(&text));
        }
    }
}
