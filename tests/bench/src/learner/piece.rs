//! One block: of larger ones, the beginning and a word in every page are written, so that all of it
//! is resident and yet the allocator is what takes the time.

use crate::alloc::Alloc;

/// Bytes at the beginning that are written.
const WRITTEN: usize = 256;
/// Distance of the bytes that are written behind them: a page.
const STEP: usize = 4096;

/// A block and what was asked for.
#[derive(Clone, Copy)]
pub(super) struct Piece {
    start: *mut u8,
    size: u32,
}

// SAFETY: whoever holds it owns the block.
unsafe impl Send for Piece {}

impl Piece {
    /// No block: a place for one.
    pub(super) const NONE: Self = Self { start: core::ptr::null_mut(), size: 0 };

    /// A new block.
    #[inline(always)]
    pub(super) fn new<A: Alloc>(size: u32) -> Self {
        let piece = Self { start: A::alloc(size as usize), size };
        let size = size as usize;
        // SAFETY: the block has `size` bytes, and every place is below that.
        unsafe {
            piece.start.write_bytes(piece.mark(), size.min(WRITTEN));
            for place in (STEP..size).step_by(STEP) {
                piece.start.add(place).write(piece.mark());
            }
        }
        piece
    }

    /// Bytes that were asked for.
    #[inline(always)]
    pub(super) fn size(self) -> usize {
        self.size as usize
    }

    /// Checks the block and gives it back.
    ///
    /// # Safety
    /// The block is live, and nobody uses it any more.
    #[inline(always)]
    pub(super) unsafe fn free<A: Alloc>(self) {
        let last = self.size().min(WRITTEN) - 1;
        // SAFETY: live by the caller's promise, and written up to `last`.
        unsafe {
            let ends = (self.start.read(), self.start.add(last).read());
            assert_eq!(ends, (self.mark(), self.mark()), "a block was overwritten");
            A::free(self.start, self.size());
        }
    }

    /// The byte that is written, which differs between neighbours.
    #[inline(always)]
    fn mark(self) -> u8 {
        (self.size as u8) ^ (self.start.addr() >> 4) as u8
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::alloc::RustGlobal;

    #[test]
    fn every_page_of_a_block_is_written() {
        let piece = Piece::new::<RustGlobal>(3 * STEP as u32 + 1);
        for place in [0, WRITTEN - 1, STEP, 2 * STEP, 3 * STEP] {
            // SAFETY: the block has all of these bytes.
            assert_eq!(unsafe { piece.start.add(place).read() }, piece.mark());
        }
        // SAFETY: live, and freed once.
        unsafe { piece.free::<RustGlobal>() };
    }
}
