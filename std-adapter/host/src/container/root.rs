//! Where `proc` and `sys` are looked for.

use core::fmt;
use core::sync::atomic::{AtomicU8, AtomicUsize, Ordering};

/// A folder that has `proc` and `sys` below it; `/` by default.
#[derive(Clone, Copy, PartialEq, Eq)]
pub struct Root {
    /// Zeros behind `len`, so that equality is that of the paths.
    bytes: [u8; Root::LONGEST],
    len: usize,
}

impl Root {
    /// The most bytes that the path may have.
    pub const LONGEST: usize = 255;

    /// The machine's own root.
    pub const fn new() -> Self {
        Self { bytes: [0; Self::LONGEST], len: 0 }
    }

    /// A root below which tests, or a mount of another machine's files, keep `proc` and `sys`.
    /// `None`: the path is not absolute, longer than [`LONGEST`](Self::LONGEST), or has a zero byte.
    pub fn at(path: &[u8]) -> Option<Self> {
        let mut root = Self::new();
        let room = root.bytes.get_mut(..path.len())?;
        if !path.starts_with(b"/") || path.contains(&0) {
            return None;
        }
        room.copy_from_slice(path);
        root.len = path.len();
        while let [.., b'/'] = root.as_bytes() {
            root.len -= 1;
            root.bytes[root.len] = 0;
        }
        Some(root)
    }

    /// The path without a slash at its end: empty for `/`.
    pub(super) fn as_bytes(&self) -> &[u8] {
        &self.bytes[..self.len]
    }
}

impl Default for Root {
    fn default() -> Self {
        Self::new()
    }
}

impl fmt::Debug for Root {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Root({}/)", self.as_bytes().escape_ascii())
    }
}

/// A [`Root`] that threads share: written once at the start, read at any time, `/` before.
pub(crate) struct Shared {
    bytes: [AtomicU8; Root::LONGEST],
    len: AtomicUsize,
}

impl Shared {
    pub(crate) const fn new() -> Self {
        Self { bytes: [const { AtomicU8::new(0) }; Root::LONGEST], len: AtomicUsize::new(0) }
    }

    /// To be called once.
    pub(crate) fn store(&self, root: Root) {
        for (shared, &byte) in self.bytes.iter().zip(root.as_bytes()) {
            shared.store(byte, Ordering::Relaxed);
        }
        // ORDERING: publishes the bytes to `load`'s acquire.
        self.len.store(root.len, Ordering::Release);
    }

    pub(crate) fn load(&self) -> Root {
        let mut root = Root::new();
        // ORDERING: pairs with the release in `store`, after which the bytes no longer change.
        root.len = self.len.load(Ordering::Acquire);
        for (byte, shared) in root.bytes.iter_mut().zip(&self.bytes).take(root.len) {
            *byte = shared.load(Ordering::Relaxed);
        }
        root
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::format;

    #[test]
    fn takes_absolute_paths_that_fit() {
        let longest = [&b"/"[..], &[b'x'; Root::LONGEST - 1]].concat();
        for path in [&b"/made"[..], b"/made/root", &longest] {
            assert_eq!(Root::at(path).map(|root| root.as_bytes().to_vec()), Some(path.to_vec()));
        }
        let too_long = [&longest[..], b"x"].concat();
        for path in [&b""[..], b"made", b"./made", b"/a\0b", &too_long] {
            assert_eq!(Root::at(path), None, "{}", path.escape_ascii());
        }
    }

    #[test]
    fn slashes_at_the_end_do_not_count() {
        assert_eq!(Root::at(b"/"), Some(Root::new()));
        assert_eq!(Root::at(b"///"), Some(Root::new()));
        assert_eq!(Root::at(b"/made//"), Root::at(b"/made"));
        assert_eq!(format!("{:?}", Root::at(b"/made/")), "Some(Root(/made/))");
    }

    #[test]
    fn a_shared_root_comes_back() {
        let shared = Shared::new();
        assert_eq!(shared.load(), Root::new());
        let longest = [&b"/"[..], &[b'x'; Root::LONGEST - 1]].concat();
        let root = Root::at(&longest).unwrap();
        shared.store(root);
        assert_eq!(shared.load(), root);
    }
}
