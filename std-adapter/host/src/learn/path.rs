//! Paths of files that the environment names: kept, for the program may change its environment, and its
//! working directory.

use crate::container::PathBuffer;
use crate::libc;
use crate::line::Line;
use core::ascii::escape_default;
use core::fmt::{self, Display, Formatter, Write};
use core::sync::atomic::{AtomicU8, AtomicUsize, Ordering};
use rustix::io::Errno;

/// The path of a file, as it stands in the environment.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Path<'a>(&'a [u8]);

impl<'a> Path<'a> {
    /// The most bytes that the path may have.
    pub(crate) const LONGEST: usize = 1000;

    /// `None`: it is empty, longer than [`LONGEST`](Self::LONGEST), or has a zero byte.
    pub(crate) fn at(path: &'a [u8]) -> Option<Self> {
        let fits = (1..=Self::LONGEST).contains(&path.len()) && !path.contains(&0);
        fits.then_some(Self(path))
    }
}

impl Display for Path<'_> {
    fn fmt(&self, f: &mut Formatter<'_>) -> fmt::Result {
        show(f, self.0.iter().copied())
    }
}

/// The beginning of a path, for a warning.
fn show(f: &mut Formatter<'_>, path: impl Iterator<Item = u8>) -> fmt::Result {
    for byte in path.take(SHOWN).flat_map(escape_default) {
        f.write_char(byte.into())?;
    }
    Ok(())
}

/// Bytes of a path that a warning shows.
const SHOWN: usize = 100;

/// A [`Path`] that threads share: written once at the start, none before. It leads to the same file all
/// along, wherever the program goes: what is relative is kept with the working directory of the start.
pub(super) struct Shared {
    bytes: [AtomicU8; Path::LONGEST],
    len: AtomicUsize,
    /// Where that begins which stands in the environment.
    own: AtomicUsize,
}

impl Shared {
    pub(super) const fn new() -> Self {
        Self {
            bytes: [const { AtomicU8::new(0) }; Path::LONGEST],
            len: AtomicUsize::new(0),
            own: AtomicUsize::new(0),
        }
    }

    /// Keeps a path. To be called once, not inside the heap.
    ///
    /// # Errors
    /// It is relative, and the working directory cannot be told, or is too long to stand before it. Then
    /// there is no path.
    #[cold]
    #[inline(never)]
    pub(super) fn store(&self, path: Path<'_>) -> Result<(), Errno> {
        if path.0.starts_with(b"/") {
            return self.store_below(b"", path);
        }
        self.store_below(libc::working_directory(&mut [0; Path::LONGEST])?, path)
    }

    fn store_below(&self, directory: &[u8], path: Path<'_>) -> Result<(), Errno> {
        let between: &[u8] = if matches!(directory, [] | [.., b'/']) { b"" } else { b"/" };
        let own = directory.len() + between.len();
        if own + path.0.len() > Path::LONGEST {
            return Err(Errno::NAMETOOLONG);
        }
        let whole = directory.iter().chain(between).chain(path.0);
        for (shared, &byte) in self.bytes.iter().zip(whole) {
            shared.store(byte, Ordering::Relaxed);
        }
        self.own.store(own, Ordering::Relaxed);
        // ORDERING: publishes the bytes to `bytes`' acquire.
        self.len.store(own + path.0.len(), Ordering::Release);
        Ok(())
    }

    pub(super) fn is_some(&self) -> bool {
        self.len.load(Ordering::Relaxed) != 0
    }

    /// Whether each process has a file of its own by this path: `%p` stands in it.
    pub(super) fn names_process(&self) -> bool {
        let pairs = self.bytes().zip(self.bytes().skip(1)).skip(self.own());
        pairs.into_iter().any(|pair| pair == (b'%', b'p'))
    }

    /// Puts the path into `path` as it stands. `false`: there is none.
    pub(super) fn write(&self, path: &mut PathBuffer) -> bool {
        path.cut(0);
        self.is_some() && self.bytes().all(|byte| path.push(&[byte]))
    }

    /// The same with the process's number for each `%p`. `false`: there is none, or it grows too long.
    pub(super) fn write_of_process(&self, pid: i32, path: &mut PathBuffer) -> bool {
        let mut number = Line::<12>::new();
        // Writing to a line cannot fail.
        let _ = write!(number, "{pid}");
        path.cut(0);
        let mut before = 0;
        self.is_some()
            && self.bytes().enumerate().all(|(at, byte)| {
                let two = (core::mem::replace(&mut before, byte), byte);
                // The directory is called as it is called.
                if two == (b'%', b'p') && at > self.own() {
                    path.cut(path.as_bytes().len() - 1);
                    path.push(number.as_bytes())
                } else {
                    path.push(&[byte])
                }
            })
    }

