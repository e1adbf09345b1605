//! hakmem's heaps for kernels.

use hakmem_core::{Embedded, Flat, Hosted, LockedHeap, PerCpuHeap, RegionSource};

use crate::kernel::contender::Contender;
use crate::kernel::cpu::{CPUS, ThreadCpu};

/// The profile for some MiB and more, behind one lock.
pub(super) type LockedHosted = LockedHeap<Hosted>;
/// The profile for little memory, behind one lock.
pub(super) type LockedEmbedded = LockedHeap<Embedded>;
/// A cache for each CPU, which here is a thread.
pub(super) type PerCpu = PerCpuHeap<RegionSource, ThreadCpu, Flat<1024>, CPUS>;

impl Contender for LockedHosted {
    const EMPTY: Self = Self::empty();

    unsafe fn give(&self, start: *mut u8, size: usize) -> Result<(), String> {
        // SAFETY: the caller's promise.
        unsafe { self.init(start, size) }.map_err(|error| error.to_string())
    }
}

impl Contender for LockedEmbedded {
    const EMPTY: Self = Self::empty();

    unsafe fn give(&self, start: *mut u8, size: usize) -> Result<(), String> {
        // SAFETY: the caller's promise.
        unsafe { self.init(start, size) }.map_err(|error| error.to_string())
    }
}

impl Contender for PerCpu {
    const EMPTY: Self = Self::new(RegionSource::new());

    unsafe fn give(&self, start: *mut u8, size: usize) -> Result<(), String> {
        // SAFETY: the caller's promise.
        unsafe { self.init(start, size) }.map_err(|error| error.to_string())
    }
}
