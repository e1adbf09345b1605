//! The measure of a region, and what lies in it.

/// Bytes of a grain: what sizes are rounded to and blocks begin at. The same on all machines: a
/// hole of one grain holds two words of 32 bits.
pub(super) const GRAIN: usize = 8;

/// Bytes of the largest region: so that the sum of two numbers of grains is one.
pub(super) const LARGEST: usize =
    if usize::BITS > 32 { (1 << 30) * GRAIN } else { isize::MAX as usize };

/// Grains that hold so many bytes, [`LARGEST`] at most. A block has one of them at least.
#[inline(always)]
pub(super) const fn grains(bytes: usize) -> u32 {
    let grains = bytes.div_ceil(GRAIN) as u32;
    if grains == 0 { 1 } else { grains }
}

/// Bytes of so many grains.
#[inline(always)]
pub(super) const fn bytes(grains: u32) -> usize {
    grains as usize * GRAIN
}

/// A block or a hole, in grains of its region.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Piece {
    pub(super) start: u32,
    pub(super) size: u32,
}

impl Piece {
    /// From `start` up to `end`.
    #[inline(always)]
    pub(super) fn between(start: u32, end: u32) -> Self {
        Self { start, size: end - start }
    }

    #[inline(always)]
    pub(super) fn end(self) -> u32 {
        self.start + self.size
    }
}

/// What a block needs.
#[derive(Clone, Copy)]
pub(super) struct Need {
    pub(super) grains: u32,
    /// A multiple of bytes to begin at.
    pub(super) align: usize,
}

impl Need {
    /// None where no region could ever serve it, or `align` is no power of two.
    #[inline(always)]
    pub(super) fn of(size: usize, align: usize) -> Option<Self> {
        (size <= LARGEST && align.is_power_of_two()).then(|| Self { grains: grains(size), align })
    }
}
