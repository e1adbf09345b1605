//! The holes of a region that a block can go into, listed by size.
//!
//! ```text
//! hole     | next | prev | size |      ...      | size |      words of 32 bits, in the hole
//! lists    size 2 | 3 | 4 | 5 | 6-7 | 8-9 | 10-11 | 12-15 | ...         heads, in the region's book
//! ```
//! Links are numbers of grains; 0, where the book lies, is none. The size stands at both ends, for
//! who comes from behind. A hole of one grain has room for links alone and is in no list: it waits
//! until one of its neighbours is free.

use super::piece::{GRAIN, LEAST, Piece};

/// Candidates that are compared before the best of them is taken.
const LOOK: u32 = 16;

/// How the sizes are divided: each power of two into `1 << fine` lists.
#[derive(Clone, Copy)]
pub(super) struct Sizes {
    pub(super) fine: u8,
}

impl Sizes {
    /// For a region of so many grains: finer lists where there are more holes to tell apart.
    pub(super) const fn of(grains: usize) -> Self {
        Self { fine: if grains < 1 << 12 { 1 } else if grains < 1 << 16 { 2 } else { 3 } }
    }

    /// The list of holes of `size` grains.
    #[inline(always)]
    pub(super) const fn list(self, size: u32) -> u32 {
        let shift = size.ilog2().saturating_sub(self.fine as u32);
        (shift << self.fine) + (size >> shift) - LEAST
    }

    /// How many lists a region of so many grains has.
    pub(super) const fn lists(self, grains: usize) -> u32 {
        self.list(grains as u32) + 1
    }
}

/// The lists of a region.
#[derive(Clone, Copy)]
pub(super) struct Bins {
    base: *mut u8,
    sizes: Sizes,
    masks: u32,
    tables: *mut u32,
}

impl Bins {
    /// Bytes of the tables of so many lists: their heads, and a bit for each that is not empty.
    pub(super) const fn bytes(lists: u32) -> usize {
        (lists + lists.div_ceil(32)) as usize * size_of::<u32>()
    }

    /// # Safety
    /// Grain 0 begins at `base` and tables as [`bytes`](Self::bytes) says at `tables`; `masks` is how many words
    /// of 32 lists they have. Both are nobody else's, and whatever hole is named is one.
    pub(super) unsafe fn at(base: *mut u8, sizes: Sizes, masks: u32, tables: *mut u32) -> Self {
        Self { base, sizes, masks, tables }
    }

    #[inline(always)]
    fn mask(self, index: u32) -> *mut u32 {
        // SAFETY: within the tables.
        unsafe { self.tables.add(index as usize) }
    }

    #[inline(always)]
    fn head(self, list: u32) -> *mut u32 {
        // SAFETY: within the tables, behind the masks.
        unsafe { self.tables.add((self.masks + list) as usize) }
    }

    /// The word `index` of a grain.
    #[inline(always)]
    fn word(self, grain: u32, index: usize) -> *mut u32 {
        // SAFETY: in a hole, as `at` demands.
        unsafe { self.base.add(grain as usize * GRAIN).cast::<u32>().add(index) }
    }

    #[inline(always)]
    fn next(self, start: u32) -> *mut u32 {
        self.word(start, 0)
    }

    #[inline(always)]
    fn prev(self, start: u32) -> *mut u32 {
        self.word(start, 1)
    }

    /// The size of the hole of two grains or more that begins at `start`.
    #[inline(always)]
    pub(super) fn size(self, start: u32) -> u32 {
        // SAFETY: in a hole.
        unsafe { *self.word(start, 2) }
    }

    /// The size of the hole of two grains or more that ends before `end`.
    #[inline(always)]
    pub(super) fn size_before(self, end: u32) -> u32 {
        // SAFETY: in a hole.
        unsafe { *self.word(end - 1, 1) }
    }

    /// Puts a hole into its list.
    #[inline]
    pub(super) fn insert(self, hole: Piece) {
        if hole.size < LEAST {
            return;
        }
        let list = self.sizes.list(hole.size);
        // SAFETY: words of holes, and of the tables.
        unsafe {
            let head = self.head(list);
            let next = *head;
            *head = hole.start;
            *self.next(hole.start) = next;
            *self.prev(hole.start) = 0;
            *self.word(hole.start, 2) = hole.size;
            *self.word(hole.end() - 1, 1) = hole.size;
            if next == 0 {
                *self.mask(list / 32) |= 1 << (list % 32);
            } else {
                *self.prev(next) = hole.start;
            }
        }
    }

    /// Takes a hole out of its list.
    #[inline]
    pub(super) fn remove(self, hole: Piece) {
        if hole.size < LEAST {
            return;
        }
        // SAFETY: words of holes, and of the tables.
        unsafe {
            let (next, prev) = (*self.next(hole.start), *self.prev(hole.start));
            if next != 0 {
                *self.prev(next) = prev;
            }
            if prev != 0 {
                *self.next(prev) = next;
                return;
            }
            let list = self.sizes.list(hole.size);
            *self.head(list) = next;
            if next == 0 {
                *self.mask(list / 32) &= !(1 << (list % 32));
            }
        }
    }

    /// The smallest hole in which `size` grains fit, as `fits` says, out of the first that do.
    #[inline]
    pub(super) fn best(self, size: u32, fits: impl Fn(Piece) -> bool) -> Option<Piece> {
        let mut list = self.sizes.list(size);
        while let Some(found) = self.next_list(list) {
            if let Some(hole) = self.best_of(found, size, &fits) {
                return Some(hole);
            }
            list = found + 1;
        }
        None
    }

    /// The first list at `list` or behind it that is not empty.
    #[inline]
    fn next_list(self, list: u32) -> Option<u32> {
        let mut keep = u32::MAX << (list % 32);
        for index in list / 32..self.masks {
            // SAFETY: a word of the tables.
            let mask = unsafe { *self.mask(index) } & keep;
            if mask != 0 {
                return Some(index * 32 + mask.trailing_zeros());
            }
            keep = u32::MAX;
        }
        None
    }

    #[inline]
    fn best_of(self, list: u32, size: u32, fits: impl Fn(Piece) -> bool) -> Option<Piece> {
        let mut best: Option<Piece> = None;
        let mut looked = 0;
        for hole in self.holes(list) {
            if hole.size < size || !fits(hole) {
                continue;
            }
            if best.is_none_or(|best| hole.size < best.size) {
                best = Some(hole);
            }
            looked += 1;
            if hole.size == size || looked == LOOK {
                break;
            }
        }
        best
    }

    /// The holes of a list.
    #[inline(always)]
    pub(super) fn holes(self, list: u32) -> impl Iterator<Item = Piece> {
        // SAFETY: a word of the tables.
        let mut start = unsafe { *self.head(list) };
        core::iter::from_fn(move || {
            let hole = (start != 0).then(|| Piece { start, size: self.size(start) })?;
            // SAFETY: a word of a hole.
            start = unsafe { *self.next(start) };
            Some(hole)
        })
    }
}
