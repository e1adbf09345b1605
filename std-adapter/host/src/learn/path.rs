//! Paths of files that the environment names: kept, for the program may change its environment.

use crate::container::PathBuffer;
use crate::line::Line;
use core::fmt::Write;
use core::sync::atomic::{AtomicU8, AtomicUsize, Ordering};

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

/// A [`Path`] that threads share: written once at the start, none before.
pub(super) struct Shared {
    bytes: [AtomicU8; Path::LONGEST],
    len: AtomicUsize,
}

impl Shared {
    pub(super) const fn new() -> Self {
        Self { bytes: [const { AtomicU8::new(0) }; Path::LONGEST], len: AtomicUsize::new(0) }
    }

    /// To be called once.
    pub(super) fn store(&self, path: Path<'_>) {
        for (shared, &byte) in self.bytes.iter().zip(path.0) {
            shared.store(byte, Ordering::Relaxed);
        }
        // ORDERING: publishes the bytes to `bytes`' acquire.
        self.len.store(path.0.len(), Ordering::Release);
    }

    pub(super) fn is_some(&self) -> bool {
        self.len.load(Ordering::Relaxed) != 0
    }

    /// Whether each process has a file of its own by this path: `%p` stands in it.
    pub(super) fn names_process(&self) -> bool {
        let byte = |at: usize| self.bytes[at].load(Ordering::Relaxed);
        (1..self.len()).any(|at| byte(at - 1) == b'%' && byte(at) == b'p')
    }

    /// The path as it stands. `None`: there is none.
    pub(super) fn plain(&self) -> Option<PathBuffer> {
        self.bytes(|path, byte, _| path.push(&[byte]))
    }

    /// The path, with the process's number for each `%p`. `None`: there is none, or it grows too long.
    pub(super) fn of_process(&self, pid: i32) -> Option<PathBuffer> {
        let mut number = Line::<12>::new();
        // Writing to a line cannot fail.
        let _ = write!(number, "{pid}");
        self.bytes(|path, byte, before| match (before, byte) {
            (b'%', b'p') => {
                path.cut(path.as_bytes().len() - 1);
                path.push(number.as_bytes())
            }
            _ => path.push(&[byte]),
        })
    }

    fn len(&self) -> usize {
        // ORDERING: pairs with the release in `store`, after which the bytes no longer change.
        self.len.load(Ordering::Acquire)
    }

    /// A path to which `push` adds byte for byte, each with the one before it.
    fn bytes(&self, push: impl Fn(&mut PathBuffer, u8, u8) -> bool) -> Option<PathBuffer> {
        let mut path = PathBuffer::new();
        let mut before = 0;
        for byte in &self.bytes[..self.len()] {
            let byte = byte.load(Ordering::Relaxed);
            if !push(&mut path, byte, before) {
                return None;
            }
            before = byte;
        }
        (before != 0).then_some(path)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn takes_what_fits() {
        assert!(Path::at(&[b'x'; Path::LONGEST]).is_some());
        for broken in [&b""[..], &[b'x'; Path::LONGEST + 1], b"a\0b"] {
            assert_eq!(Path::at(broken), None);
        }
    }

    #[test]
    fn a_process_has_its_own_name() {
        let kept = |path: &[u8]| {
            let shared = Shared::new();
            shared.store(Path::at(path).unwrap());
            shared
        };
        for (path, expected, own) in [
            (&b"log"[..], &b"log"[..], false),
            (b"/tmp/%p.log", b"/tmp/123.log", true),
            (b"%p%p", b"123123", true),
            (b"%%p", b"%123", true),
            (b"a%", b"a%", false),
            (b"%q", b"%q", false),
        ] {
            let shared = kept(path);
            assert_eq!(shared.of_process(123).unwrap().as_bytes(), expected);
            assert_eq!(shared.plain().unwrap().as_bytes(), path);
            assert_eq!(shared.names_process(), own);
        }
        assert!(kept(&b"%p".repeat(Path::LONGEST / 2)).of_process(1_234_567).is_none());
        let none = Shared::new();
        assert!(none.plain().is_none() && none.of_process(1).is_none() && !none.is_some());
    }
}
