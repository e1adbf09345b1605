//! hakmem's heaps for kernels.

use hakmem_core::{Embedded, Hosted, LockedHeap};

use crate::kernel::contender::Contender;

/// The profile for some MiB and more, behind one lock.
pub(super) type LockedHosted = LockedHeap<Hosted>;
/// The profile for little memory, behind one lock.
pub(super) type LockedEmbedded = LockedHeap<Embedded>;

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
