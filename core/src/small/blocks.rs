//! Blocks from a region's holes, and back.
//!
//! ```text
//! allocate   | .......... hole .......... |  ->  | hole | block | hole |
//! free       | hole | block | hole |         ->  | ...... hole ....... |
//! ```
//! What is left of a hole on either side stays one, be it but a grain, and no two holes ever touch.

use super::piece::{GRAIN, Need, Piece};
use super::region::Region;
use super::tree::Slot;
use crate::misuse::MisuseKind;

/// What lies on either side of a block: holes, by their slots.
pub(super) struct Beside {
    pub(super) before: Option<(Slot, Piece)>,
    pub(super) behind: Option<(Slot, Piece)>,
}

impl Region {
    /// A new block.
    #[inline]
    pub(super) fn allocate(&mut self, need: Need) -> Option<Piece> {
        let Need { grains, align } = need;
        let (region, tree) = (*self, self.tree());
        if tree.largest() < grains {
            return None;
        }
        if align <= GRAIN {
            let (slot, hole) = tree.best(grains, |_| true)?;
            return Some(self.carve_low(slot, hole, grains));
        }
        let end = |hole: Piece| region.aligned(hole.start, align) + grains as usize;
        let (slot, hole) = tree.best(grains, |hole| end(hole) <= hole.end() as usize)?;
        let block = Piece { start: self.aligned(hole.start, align) as u32, size: grains };
        tree.remove(slot);
        self.carve(hole, block);
        Some(block)
    }

    /// Makes a block of a hole's first grains.
    #[inline]
    pub(super) fn carve_low(&mut self, slot: Slot, hole: Piece, grains: u32) -> Piece {
        let block = Piece { start: hole.start, size: grains };
        if hole.size == grains {
            self.tree().remove(slot);
        } else {
            self.tree().shrink(slot, Piece::between(block.end(), hole.end()));
        }
        self.take_free(grains);
        block
    }

    /// Makes a block of a part of a hole that is not in the tree.
    pub(super) fn carve(&mut self, hole: Piece, block: Piece) {
        let sides = [(hole.start, block.start), (block.end(), hole.end())];
        for (start, end) in sides.into_iter().filter(|(start, end)| start < end) {
            self.tree().insert(Piece::between(start, end));
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
        let beside = self.beside(block)?;
        if offset % GRAIN != 0 {
            return Err(MisuseKind::Interior);
        }
        if block.end() > room.end() {
            return Err(MisuseKind::WrongSize);
        }
        Ok((block, beside))
    }

    /// The holes before a block and behind it, on one way down.
    #[inline]
    fn beside(self, block: Piece) -> Result<Beside, MisuseKind> {
        let tree = self.tree();
        let (mut slot, mut sides) = (tree.root(), [None, None]);
        loop {
            let at = slot.get();
            if at == 0 {
                break;
            }
            let is_before = at <= block.start;
            sides[is_before as usize] = Some(slot);
            slot = tree.side(at, is_before);
        }
        let [behind, before] = sides.map(|slot| slot.map(|slot| (slot, tree.hole(slot.get()))));
        if before.is_some_and(|(_, hole)| hole.end() > block.start) {
            return Err(MisuseKind::DoubleFree);
        }
        if behind.is_some_and(|(_, hole)| hole.start < block.end()) {
            return Err(MisuseKind::WrongSize);
        }
        Ok(Beside {
            before: before.filter(|(_, hole)| hole.end() == block.start),
            behind: behind.filter(|(_, hole)| hole.start == block.end()),
        })
    }

    /// Makes a hole of a block, and of those beside it.
    #[inline]
    pub(super) fn free_block(&mut self, block: Piece, beside: Beside) {
        let all = self.join(block, beside);
        self.tree().insert(all);
    }

    /// As [`free_block`](Self::free_block), but the hole is not in the tree yet.
    #[inline]
    pub(super) fn join(&mut self, block: Piece, beside: Beside) -> Piece {
        let tree = self.tree();
        let Beside { before, behind } = beside;
        let start = before.map_or(block.start, |(_, hole)| hole.start);
        let end = behind.map_or(block.end(), |(_, hole)| hole.end());
        match (before, behind) {
            // One stands above the other, and in its hole may be the slot of the other.
            (Some(before), Some(behind)) if before.1.is_above(behind.1) => {
                tree.remove(behind.0);
                tree.remove(before.0);
            }
            _ => [before, behind].into_iter().flatten().for_each(|(slot, _)| tree.remove(slot)),
        }
        self.add_free(block.size);
        Piece::between(start, end)
    }

}
