//! The search for a hole.

use super::piece::Piece;
use super::tree::{Slot, Tree};

/// Holes that are compared: the smallest of the first so many that fit, by address.
///
/// The smallest of all leaves slivers everywhere, the first one breaks up what would have served a
/// large request: at nine tenths of load both left more requests unserved. From 4 to 16 it is all
/// much the same.
const LOOK: u32 = 4;

/// Holes that the search remembers on its way; what it forgot it looks for again.
const KEPT: u32 = 4;

/// The holes of a size or larger, by address.
struct Fits {
    tree: Tree,
    size: u32,
    /// Where the last one begins.
    last: u32,
    /// Those on the way down that come later, the next one last; a ring.
    waiting: [Slot; KEPT as usize],
    /// How many were put there and not taken out, those included that the ring no longer holds.
    top: u32,
    /// The first of these that the ring holds.
    bottom: u32,
}

impl Fits {
    #[inline(always)]
    fn new(tree: Tree, size: u32) -> Self {
        let mut fits = Self { tree, size, last: 0, waiting: [tree.root(); KEPT as usize], top: 0, bottom: 0 };
        fits.descend(tree.root());
        fits
    }

    /// Goes down to the first hole behind the last one, noting which ones come after it.
    #[inline(always)]
    fn descend(&mut self, mut slot: Slot) {
        loop {
            let at = slot.get();
            if at == 0 || self.tree.hole(at).size < self.size {
                return;
            }
            if at <= self.last {
                slot = self.tree.right(at);
                continue;
            }
            self.waiting[(self.top % KEPT) as usize] = slot;
            self.top += 1;
            self.bottom = self.bottom.max(self.top.saturating_sub(KEPT));
            slot = self.tree.left(at);
        }
    }
}

impl Iterator for Fits {
    type Item = (Slot, Piece);

    #[inline(always)]
    fn next(&mut self) -> Option<(Slot, Piece)> {
        if self.top == self.bottom {
            if self.top == 0 {
                return None;
            }
            (self.top, self.bottom) = (0, 0);
            self.descend(self.tree.root());
            if self.top == 0 {
                return None;
            }
        }
        self.top -= 1;
        let slot = self.waiting[(self.top % KEPT) as usize];
        self.last = slot.get();
        self.descend(self.tree.right(self.last));
        Some((slot, self.tree.hole(self.last)))
    }
}

impl Tree {
    /// The hole for a block of `size` grains: of the first in which it `fits`, the smallest.
    #[inline]
    pub(super) fn best(self, size: u32, fits: impl Fn(Piece) -> bool) -> Option<(Slot, Piece)> {
        let mut best: Option<(Slot, Piece)> = None;
        let mut looked = 0;
        for (slot, hole) in Fits::new(self, size).filter(|(_, hole)| fits(*hole)) {
            if best.is_none_or(|(_, best)| hole.size < best.size) {
                best = Some((slot, hole));
            }
            looked += 1;
            if looked == LOOK || hole.size == size {
                break;
            }
        }
        best
    }
}
