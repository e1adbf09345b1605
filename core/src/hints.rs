//! Summary bits above the pool's bitmaps: where a search should look.
//!
//! ```text
//! top   2 words a tree     a bit: a word of `mid` is not empty
//! mid   128 words a tree   a bit: a chunk's summary is not empty
//! chunk 1 word a tree      a bit: a superslab has something      (in `pool`)
//! ```
//! A bit is a hint, set after the bit below it and cleared with a second look, with a SeqCst fence
//! between the two on either side: of a setter and a clearer that pass each other, at least one
//! sees the other. A set bit above nothing costs a look. A clear bit above something would lose
//! memory from sight: that is what the fences exclude.

use crate::class::{CLASSES, ClassId};
use crate::sync::{AtomicU64, Ordering, fence};

/// One of the things that are searched for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Tree(u8);

/// Trees in all: one a class, and the two of idle slots.
pub(crate) const TREES: usize = CLASSES + 2;

impl Tree {
    /// Superslabs with idle slots that are committed.
    pub(crate) const IDLE_DIRTY: Self = Self(CLASSES as u8);
    /// Superslabs with idle slots.
    pub(crate) const IDLE: Self = Self(CLASSES as u8 + 1);

    /// Superslabs with pooled slabs of a class.
    pub(crate) const fn pooled(class: ClassId) -> Self {
        Self(class.0)
    }

    pub(crate) const fn index(self) -> usize {
        self.0 as usize
    }

    pub(crate) const fn class(self) -> Option<ClassId> {
        if (self.0 as usize) < CLASSES {
            Some(ClassId(self.0))
        } else {
            None
        }
    }
}

/// A row of words, one a tree, so that what a small heap reads stands together.
pub(crate) type Row = [AtomicU64; TREES];

/// Sets a hint. What it hints at was written before.
pub(crate) fn set(cell: &AtomicU64, bit: u32) {
    // ORDERING: SeqCst fence between the write below and this look; partner: `clear`.
    fence(Ordering::SeqCst);
    if cell.load(Ordering::Relaxed) & 1 << bit == 0 {
        // ORDERING: Release, so that a searcher who finds the bit finds what is below it.
        cell.fetch_or(1 << bit, Ordering::Release);
    }
}

/// Clears a hint unless `still` finds something below on the second look. Answers whether the whole
/// word is empty now, that is, whether the hint above it should go too.
pub(crate) fn clear(cell: &AtomicU64, bit: u32, still: impl FnOnce() -> bool) -> bool {
    let before = cell.fetch_and(!(1 << bit), Ordering::Relaxed);
    // ORDERING: SeqCst fence between clearing and the second look; partner: `set`.
    fence(Ordering::SeqCst);
    if still() {
        cell.fetch_or(1 << bit, Ordering::Release);
        return false;
    }
    before & !(1 << bit) == 0
}

/// The set bits of a word, lowest first.
pub(crate) fn bits(mut word: u64) -> impl Iterator<Item = u32> {
    core::iter::from_fn(move || {
        let bit = (word != 0).then(|| word.trailing_zeros())?;
        word &= word - 1;
        Some(bit)
    })
}
