//! hakmem's heaps for kernels.

use core::alloc::{GlobalAlloc, Layout};

use hakmem_core::{Embedded, Flat, Hosted, LockedHeap, PerCpuHeap, RegionError, RegionSource};

use crate::kernel::contender::{Contender, TOO_SMALL};
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
        taken(unsafe { self.init(start, size) })?;
        serves(self)
    }
}

impl Contender for LockedEmbedded {
    const EMPTY: Self = Self::empty();

    unsafe fn give(&self, start: *mut u8, size: usize) -> Result<(), String> {
        // SAFETY: the caller's promise.
        taken(unsafe { self.init(start, size) })
    }
}

impl Contender for PerCpu {
    const EMPTY: Self = Self::new(RegionSource::new());

    unsafe fn give(&self, start: *mut u8, size: usize) -> Result<(), String> {
        // SAFETY: the caller's promise.
        taken(unsafe { self.init(start, size) })?;
        serves(self)
    }
}

fn taken(result: Result<(), RegionError>) -> Result<(), String> {
    result.map_err(|error| error.to_string())
}

/// Whether a heap has a single block to give: a superslab may need all of the region, or more.
fn serves(heap: &impl GlobalAlloc) -> Result<(), String> {
    let layout = Layout::new::<u64>();
    // SAFETY: the size is not 0, and the block is freed with its layout.
    unsafe {
        let block = heap.alloc(layout);
        if block.is_null() {
            return Err(TOO_SMALL.to_owned());
        }
        heap.dealloc(block, layout);
    }
    Ok(())
}
