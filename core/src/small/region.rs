//! One region: its head, and where things are in it.
//!
//! ```text
//! start                                              start + 8 * grains
//!   | head | table of holes |  block  | hole |  block  | block |  ...  |
//! ```
//! Grain 0 is the head's: as a link it is none.

use super::holes::{Cut, Holes};
use super::piece::{GRAIN, LARGEST, Piece, bytes, grains};
use crate::region::RegionError;
use core::ptr::NonNull;

/// What stands at a region's start.
struct Head {
    next: Option<Region>,
    /// Grains of the region, the head's included.
    grains: u32,
    /// Grains of all holes.
    free: u32,
    cut: Cut,
}

impl Head {
    /// Grains of a head, and of the table of a region that is so cut.
    #[inline(always)]
    const fn grains(cut: Cut) -> u32 {
        grains(size_of::<Self>() + cut.table_bytes())
    }
}

/// Bytes of the smallest region.
const LEAST: usize = bytes(Head::grains(Cut::of(0)) + 1);

/// Memory that may become a region, trimmed to grains.
pub(super) struct Memory {
    start: NonNull<u8>,
    grains: u32,
}

impl Memory {
    pub(super) fn of(start: *mut u8, size: usize) -> Result<Self, RegionError> {
        let start = NonNull::new(start).ok_or(RegionError::Null)?;
        let trim = start.addr().get().wrapping_neg() % GRAIN;
        if size > LARGEST || start.addr().checked_add(size).is_none() {
            return Err(RegionError::TooLarge);
        }
        if size < trim + LEAST {
            return Err(RegionError::TooSmall { least: trim + LEAST });
        }
        // SAFETY: no more than `size`, which does not wrap around.
        Ok(Self { start: unsafe { start.add(trim) }, grains: ((size - trim) / GRAIN) as u32 })
    }
}

/// A region, by its head.
#[derive(Clone, Copy)]
pub(super) struct Region(NonNull<Head>);

impl Region {
    /// Makes memory a region that is one hole.
    ///
    /// # Safety
    /// The memory is there, and nobody else's from now on.
    pub(super) unsafe fn create(memory: Memory) -> Self {
        let Memory { start, grains } = memory;
        let mut region = Self(start.cast());
        let cut = Cut::of(grains);
        // SAFETY: the caller's memory. A grain is as aligned as a head, and what stands there fits: the
        // table is at most of one entry for each 4 KiB.
        unsafe {
            start.write_bytes(0, bytes(Head::grains(cut)));
            region.0.write(Head { next: None, grains, free: 0, cut });
        }
        let all = region.room();
        region.holes().insert(all);
        region.add_free(all.size);
        region
    }

    #[inline(always)]
    fn head(&self) -> &Head {
        // SAFETY: a head stands as long as its heap does. It is written to through `head_mut`
        // alone.
        unsafe { self.0.as_ref() }
    }

    #[inline(always)]
    fn head_mut(&mut self) -> &mut Head {
        // SAFETY: as in `head`.
        unsafe { self.0.as_mut() }
    }

    #[inline(always)]
    fn base(self) -> *mut u8 {
        self.0.as_ptr().cast()
    }

    #[inline(always)]
    pub(super) fn holes(self) -> Holes {
        // SAFETY: the table stands behind the head. Holes are written to while they are holes.
        unsafe { Holes::at(self.0.cast(), self.0.add(1).cast(), self.head().cut) }
    }

    #[inline(always)]
    pub(super) fn next(self) -> Option<Self> {
        self.head().next
    }

    pub(super) fn append(&mut self, next: Self) {
        self.head_mut().next = Some(next);
    }

    /// Grains of all holes.
    pub(super) fn free(self) -> u32 {
        self.head().free
    }

    #[inline(always)]
    pub(super) fn add_free(&mut self, grains: u32) {
        self.head_mut().free += grains;
    }

    #[inline(always)]
    pub(super) fn take_free(&mut self, grains: u32) {
        self.head_mut().free -= grains;
    }

    /// The whole region: where it starts, and its bytes.
    pub(super) fn extent(self) -> (usize, usize) {
        (self.base().addr(), bytes(self.head().grains))
    }

    /// All that can be blocks and holes.
    #[inline(always)]
    pub(super) fn room(self) -> Piece {
        let head = self.head();
        Piece::between(Head::grains(head.cut), head.grains)
    }

    /// An error if the memory is, or is partly, this region's.
    pub(super) fn refuse(self, memory: &Memory) -> Result<(), RegionError> {
        let (start, size) = self.extent();
        let (other, other_size) = (memory.start.addr().get(), bytes(memory.grains));
        if (start, size) == (other, other_size) {
            return Err(RegionError::GivenTwice);
        }
        if start < other + other_size && other < start + size {
            return Err(RegionError::Overlaps { start, size });
        }
        Ok(())
    }

    /// Where a grain begins.
    #[inline(always)]
    pub(super) fn pointer(self, grain: u32) -> *mut u8 {
        // SAFETY: a grain of the region.
        unsafe { self.base().add(bytes(grain)) }
    }

    /// The grain at `start` or behind it that begins at a multiple of `align`; it may lie anywhere.
    #[inline(always)]
    pub(super) fn aligned(self, start: u32, align: usize) -> usize {
        let address = self.pointer(start).addr();
        start as usize + (address.wrapping_neg() & (align - 1)) / GRAIN
    }

    /// Bytes from the region's start to an address, if that lies in it.
    #[inline(always)]
    pub(super) fn offset(self, address: usize) -> Option<usize> {
        let offset = address.wrapping_sub(self.base().addr());
        (offset < bytes(self.head().grains)).then_some(offset)
    }
}
