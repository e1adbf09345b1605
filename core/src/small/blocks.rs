//! Blocks from a region's holes, and back.
//!
//! ```text
//! allocate   | .......... hole .......... |  ->  | hole | block | hole |
//! free       | hole | block | hole |         ->  | ...... hole ....... |
//! ```
//! The smallest hole that fits is taken (of equals the last one freed): of what was tried, nothing
//! left fewer requests unserved in a full region. What is left of it on either side stays a hole.

use super::piece::{GRAIN, Need, Piece};
use super::region::Region;

impl Region {
    /// A new block's place.
    #[inline]
    pub(super) fn allocate(&mut self, need: Need) -> Option<Piece> {
        let Need { grains, align } = need;
        if self.free() < grains {
            return None;
        }
        let (region, bins) = (*self, self.bins());
        let fits = |hole: Piece| {
            align <= GRAIN || region.aligned(hole.start, align) + grains as usize <= hole.end() as usize
        };
        let hole = bins.best(grains, fits)?;
        bins.remove(hole);
        let block = Piece { start: self.aligned(hole.start, align) as u32, size: grains };
        self.carve(hole, block);
        Some(block)
    }

    /// Makes a block of a part of a hole that is in no list any more.
    #[inline]
    pub(super) fn carve(&mut self, hole: Piece, block: Piece) {
        let bins = self.bins();
        bins.insert(Piece { start: hole.start, size: block.start - hole.start });
        bins.insert(Piece { start: block.end(), size: hole.end() - block.end() });
        self.map().clear(block.start, block.end() - 1);
        self.take_free(block.size);
    }

    /// Makes a hole of a block, and of the holes beside it.
    #[inline]
    pub(super) fn free_block(&mut self, block: Piece) {
        let all = self.join(block);
        self.bins().insert(all);
    }

    /// As [`free_block`](Self::free_block), but the hole is in no list yet.
    #[inline]
    pub(super) fn join(&mut self, block: Piece) -> Piece {
        let bins = self.bins();
        let (mut start, mut end) = (block.start, block.end());
        if let Some(hole) = self.hole_before(start) {
            bins.remove(hole);
            start = hole.start;
        }
        if let Some(hole) = self.hole_at(end) {
            bins.remove(hole);
            end = hole.end();
        }
        self.map().set(block.start, block.end() - 1);
        self.add_free(block.size);
        Piece { start, size: end - start }
    }
}
