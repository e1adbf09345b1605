//! The same heap for collections that take an allocator (`allocator-api2`).

use crate::Hakmem;
use allocator_api2::alloc::{AllocError, Allocator};
use core::alloc::{GlobalAlloc, Layout};
use core::ptr::NonNull;

fn slice(start: *mut u8, size: usize) -> Result<NonNull<[u8]>, AllocError> {
    let start = NonNull::new(start).ok_or(AllocError)?;
    Ok(NonNull::slice_from_raw_parts(start, size))
}

/// What stands for a block of no bytes: an address as aligned as the layout asks.
fn empty(layout: Layout) -> *mut u8 {
    core::ptr::without_provenance_mut(layout.align())
}

// SAFETY: blocks come from one heap for all values, so they outlive each of them and may be freed
// through any; size and alignment are as for the global allocator. Empty blocks are no blocks.
unsafe impl Allocator for Hakmem {
    #[inline]
    fn allocate(&self, layout: Layout) -> Result<NonNull<[u8]>, AllocError> {
        if layout.size() == 0 {
            return slice(empty(layout), 0);
        }
        // SAFETY: the size is not zero.
        slice(unsafe { self.alloc(layout) }, layout.size())
    }

    #[inline]
    fn allocate_zeroed(&self, layout: Layout) -> Result<NonNull<[u8]>, AllocError> {
        if layout.size() == 0 {
            return slice(empty(layout), 0);
        }
        // SAFETY: the size is not zero.
        slice(unsafe { self.alloc_zeroed(layout) }, layout.size())
    }

    #[inline]
    unsafe fn deallocate(&self, block: NonNull<u8>, layout: Layout) {
        if layout.size() != 0 {
            // SAFETY: by the caller's word, and the size is not zero.
            unsafe { self.dealloc(block.as_ptr(), layout) };
        }
    }

    #[inline]
    unsafe fn grow(
        &self,
        block: NonNull<u8>,
        old: Layout,
        new: Layout,
    ) -> Result<NonNull<[u8]>, AllocError> {
        // SAFETY: the same contract.
        unsafe { self.resize(block, old, new) }
    }

    #[inline]
    unsafe fn grow_zeroed(
        &self,
        block: NonNull<u8>,
        old: Layout,
        new: Layout,
    ) -> Result<NonNull<[u8]>, AllocError> {
        // SAFETY: the same contract.
        let grown = unsafe { self.resize(block, old, new) }?;
        // SAFETY: the new block has `new.size()` bytes, not fewer than the old one.
        unsafe {
            let fresh = grown.cast::<u8>().add(old.size());
            fresh.write_bytes(0, new.size() - old.size());
        }
        Ok(grown)
    }

    #[inline]
    unsafe fn shrink(
        &self,
        block: NonNull<u8>,
        old: Layout,
        new: Layout,
    ) -> Result<NonNull<[u8]>, AllocError> {
        // SAFETY: the same contract.
        unsafe { self.resize(block, old, new) }
    }
}

impl Hakmem {
    /// # Safety
    /// As for [`Allocator::grow`] and [`Allocator::shrink`].
    unsafe fn resize(
        &self,
        block: NonNull<u8>,
        old: Layout,
        new: Layout,
    ) -> Result<NonNull<[u8]>, AllocError> {
        if old.size() != 0 && new.size() != 0 && old.align() == new.align() {
            // SAFETY: the caller's block, both sizes not zero, the new one within a `Layout`'s bounds.
            let moved = unsafe { self.realloc(block.as_ptr(), old, new.size()) };
            return slice(moved, new.size());
        }
        let moved = self.allocate(new)?;
        let common = old.size().min(new.size());
        // SAFETY: two blocks of at least that many bytes each, and the old one is given up.
        unsafe {
            moved.cast::<u8>().copy_from_nonoverlapping(block, common);
            self.deallocate(block, old);
        }
        Ok(moved)
    }
}
