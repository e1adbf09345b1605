//! Blocks that change their size where they are, or nearly so.

use super::blocks::Beside;
use super::piece::{Need, Piece};
use super::region::Region;

impl Region {
    /// Makes a block so many grains long where it is. False, and nothing done, if what lies behind it
    /// is no hole, or too small a one.
    pub(super) fn resize(&mut self, block: Piece, beside: &Beside, grains: u32) -> bool {
        if grains <= block.size {
            self.cut(block, beside, grains);
            return true;
        }
        let more = grains - block.size;
        match beside.behind {
            Some((slot, hole)) if hole.size >= more => {
                self.carve_low(slot, hole, more);
                true
            }
            _ => false,
        }
    }

    /// Makes a hole of what is behind a block's first grains.
    fn cut(&mut self, block: Piece, beside: &Beside, grains: u32) {
        if grains < block.size {
            let rest = Piece::between(block.start + grains, block.end());
            self.free_block(rest, Beside { before: None, behind: beside.behind });
        }
    }

    /// Moves a block down into the hole before it, to which the one behind it is added: what is left
    /// to try where no hole is large enough for another block. The first `keep` bytes go along.
    ///
    /// # Safety
    /// They are the block's, and its user gives up the place where it was.
    pub(super) unsafe fn slide(
        &mut self,
        block: Piece,
        beside: Beside,
        need: Need,
        keep: usize,
    ) -> Option<Piece> {
        let (_, before) = beside.before?;
        let start = self.aligned(before.start, need.align);
        let end = beside.behind.map_or(block.end(), |(_, hole)| hole.end());
        if start > block.start as usize || start + need.grains as usize > end as usize {
            return None;
        }
        let all = self.join(block, beside);
        let moved = Piece { start: start as u32, size: need.grains };
        // SAFETY: both are in a hole that is not in the tree at this moment, so nothing of it is
        // written to; `carve` writes in front of the new place and behind it.
        unsafe { self.pointer(moved.start).copy_from(self.pointer(block.start), keep) };
        self.carve(all, moved);
        Some(moved)
    }
}
