//! A heap with a cache for each CPU, over regions of memory.

use super::PerCpuHeap;
use crate::cache::Cache;
use crate::kernel::cpu::Cpu;
use crate::kernel::stats::KernelStats;
use crate::policy::Policy;
use crate::region::{Pages, RegionError, RegionSource};
use crate::registry::Registry;

impl<C: Cpu, R: Registry, const REGIONS: usize, const CPUS: usize>
    PerCpuHeap<RegionSource<REGIONS>, C, R, CPUS>
{
    /// Hands the heap its first region. Any start and size will do: what is not a whole page of 4 KiB is left
    /// alone.
    ///
    /// # Errors
    /// [`Initialised`](RegionError::Initialised), if it has one; and whatever [`add`](Self::add) refuses.
    ///
    /// # Safety
    /// As for [`add`](Self::add).
    pub unsafe fn init(&self, start: *mut u8, size: usize) -> Result<(), RegionError> {
        let _pinned = C::pin();
        if self.source().stats().regions > 0 {
            return Err(RegionError::Initialised);
        }
        // SAFETY: the caller's promise.
        unsafe { self.add(start, size) }
    }

    /// Hands the heap one more region, or the first one.
    ///
    /// # Errors
    /// A null pointer; a region without a whole page, past the end of addresses or out of the registry's
    /// window; one that overlaps another or was given before; one more than there are places. Nothing has
    /// changed then.
    ///
    /// # Safety
    /// The region is readable and writable memory that nobody else uses, for good.
    pub unsafe fn add(&self, start: *mut u8, size: usize) -> Result<(), RegionError> {
        let _pinned = C::pin();
        let pages = Pages::of(start, size)?;
        if !self.heap.registry.admits(pages.first(), pages.size) {
            return Err(RegionError::Outside);
        }
        self.heap.set_policy(&Policy::SPARING);
        // SAFETY: the caller's promise.
        unsafe { self.source().add(start, size) }
    }

    /// The heap in numbers, for a console. What lies in the caches of other CPUs counts as in use.
    pub fn stats(&self) -> KernelStats {
        let pinned = C::pin();
        let (stats, total) = (self.heap.stats(), self.source().stats().total);
        let cached = |cache: &mut Cache| self.heap.cached(cache);
        // SAFETY: the caller is pinned to this CPU.
        let cached = unsafe { self.with_cache(C::id(&pinned), cached) };
        KernelStats::hosted(&stats, total, cached.unwrap_or((0, 0)))
    }
}
