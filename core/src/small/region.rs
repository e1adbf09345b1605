//! One region: its head, and where things are in it.
//!
//! ```text
//! start                                              start + 8 * grains
//!   | head |  block  | hole |  block  | block |  ...  |
//! ```
//! The head is all that a region costs. Blocks have none: who frees one says how large it is.

use super::piece::{GRAIN, LARGEST, Piece, bytes, grains};
use super::tree::Tree;
use crate::region::RegionError;
use core::ptr::NonNull;

/// What stands at a region's start.
struct Head {
    next: Option<Region>,
    /// Grains of the region, the head's included.
    grains: u32,
    /// Grains of all holes.
    free: u32,
    /// The largest hole.
    root: u32,
}

/// Grains of a head.
const HEAD: u32 = grains(size_of::<Head>());

/// Bytes of the smallest region.
const LEAST: usize = bytes(HEAD + 1);

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
        // SAFETY: the caller's memory. A grain is as aligned as a head, and one fits.
        unsafe { region.0.write(Head { next: None, grains, free: 0, root: 0 }) };
        let all = Piece::between(HEAD, grains);
        region.tree().insert(all);
        region.add_free(all.size);
        region
    }

    #[inline(always)]
    fn head(&self) -> &Head {
        // SAFETY: a head stands as long as its heap does. It is written to through `head_mut`, and
        // its root through slots, while nobody looks.
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
    pub(super) fn tree(self) -> Tree {
        // SAFETY: the region's own root. Holes are written to while they are holes.
        unsafe {
            let root = NonNull::new_unchecked(&raw mut (*self.0.as_ptr()).root);
            Tree::at(self.0.cast(), root)
        }
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
        Piece::between(HEAD, self.head().grains)
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
