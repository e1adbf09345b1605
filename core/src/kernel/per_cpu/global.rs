//! The heap as the global allocator: what the lists of the CPU have ready, and behind it, apart, so that
//! the usual way is short, everything else.
//!
//! ```text
//! alloc ..... pop_ready ..... allocate_slow
//! dealloc ... push_ready .... deallocate_slow, or panic
//! realloc ... move_ready .... resize_in_place .... alloc, copy with nobody pinned, dealloc
//! ```

use super::PerCpuHeap;
use crate::kernel::cpu::Cpu;
use crate::kernel::request::{AllocError, FreeError, Request, fail};
use crate::registry::Registry;
use crate::source::PageSource;
use core::alloc::{GlobalAlloc, Layout};
use core::ptr::{NonNull, null_mut};

impl<S: PageSource, C: Cpu, R: Registry, const CPUS: usize> PerCpuHeap<S, C, R, CPUS> {
    #[cold]
    #[inline(never)]
    fn alloc_slow(&self, layout: Layout) -> *mut u8 {
        self.allocate_slow(Request::new(layout)).map_or(null_mut(), NonNull::as_ptr)
    }

    /// # Safety
    /// As for [`GlobalAlloc::dealloc`].
    #[cold]
    #[inline(never)]
    unsafe fn dealloc_slow(&self, block: NonNull<u8>, layout: Layout) {
        // SAFETY: the caller's promise.
        if let Err(error) = unsafe { self.deallocate_slow(block, layout) } {
            fail(&error);
        }
    }

    /// # Safety
    /// As for [`GlobalAlloc::realloc`].
    #[cold]
    #[inline(never)]
    unsafe fn realloc_slow(&self, block: NonNull<u8>, layout: Layout, new_size: usize) -> *mut u8 {
        let ptr = block.as_ptr();
        // SAFETY: the caller's promise.
        match unsafe { self.resize_in_place(block, layout, new_size) } {
            Ok(()) => return ptr,
            Err(AllocError::Misuse(misuse)) => fail(&FreeError::Misuse(misuse)),
            Err(_) => {}
        }
        let Ok(new_layout) = Layout::from_size_align(new_size, layout.align()) else {
            return null_mut();
        };
        // SAFETY: sizes that are asked for are not 0, says the trait; the heap would serve that too.
        let new = unsafe { self.alloc(new_layout) };
        if !new.is_null() {
            // SAFETY: both hold the shorter size, and are distinct; the user gives the old one up.
            unsafe {
                new.copy_from_nonoverlapping(ptr, layout.size().min(new_size));
                self.dealloc(ptr, layout);
            }
        }
        new
    }
}

// SAFETY: blocks are distinct, of the layout's size and alignment, and stay until they are freed; no
// call unwinds.
unsafe impl<S: PageSource, C: Cpu, R: Registry, const CPUS: usize> GlobalAlloc
    for PerCpuHeap<S, C, R, CPUS>
{
    #[inline]
    unsafe fn alloc(&self, layout: Layout) -> *mut u8 {
        let ready = self.pop(layout);
        if ready.is_null() { self.alloc_slow(layout) } else { ready }
    }

    #[inline]
    unsafe fn alloc_zeroed(&self, layout: Layout) -> *mut u8 {
        let block = self.allocate(Request::new(layout).zeroed());
        block.map_or(null_mut(), |block| block.cast().as_ptr())
    }

    #[inline]
    unsafe fn dealloc(&self, ptr: *mut u8, layout: Layout) {
        let Some(block) = NonNull::new(ptr) else { return };
        // SAFETY: the caller's promise.
        unsafe {
            if !self.push(block, layout) {
                self.dealloc_slow(block, layout);
            }
        }
    }

    #[inline]
    unsafe fn realloc(&self, ptr: *mut u8, layout: Layout, new_size: usize) -> *mut u8 {
        let Some(block) = NonNull::new(ptr) else { return null_mut() };
        let (old, align) = (layout.size(), layout.align());
        let moved = self.at_once(null_mut(), |cache| {
            // SAFETY: the caller's promise; the front's caches serve this heap alone.
            unsafe { self.heap.move_ready(cache, block, old, align, new_size) }
        });
        if !moved.is_null() {
            return moved;
        }
        // SAFETY: the caller's promise.
        unsafe { self.realloc_slow(block, layout, new_size) }
    }
}
