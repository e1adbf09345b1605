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
use crate::steps;
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
        if (self.0 as usize) < CLASSES { Some(ClassId(self.0)) } else { None }
    }
}

/// A row of words, one a tree, so that what a small heap reads stands together.
pub(crate) type Row = [AtomicU64; TREES];

/// One hint.
#[derive(Clone, Copy)]
pub(crate) struct Hint<'a> {
    pub(crate) cell: &'a AtomicU64,
    pub(crate) bit: u32,
}

/// What became of a hint that was to be cleared.
enum Cleared {
    /// It is gone, and the word is empty.
    Last,
    /// It is gone, but not the last of its word.
    OneOfMany,
    /// It is back: the second look found something below.
    Back,
}

impl Hint<'_> {
    /// Sets the hint. What it hints at was written before.
    fn set(self) {
        steps::word();
        // ORDERING: SeqCst fence between the write below and this look; partner: `clear`.
        fence(Ordering::SeqCst);
        if self.cell.load(Ordering::Relaxed) & 1 << self.bit == 0 {
            // ORDERING: Relaxed: a searcher that finds the bit and not yet what is below it clears
            // it with a second look, and the fences make that look see it.
            self.cell.fetch_or(1 << self.bit, Ordering::Relaxed);
        }
    }

    /// Clears the hint, and sets it again if `still` finds something below on the second look.
    fn clear(self, still: impl FnOnce() -> bool) -> Cleared {
        steps::word();
        let before = self.cell.fetch_and(!(1 << self.bit), Ordering::Relaxed);
        // ORDERING: SeqCst fence between clearing and the second look; partner: `set`.
        fence(Ordering::SeqCst);
        if still() {
            self.cell.fetch_or(1 << self.bit, Ordering::Relaxed);
            Cleared::Back
        } else if before & !(1 << self.bit) == 0 {
            Cleared::Last
        } else {
            Cleared::OneOfMany
        }
    }
}

/// Sets the hints that lead to something, the lowest first.
pub(crate) fn raise(way: &[Hint<'_>]) {
    way.iter().for_each(|hint| hint.set());
}

/// Clears the hints that lead to nothing, the lowest first, up to the first word that has others.
/// `still`: whether there is something after all.
pub(crate) fn lower(way: &[Hint<'_>], still: impl Fn() -> bool) {
    let mut below: Option<&AtomicU64> = None;
    for (level, hint) in way.iter().enumerate() {
        let cleared = hint.clear(|| match below {
            Some(cell) => cell.load(Ordering::Relaxed) != 0,
            None => still(),
        });
        match cleared {
            Cleared::Last => below = Some(hint.cell),
            Cleared::OneOfMany => return,
            // While it was gone somebody else may have found its word empty, and gone up.
            Cleared::Back => return raise(&way[level + 1..]),
        }
    }
}

/// The set bits of a word, lowest first.
pub(crate) fn bits(mut word: u64) -> impl Iterator<Item = u32> {
    core::iter::from_fn(move || {
        let bit = (word != 0).then(|| word.trailing_zeros())?;
        word &= word - 1;
        Some(bit)
    })
}
