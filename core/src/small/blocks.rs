//! Blocks from a region's holes, and back.
//!
//! ```text
//! allocate   | .......... hole .......... |  ->  | hole | block | hole |
//! free       | hole | block | hole |         ->  | ...... hole ....... |
//! ```
//! What is left of a hole on either side stays one, be it but a grain, and no two holes ever touch.

use super::holes::{Beside, Slot};
use super::piece::{GRAIN, Need, Piece};
use super::region::Region;
use crate::misuse::MisuseKind;

impl Region {
    /// A new block.
    #[inline]
    pub(super) fn allocate(&mut self, need: Need) -> Option<Piece> {
        let Need { grains, align } = need;
        let (region, holes) = (*self, self.holes());
        if self.free() < grains {
            return None;
        }
        if align <= GRAIN {
            let (slot, hole) = holes.best(grains, |_| true)?;
            return Some(self.carve_low(slot, hole, grains));
        }
        let end = |hole: Piece| region.aligned(hole.start, align) + grains as usize;
        let (slot, hole) = holes.best(grains, |hole| end(hole) <= hole.end() as usize)?;
        let block = Piece { start: self.aligned(hole.start, align) as u32, size: grains };
        holes.remove(slot, hole);
        self.carve(hole, block);
        Some(block)
    }

    /// Makes a block of the first grains of the hole in a slot.
    #[inline]
    pub(super) fn carve_low(&mut self, slot: Slot, hole: Piece, grains: u32) -> Piece {
        let block = Piece { start: hole.start, size: grains };
        if hole.size == grains {
            self.holes().remove(slot, hole);
        } else {
            self.holes().cut_low(slot, hole, block.end());
        }
        self.take_free(grains);
        block
    }

    /// Makes a block of a part of a hole that is not linked.
    pub(super) fn carve(&mut self, hole: Piece, block: Piece) {
        let sides = [(hole.start, block.start), (block.end(), hole.end())];
        for (start, end) in sides.into_iter().filter(|(start, end)| start < end) {
            self.holes().insert(Piece::between(start, end));
        }
        self.take_free(block.size);
    }

    /// The block that is said to lie there, and what is beside it; or why it cannot be one.
    #[inline]
    pub(super) fn look(self, offset: usize, grains: u32) -> Result<(Piece, Beside), MisuseKind> {
        let (start, room) = ((offset / GRAIN) as u32, self.room());
        if start < room.start {
            return Err(MisuseKind::NotOurs);
        }
        let block = Piece { start, size: grains };
        let beside = self.holes().beside(block);
        if beside.before.is_some_and(|(_, hole)| hole.end() > start) {
            return Err(MisuseKind::DoubleFree);
        }
        if offset % GRAIN != 0 {
            return Err(MisuseKind::Interior);
        }
        let end = beside.behind.map_or(room.end(), |(_, hole)| hole.start);
        if block.end() > end {
            return Err(MisuseKind::WrongSize);
        }
        Ok((block, beside))
    }

    /// Makes a hole of a block, and of those that touch it.
    #[inline]
    pub(super) fn free_block(&mut self, block: Piece, beside: Beside) {
        self.holes().free(block, beside);
        self.add_free(block.size);
    }
}
