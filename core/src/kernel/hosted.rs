//! The `Hosted` profile: a heap and one cache over regions.

use super::host::KernelHost;
use super::profile::{Engine, Fresh, Hosted, Profile, sealed};
use super::stats::KernelStats;
#[cfg(any(test, feature = "validate"))]
use crate::broken::Broken;
use crate::cache::Cache;
use crate::class::LARGEST;
use crate::heap::Heap;
use crate::misuse::Misuse;
use crate::policy::Policy;
use crate::region::{Pages, RegionError, RegionSource};
use crate::registry::Flat;
use crate::registry::sealed::Sealed as _;
use crate::source::PageSource;
use core::ptr::{NonNull, null_mut};

impl<const SLOTS: usize> Profile for Hosted<SLOTS> {}

impl<const SLOTS: usize> sealed::Sealed for Hosted<SLOTS> {
    type Engine = Slabs<SLOTS>;
}

/// A heap with the one cache that serves all.
pub struct Slabs<const SLOTS: usize> {
    heap: Heap<KernelHost<RegionSource>, Flat<SLOTS>>,
    cache: Cache,
}

impl<const SLOTS: usize> Slabs<SLOTS> {
    fn source(&self) -> &RegionSource {
        self.heap.host().source()
    }

    #[cold]
    #[inline(never)]
    fn allocate_slow(&mut self, size: usize, align: usize, zeroed: bool) -> *mut u8 {
        let Self { heap, cache } = self;
        if zeroed {
            // SAFETY: the cache is this heap's.
            unsafe { heap.allocate_zeroed_aligned(cache, size, align) }
        } else {
            // SAFETY: as above.
            unsafe { heap.allocate_aligned(cache, size, align) }
        }
    }

    /// # Safety
    /// As for [`Engine::deallocate`].
    #[cold]
    #[inline(never)]
    unsafe fn deallocate_slow(
        &mut self,
        start: *mut u8,
        size: usize,
        align: usize,
    ) -> Result<(), Misuse> {
        // SAFETY: the caller's promise; the cache is this heap's.
        unsafe { self.heap.deallocate_sized(&mut self.cache, start, size, align) };
        self.verdict()
    }

    /// What the heap wrote down of the call that was just made.
    fn verdict(&self) -> Result<(), Misuse> {
        match self.heap.host().take_misuse(0) {
            None => Ok(()),
            Some(misuse) => Err(misuse),
        }
    }
}

impl<const SLOTS: usize> Engine for Slabs<SLOTS> {
    const EMPTY: Self = Self {
        heap: Heap::with_registry(KernelHost::new(RegionSource::new()), Flat::new()),
        cache: Cache::new(),
    };

    unsafe fn add(&mut self, start: *mut u8, size: usize) -> Result<(), RegionError> {
        let pages = Pages::of(start, size)?;
        if !self.heap.registry.admits(pages.first(), pages.size) {
            return Err(RegionError::Outside);
        }
        // What is free is backed by memory whatever becomes of it; and a kernel suffers most from a long
        // call.
        self.heap.set_release(false);
        self.heap.set_growth(false);
        self.heap.set_policy(&Policy::SPARING);
        // SAFETY: the caller's promise.
        unsafe { self.source().add(start, size) }
    }

    fn is_ready(&self) -> bool {
        self.source().is_ready()
    }

    #[inline(always)]
    fn allocate(&mut self, size: usize, align: usize, zeroed: bool) -> Option<Fresh> {
        let Self { heap, cache } = self;
        // A block of a class is cleared as well by the caller, when others may go on.
        let zeroed = zeroed && size > LARGEST;
        // SAFETY: the cache is this heap's.
        let ready = unsafe { heap.pop_ready(cache, size, align) };
        let start = if ready.is_null() { self.allocate_slow(size, align, zeroed) } else { ready };
        NonNull::new(start).map(|start| Fresh { start, zeroed })
    }

    fn missed(&mut self, _: usize, _: usize) -> Option<(usize, usize)> {
        self.source().take_missed()
    }

    #[inline(always)]
    unsafe fn deallocate(
        &mut self,
        start: *mut u8,
        size: usize,
        align: usize,
    ) -> Result<(), Misuse> {
        let Self { heap, cache } = self;
        // SAFETY: the caller's promise; the cache is this heap's.
        let push = |start| unsafe { heap.push_ready(cache, start, size, align) };
        // An earlier call may have found something wrong, and had nobody to tell.
        if !heap.host().has_noted(0) && NonNull::new(start).is_some_and(push) {
            return Ok(());
        }
        // SAFETY: the caller's promise.
        unsafe { self.deallocate_slow(start, size, align) }
    }

    #[inline(always)]
    unsafe fn move_ready(
        &mut self,
        start: *mut u8,
        size: usize,
        align: usize,
        new: usize,
    ) -> *mut u8 {
        let Self { heap, cache } = self;
        // As in `deallocate`.
        let start = NonNull::new(start).filter(|_| !heap.host().has_noted(0));
        let Some(start) = start else { return null_mut() };
        // SAFETY: the caller's promise; the cache is this heap's.
        unsafe { heap.move_ready(cache, start, size, align, new) }
    }

    unsafe fn resize(
        &mut self,
        start: *mut u8,
        size: usize,
        align: usize,
        new: usize,
    ) -> Result<bool, Misuse> {
        // SAFETY: the caller's promise.
        let done = unsafe { self.heap.resize_in_place(start, size, align, new) };
        // What was noted may be an earlier call's: a block that was resized is answered as one.
        if done { Ok(true) } else { self.verdict().map(|()| false) }
    }

    /// A region's pages cannot be lengthened.
    unsafe fn squeeze(
        &mut self,
        _: *mut u8,
        _: usize,
        _: usize,
        _: usize,
    ) -> Result<*mut u8, Misuse> {
        Ok(null_mut())
    }

    fn purge(&mut self) -> usize {
        let before = self.source().stats().free;
        self.heap.purge(&mut self.cache);
        self.source().stats().free.saturating_sub(before)
    }

    fn stats(&self) -> KernelStats {
        let total = self.source().stats().total;
        KernelStats::hosted(&self.heap.stats(), total, self.heap.cached(&self.cache))
    }

    #[cfg(any(test, feature = "validate"))]
    fn validate(&mut self) -> Result<(), Broken> {
        self.heap.validate().map(|_| ())
    }
}
