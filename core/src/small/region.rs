//! One region: its book, and how a piece of it is found.
//!
//! ```text
//! start                                                              start + 8 * grains
//!   | head | lists of holes | map |  block  | hole |  block  |  ...  |
//!   +----------- book ------------+
//! ```
//! The book is a block that is never freed, so no look at a neighbour ends before the region.

use super::bins::{Bins, Sizes};
use super::map::Map;
use super::piece::{GRAIN, LEAST, MOST, Piece};
use crate::misuse::MisuseKind;
use crate::region::RegionError;
use core::ptr::NonNull;

/// What stands at a region's start.
struct Head {
    next: Option<Region>,
    /// Grains of the region, the book's included.
    grains: u32,
    /// Grains of all holes.
    free: u32,
    /// Grains of the book.
    book: u32,
    /// Where the map begins, in bytes from the head.
    map: u16,
    sizes: Sizes,
    /// Words of 32 lists.
    masks: u8,
}

/// How a region of so many grains is laid out.
struct Plan {
    sizes: Sizes,
    lists: u32,
    /// Bytes before the map.
    map: usize,
    /// Grains of the book.
    book: usize,
}

impl Plan {
    const fn of(grains: usize) -> Self {
        let sizes = Sizes::of(grains);
        let lists = sizes.lists(grains);
        let map = (size_of::<Head>() + Bins::bytes(lists)).next_multiple_of(size_of::<usize>());
        let book = (map + Map::bytes(grains)).div_ceil(GRAIN);
        Self { sizes, lists, map, book }
    }

    /// Grains of the smallest region: its book, and the smallest block.
    const LEAST: usize = {
        let mut grains = LEAST as usize;
        while grains < Self::of(grains).book + LEAST as usize {
            grains += 1;
        }
        grains
    };
}

/// Memory that may become a region: what of it is whole grains.
pub(super) struct Memory {
    start: NonNull<u8>,
    grains: u32,
}

impl Memory {
    pub(super) fn of(start: *mut u8, size: usize) -> Result<Self, RegionError> {
        let start = NonNull::new(start).ok_or(RegionError::Null)?;
        let trim = start.addr().get().wrapping_neg() % GRAIN;
        if size > MOST as usize * GRAIN || start.addr().checked_add(size).is_none() {
            return Err(RegionError::TooLarge);
        }
        let grains = size.saturating_sub(trim) / GRAIN;
        if grains < Plan::LEAST {
            return Err(RegionError::TooSmall { least: trim + Plan::LEAST * GRAIN });
        }
        // SAFETY: no more than `size`, which does not wrap around.
        Ok(Self { start: unsafe { start.add(trim) }, grains: grains as u32 })
    }
}

/// A region, by its head.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(super) struct Region(NonNull<Head>);

impl Region {
    /// Makes memory a region that is one hole.
    ///
    /// # Safety
    /// The memory is there, and nobody else's from now on.
    pub(super) unsafe fn create(memory: Memory) -> Self {
        let Memory { start, grains } = memory;
        let Plan { sizes, lists, map, book } = Plan::of(grains as usize);
        let mut region = Self(start.cast());
        let head = Head {
            next: None,
            grains,
            free: 0,
            book: book as u32,
            map: map as u16,
            sizes,
            masks: lists.div_ceil(32) as u8,
        };
        // SAFETY: the caller's memory. A grain is as aligned as a head, and the book fits.
        unsafe {
            start.write_bytes(0, book * GRAIN);
            region.0.write(head);
        }
        let all = Piece { start: book as u32, size: grains - book as u32 };
        region.map().set(all.start - 1, all.end());
        region.bins().insert(all);
        region.add_free(all.size);
        region
    }

    #[inline(always)]
    fn head(&self) -> &Head {
        // SAFETY: a head stands as long as the heap does, and changes through `head_mut` alone.
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
    pub(super) fn map(self) -> Map {
        // SAFETY: where `create` put it; pieces end within the region.
        unsafe { Map::at(self.base().add(self.head().map as usize).cast()) }
    }

    #[inline(always)]
    pub(super) fn bins(self) -> Bins {
        let head = self.head();
        // SAFETY: where `create` put them.
        unsafe { Bins::at(self.base(), head.sizes, head.masks as u32, self.0.add(1).as_ptr().cast()) }
    }

    #[inline(always)]
    pub(super) fn next(self) -> Option<Self> {
        self.head().next
    }

    pub(super) fn append(&mut self, next: Self) {
        self.head_mut().next = Some(next);
    }

    /// Grains of all holes.
    #[inline(always)]
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

    /// The whole region, in bytes from its start.
    pub(super) fn bytes(self) -> usize {
        self.head().grains as usize * GRAIN
    }

    /// Bytes of the book.
    pub(super) fn book_bytes(self) -> usize {
        self.head().book as usize * GRAIN
    }

    /// Whether the memory is, or is partly, this region's.
    pub(super) fn refuse(self, memory: &Memory) -> Result<(), RegionError> {
        let (start, size) = (self.base().addr(), self.bytes());
        let (other, other_size) = (memory.start.addr().get(), memory.grains as usize * GRAIN);
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
        unsafe { self.base().add(grain as usize * GRAIN) }
    }

    /// The grain at `start` or behind it that begins at a multiple of `align`.
    #[inline(always)]
    pub(super) fn aligned(self, start: u32, align: usize) -> usize {
        let address = self.base().addr() + start as usize * GRAIN;
        start as usize + (address.wrapping_neg() & (align - 1)) / GRAIN
    }

    #[inline(always)]
    pub(super) fn holds(self, address: usize) -> bool {
        address.wrapping_sub(self.base().addr()) < self.bytes()
    }

    /// The block at an address of this region, or what is wrong with it.
    #[inline(always)]
    pub(super) fn block_at(self, address: usize) -> Result<Piece, MisuseKind> {
        let offset = address - self.base().addr();
        let (start, map) = ((offset / GRAIN) as u32, self.map());
        if start < self.head().book {
            return Err(MisuseKind::NotOurs);
        }
        if offset % GRAIN != 0 || map.get(start) || !map.get(start - 1) {
            return Err(self.mistake_at(start));
        }
        Ok(Piece { start, size: map.next_set(start) + 1 - start })
    }

    /// What is wrong with a grain at which no block begins: it is in a hole, or in a block.
    #[cold]
    fn mistake_at(self, grain: u32) -> MisuseKind {
        let map = self.map();
        if map.get(grain) && map.get(grain - 1) {
            MisuseKind::DoubleFree
        } else {
            MisuseKind::Interior
        }
    }

    /// The hole that ends before `grain`.
    #[inline(always)]
    pub(super) fn hole_before(self, grain: u32) -> Option<Piece> {
        let map = self.map();
        if !(map.get(grain - 1) && map.get(grain - 2)) {
            return None;
        }
        let size = if map.get(grain - 3) { self.bins().size_before(grain) } else { 1 };
        Some(Piece { start: grain - size, size })
    }

    /// The hole that begins at `grain`.
    #[inline(always)]
    pub(super) fn hole_at(self, grain: u32) -> Option<Piece> {
        let map = self.map();
        if !map.get(grain) {
            return None;
        }
        let size = if map.get(grain + 1) { self.bins().size(grain) } else { 1 };
        Some(Piece { start: grain, size })
    }
}
