//! The `Embedded` profile: the engine for little memory.

use super::profile::{Embedded, Engine, Fresh, Profile, sealed};
use super::stats::KernelStats;
#[cfg(any(test, feature = "validate"))]
use crate::broken::Broken;
use crate::layer::LayerStats;
use crate::misuse::Misuse;
use crate::region::RegionError;
use crate::small::SmallHeap;
use core::ptr::NonNull;

/// What the book of a region may take, beside a part of its bytes: what a hook is asked for is more than
/// the request by as much.
const BOOK: usize = 64;
const BOOK_PART: usize = 256;

impl Profile for Embedded {}

impl sealed::Sealed for Embedded {
    type Engine = SmallHeap;
}

impl Engine for SmallHeap {
    const EMPTY: Self = Self::new();

    unsafe fn add(&mut self, start: *mut u8, size: usize) -> Result<(), RegionError> {
        // SAFETY: the caller's promise.
        unsafe { Self::add(self, start, size) }
    }

    fn is_ready(&self) -> bool {
        self.has_memory()
    }

    #[inline(always)]
    fn allocate(&mut self, size: usize, align: usize, _: bool) -> Option<Fresh> {
        let start = NonNull::new(Self::allocate(self, size, align))?;
        Some(Fresh { start, zeroed: false })
    }

    fn missed(&mut self, size: usize, align: usize) -> Option<(usize, usize)> {
        let book = BOOK + size / BOOK_PART;
        let least = size.checked_add(align)?.checked_add(book)?;
        (least <= isize::MAX as usize).then_some((least, align))
    }

    #[inline(always)]
    unsafe fn deallocate(
        &mut self,
        start: *mut u8,
        size: usize,
        align: usize,
    ) -> Result<(), Misuse> {
        // SAFETY: the caller's promise.
        unsafe { Self::deallocate(self, start, size, align) }
    }

    unsafe fn resize(
        &mut self,
        start: *mut u8,
        size: usize,
        align: usize,
        new: usize,
    ) -> Result<bool, Misuse> {
        // SAFETY: the caller's promise.
        unsafe { self.resize_in_place(start, size, align, new) }
    }

    unsafe fn squeeze(
        &mut self,
        start: *mut u8,
        size: usize,
        align: usize,
        new: usize,
    ) -> Result<*mut u8, Misuse> {
        // SAFETY: the caller's promise.
        unsafe { Self::reallocate(self, start, size, align, new) }
    }

    fn purge(&mut self) -> usize {
        0
    }

    fn stats(&self) -> KernelStats {
        let stats = Self::stats(self);
        let mapped = stats.total - stats.book;
        let blocks = LayerStats { mapped, held: stats.in_use, count: stats.regions };
        let none = ("", LayerStats::default());
        KernelStats {
            total: stats.total,
            in_use: stats.in_use,
            free: stats.free,
            tables: stats.book,
            held: stats.in_use + stats.book,
            peak: stats.peak + stats.book,
            layers: [("blocks", blocks), none, none],
        }
    }

    #[cfg(any(test, feature = "validate"))]
    fn validate(&mut self) -> Result<(), Broken> {
        Self::validate(self)
    }
}
