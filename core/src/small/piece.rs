//! The measure of a region, and what lies in it.

/// Bytes of a grain: what sizes are rounded to and blocks begin at. The same on all machines, for a
/// hole of one grain holds two links of 32 bits.
pub(super) const GRAIN: usize = 8;

/// Grains of the smallest block, and of the smallest hole in a list.
pub(super) const LEAST: u32 = 2;

/// Grains of the largest region: 8 GiB.
pub(super) const MOST: u32 = 1 << 30;

/// A block or a hole, in grains of its region.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Piece {
    pub(super) start: u32,
    pub(super) size: u32,
}

impl Piece {
    #[inline(always)]
    pub(super) fn end(self) -> u32 {
        self.start + self.size
    }
}

/// What a block needs: grains, and a multiple of bytes to begin at.
#[derive(Clone, Copy)]
pub(super) struct Need {
    pub(super) grains: u32,
    pub(super) align: usize,
}

impl Need {
    /// None where no region could ever serve it.
    #[inline(always)]
    pub(super) fn of(size: usize, align: usize) -> Option<Self> {
        if size > MOST as usize * GRAIN {
            return None;
        }
        Some(Self { grains: (size.div_ceil(GRAIN) as u32).max(LEAST), align })
    }
}
