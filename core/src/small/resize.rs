//! Blocks that change their size where they are, or nearly so.

use super::piece::{GRAIN, Need, Piece};
use super::region::Region;

impl Region {
    /// Makes a block so many grains long where it is. False, and nothing done, if what lies behind
    /// it is no hole, or too small a one.
    pub(super) fn resize(&mut self, block: Piece, grains: u32) -> bool {
        let behind = self.hole_at(block.end());
        let room = block.size + behind.map_or(0, |hole| hole.size);
        if grains > room {
            return false;
        }
        if grains != block.size {
            if let Some(hole) = behind {
                self.bins().remove(hole);
            }
            self.map().set(block.start, block.end());
            self.add_free(block.size);
            let all = Piece { start: block.start, size: room };
            self.carve(all, Piece { start: block.start, size: grains });
        }
        true
    }

    /// Moves a block down into the hole before it, for which the one behind it is used as well: what
    /// is left where no hole is large enough for a second block. The first `keep` bytes go along.
    ///
    /// # Safety
    /// They are the block's, and its user gives up the place where it was.
    pub(super) unsafe fn slide(&mut self, block: Piece, need: Need, keep: usize) -> Option<Piece> {
        let before = self.hole_before(block.start)?;
        let start = self.aligned(before.start, need.align);
        let end = self.hole_at(block.end()).map_or(block.end(), Piece::end);
        if start > block.start as usize || start + need.grains as usize > end as usize {
            return None;
        }
        let all = self.join(block);
        let moved = Piece { start: start as u32, size: need.grains };
        debug_assert!(keep <= need.grains as usize * GRAIN);
        // SAFETY: both are in what is a hole in no list at this moment. Links are written into it by
        // `carve`, in front of the new place and behind it.
        unsafe { self.pointer(moved.start).copy_from(self.pointer(block.start), keep) };
        self.carve(all, moved);
        Some(moved)
    }
}
