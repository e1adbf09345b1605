//! The search for a hole.

use super::piece::Piece;
use super::tree::Tree;

/// Holes that are compared: the smallest of the first so many that fit, by address.
///
/// The smallest of all leaves slivers everywhere, the first one breaks up what would have served a
/// large request: at nine tenths of load both left more requests unserved. From 4 to 16 it is all
/// much the same.
const LOOK: u32 = 8;

/// Holes that the search remembers on its way; what it forgot it looks for again.
const KEPT: u32 = 8;

/// The holes of a size or larger, by address.
struct Fits {
    tree: Tree,
    size: u32,
    /// Where the last one begins.
    last: u32,
    /// Those on the way down that come later, the next one last; a ring.
    waiting: [u32; KEPT as usize],
    /// How many were put there and not taken out, those included that the ring no longer holds.
    top: u32,
    /// The first of these that the ring holds.
    bottom: u32,
}

impl Fits {
    #[inline(always)]
    fn new(tree: Tree, size: u32) -> Self {
        let mut fits = Self { tree, size, last: 0, waiting: [0; KEPT as usize], top: 0, bottom: 0 };
        fits.descend(tree.root().get());
        fits
    }

    /// Goes down to the first hole behind the last one, noting which ones come after it.
    #[inline(always)]
    fn descend(&mut self, mut at: u32) {
        while at != 0 && self.tree.hole(at).size >= self.size {
            if at <= self.last {
                at = self.tree.right(at).get();
                continue;
            }
            self.waiting[(self.top % KEPT) as usize] = at;
            self.top += 1;
            self.bottom = self.bottom.max(self.top.saturating_sub(KEPT));
            at = self.tree.left(at).get();
        }
    }
}

impl Iterator for Fits {
    type Item = Piece;

    #[inline(always)]
    fn next(&mut self) -> Option<Piece> {
        if self.top == self.bottom {
            if self.top == 0 {
                return None;
            }
            (self.top, self.bottom) = (0, 0);
            self.descend(self.tree.root().get());
            if self.top == 0 {
                return None;
            }
        }
        self.top -= 1;
        let at = self.waiting[(self.top % KEPT) as usize];
        self.last = at;
        self.descend(self.tree.right(at).get());
        Some(self.tree.hole(at))
    }
}

impl Tree {
    /// The hole for a block of `size` grains: of the first in which it `fits`, the smallest.
    #[inline]
    pub(super) fn best(self, size: u32, fits: impl Fn(Piece) -> bool) -> Option<Piece> {
        let mut best: Option<Piece> = None;
        let mut looked = 0;
        for hole in Fits::new(self, size).filter(|hole| fits(*hole)) {
            if best.is_none_or(|best| hole.size < best.size) {
                best = Some(hole);
            }
            looked += 1;
            if looked == LOOK || hole.size == size {
                break;
            }
        }
        best
    }
}
