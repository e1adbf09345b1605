//! The holes of a region as a tree that lies in them: no memory but the region's own free memory.
//!
//! ```text
//!                    [ 40 at 900 ]                    by address from left to right,
//!                   /             \                   the larger above the smaller
//!          [ 12 at 300 ]       [ 25 at 2000 ]
//!          /           \               \
//!   [ 3 at 20 ]   [ 1 at 700 ]     [ 25 at 5000 ]
//!
//!   hole   | left | right | size |   ...   |          words of 32 bits
//! ```
//! So the root is the largest hole, a subtree whose root is too small is passed over whole, and the
//! neighbours of a block are found on one way down. Sizes are much like chance, and so is the shape.
//! The tree is from C. J. Stephenson, "Fast Fits" (1983), which is a treap (Seidel and Aragon, 1989)
//! with sizes in place of chance.
//!
//! Links are numbers of grains; 0, where the region's head lies, is none. A hole of one grain has no
//! room for its size: it is marked in its left link.

use super::piece::{GRAIN, Piece};
use core::ptr::NonNull;

/// The mark of a hole of one grain, beside its left link.
const ONE: u32 = 1 << 31;

/// A place that holds a link: the root, or one in a hole.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(super) struct Slot(NonNull<u32>);

impl Slot {
    #[inline(always)]
    pub(super) fn get(self) -> u32 {
        // SAFETY: slots are made by `Tree`, in holes and for the root.
        unsafe { *self.0.as_ptr() & !ONE }
    }

    #[inline(always)]
    fn set(self, link: u32) {
        // SAFETY: as in `get`.
        unsafe { *self.0.as_ptr() = *self.0.as_ptr() & ONE | link };
    }
}

/// The tree of a region.
#[derive(Clone, Copy)]
pub(super) struct Tree {
    base: NonNull<u8>,
    root: Slot,
}

impl Tree {
    /// # Safety
    /// Grain 0 begins at `base`, all links from `root` on are of this region's holes, and nobody
    /// else writes to them.
    #[inline(always)]
    pub(super) unsafe fn at(base: NonNull<u8>, root: NonNull<u32>) -> Self {
        Self { base, root: Slot(root) }
    }

    #[inline(always)]
    pub(super) fn root(self) -> Slot {
        self.root
    }

    #[inline(always)]
    fn word(self, hole: u32, index: usize) -> NonNull<u32> {
        // SAFETY: in a hole of this region.
        unsafe { self.base.add(hole as usize * GRAIN).cast::<u32>().add(index) }
    }

    /// The slot of what is left of a hole, or right of it. Which side it is, chance decides: no branch
    /// shall depend on it.
    #[inline(always)]
    pub(super) fn side(self, hole: u32, is_right: bool) -> Slot {
        Slot(self.word(hole, is_right as usize))
    }

    #[inline(always)]
    pub(super) fn left(self, hole: u32) -> Slot {
        self.side(hole, false)
    }

    #[inline(always)]
    pub(super) fn right(self, hole: u32) -> Slot {
        self.side(hole, true)
    }

    /// The hole that begins there.
    #[inline(always)]
    pub(super) fn hole(self, start: u32) -> Piece {
        // SAFETY: words of a hole; it has a third one if it is not marked.
        let size = unsafe {
            if *self.word(start, 0).as_ptr() & ONE != 0 { 1 } else { *self.word(start, 2).as_ptr() }
        };
        Piece { start, size }
    }

    /// The size of the largest hole.
    #[inline(always)]
    pub(super) fn largest(self) -> u32 {
        match self.root.get() {
            0 => 0,
            root => self.hole(root).size,
        }
    }

    /// Puts a new hole into the tree. It touches no other.
    #[inline]
    pub(super) fn insert(self, hole: Piece) {
        let mut slot = self.root;
        let mut at = slot.get();
        while at != 0 && self.hole(at).is_above(hole) {
            slot = self.side(at, at < hole.start);
            at = slot.get();
        }
        slot.set(hole.start);
        self.write(hole);
        // What stood here goes below, parted by where the hole is.
        let mut ends = [self.left(hole.start), self.right(hole.start)];
        while at != 0 {
            let is_left = at < hole.start;
            let end = &mut ends[!is_left as usize];
            end.set(at);
            *end = self.side(at, is_left);
            at = end.get();
        }
        ends.into_iter().for_each(|end| end.set(0));
    }

    /// Takes the hole in a slot out of the tree.
    #[inline]
    pub(super) fn remove(self, slot: Slot) {
        let at = slot.get();
        self.join(slot, self.left(at).get(), self.right(at).get());
    }

    /// Puts what is left of the hole in a slot in its place.
    #[inline]
    pub(super) fn shrink(self, slot: Slot, rest: Piece) {
        let at = slot.get();
        let (left, right) = (self.left(at).get(), self.right(at).get());
        let (slot, left, right) = self.sink(slot, left, right, |hole| hole.is_above(rest));
        slot.set(rest.start);
        self.write(rest);
        self.left(rest.start).set(left);
        self.right(rest.start).set(right);
    }

    /// Makes one subtree of two, all of whose holes lie in this order.
    #[inline]
    fn join(self, slot: Slot, left: u32, right: u32) {
        let (slot, left, right) = self.sink(slot, left, right, |_| true);
        slot.set(left | right);
    }

    /// Puts holes from the tops of two subtrees into a slot, one below the other, as long as they are
    /// `above` what shall come between the two. Where that was, and what is left of the two.
    #[inline(always)]
    fn sink(
        self,
        mut slot: Slot,
        mut left: u32,
        mut right: u32,
        above: impl Fn(Piece) -> bool,
    ) -> (Slot, u32, u32) {
        while left | right != 0 {
            let is_left = right == 0 || left != 0 && self.hole(left).is_above(self.hole(right));
            let top = if is_left { left } else { right };
            if !above(self.hole(top)) {
                break;
            }
            slot.set(top);
            slot = if is_left { self.right(top) } else { self.left(top) };
            *if is_left { &mut left } else { &mut right } = slot.get();
        }
        (slot, left, right)
    }

    /// Writes a hole's size; its links are void.
    #[inline(always)]
    fn write(self, hole: Piece) {
        // SAFETY: words of a hole.
        unsafe {
            if hole.size == 1 {
                *self.word(hole.start, 0).as_ptr() = ONE;
            } else {
                *self.word(hole.start, 0).as_ptr() = 0;
                *self.word(hole.start, 2).as_ptr() = hole.size;
            }
            *self.word(hole.start, 1).as_ptr() = 0;
        }
    }
}