    fn own(&self) -> usize {
        self.own.load(Ordering::Relaxed)
    }

    fn bytes(&self) -> impl Iterator<Item = u8> + '_ {
        // ORDERING: pairs with the release in `store_below`, after which the bytes no longer change.
        let len = self.len.load(Ordering::Acquire);
        self.bytes.iter().take(len).map(|byte| byte.load(Ordering::Relaxed))
    }
}

/// As it stands in the environment.
impl Display for Shared {
    fn fmt(&self, f: &mut Formatter<'_>) -> fmt::Result {
        show(f, self.bytes().skip(self.own()))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::borrow::ToOwned;
    use std::vec::Vec;

    #[test]
    fn takes_what_fits() {
        assert!(Path::at(&[b'x'; Path::LONGEST]).is_some());
        for broken in [&b""[..], &[b'x'; Path::LONGEST + 1], b"a\0b"] {
            assert_eq!(Path::at(broken), None);
        }
    }

    /// What is kept of a path below a directory.
    fn kept(directory: &[u8], path: &[u8]) -> Shared {
        let shared = Shared::new();
        shared.store_below(directory, Path::at(path).unwrap()).expect("it fits");
        shared
    }

    fn plain(shared: &Shared) -> Option<Vec<u8>> {
        let mut path = PathBuffer::new();
        shared.write(&mut path).then(|| path.as_bytes().to_vec())
    }

    fn of_process(shared: &Shared, pid: i32) -> Option<Vec<u8>> {
        let mut path = PathBuffer::new();
        shared.write_of_process(pid, &mut path).then(|| path.as_bytes().to_vec())
    }

    #[test]
    fn a_process_has_its_own_name() {
        for (path, expected, own) in [
            (&b"log"[..], &b"log"[..], false),
            (b"/tmp/%p.log", b"/tmp/123.log", true),
            (b"%p%p", b"123123", true),
            (b"%%p", b"%123", true),
            (b"a%", b"a%", false),
            (b"%q", b"%q", false),
        ] {
            let shared = kept(b"", path);
            assert_eq!(of_process(&shared, 123).as_deref(), Some(expected));
            assert_eq!(plain(&shared).as_deref(), Some(path));
            assert_eq!(shared.names_process(), own);
        }
        assert_eq!(of_process(&kept(b"", &b"%p".repeat(Path::LONGEST / 2)), 1_234_567), None);
        let none = Shared::new();
        assert!(plain(&none).is_none() && of_process(&none, 1).is_none() && !none.is_some());
    }

    #[test]
    fn a_relative_path_keeps_its_directory() {
        for (directory, path, plainly, of_one) in [
            (&b"/"[..], &b"log"[..], &b"/log"[..], &b"/log"[..]),
            (b"/a/b", b"log", b"/a/b/log", b"/a/b/log"),
            (b"/%p", b"%p.log", b"/%p/%p.log", b"/%p/1.log"),
            (b"/%p%", b"p", b"/%p%/p", b"/%p%/p"),
        ] {
            let shared = kept(directory, path);
            assert_eq!(plain(&shared).as_deref(), Some(plainly));
            assert_eq!(of_process(&shared, 1).as_deref(), Some(of_one));
            assert_eq!(shared.names_process(), of_one != plainly);
            assert_eq!(std::format!("{shared}").as_bytes(), path);
        }
    }

    #[test]
    fn what_grows_too_long_is_none() {
        let directory = [b'x'; Path::LONGEST - 4];
        assert_eq!(plain(&kept(&directory, b"abc")).map(|path| path.len()), Some(Path::LONGEST));
        let shared = Shared::new();
        let long = shared.store_below(&directory, Path::at(b"abcd").unwrap());
        assert_eq!(long, Err(Errno::NAMETOOLONG));
        assert!(!shared.is_some());
    }

    #[test]
    fn the_directory_is_that_of_the_start() {
        let here = std::env::current_dir().expect("there is one").join("log");
        let shared = Shared::new();
        assert_eq!(shared.store(Path::at(b"log").unwrap()), Ok(()));
        assert_eq!(plain(&shared).as_deref(), here.to_str().map(str::as_bytes));
        let shared = Shared::new();
        assert_eq!(shared.store(Path::at(b"/log").unwrap()), Ok(()));
        assert_eq!(plain(&shared).as_deref(), Some(&b"/log"[..]));
    }

    #[test]
    fn a_warning_shows_its_beginning() {
        let path = [&b"a\n\xff"[..], &[b'x'; SHOWN]].concat();
        let path = Path::at(&path).unwrap();
        assert_eq!(std::format!("{path}"), "a\\n\\xff".to_owned() + &"x".repeat(SHOWN - 3));
    }
}
