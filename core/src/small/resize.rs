//! Blocks that change their size where they are, or nearly so.

use super::holes::Beside;
use super::piece::{Need, Piece};
use super::region::Region;

impl Region {
    /// Makes a block so many grains long where it is. False, and nothing done, if what lies behind it
    /// is no hole, or too small a one.
    pub(super) fn resize(&mut self, block: Piece, beside: &Beside, grains: u32) -> bool {
        if grains < block.size {
            let rest = Piece::between(block.start + grains, block.end());
            let beside = self.holes().beside(rest);
            self.free_block(rest, beside);
        } else if grains > block.size {
            let more = grains - block.size;
            match beside.behind {
                Some((slot, hole)) if hole.start == block.end() && hole.size >= more => {
                    self.carve_low(slot, hole, more);
                }
                _ => return false,
            }
        }
        true
    }

    /// Moves a block down into the hole before it, to which the one behind it is added: what is left
    /// to try where no hole is large enough for another block. The first `keep` bytes go along.
    ///
    /// # Safety
    /// They are the block's, and its user gives up the place where it was.
    pub(super) unsafe fn slide(
        &mut self,
        block: Piece,
        beside: &Beside,
        need: Need,
        keep: usize,
    ) -> Option<Piece> {
        let before = beside.before.filter(|(_, hole)| hole.end() == block.start)?;
        let behind = beside.behind.filter(|(_, hole)| hole.start == block.end());
        let end = behind.map_or(block.end(), |(_, hole)| hole.end());
        let start = self.aligned(before.1.start, need.align);
        if start > block.start as usize || start + need.grains as usize > end as usize {
            return None;
        }
        // The second first: its slot may be in the other.
        for (slot, hole) in behind.into_iter().chain([before]) {
            self.holes().remove(slot, hole);
        }
        self.add_free(block.size);
        let moved = Piece { start: start as u32, size: need.grains };
        // SAFETY: both are in what is linked nowhere at this moment, so nothing of it is written to;
        // `carve` writes in front of the new place and behind it.
        unsafe { self.pointer(moved.start).copy_from(self.pointer(block.start), keep) };
        self.carve(Piece::between(before.1.start, end), moved);
        Some(moved)
    }
}
