//! The other crates, as their own pages say to use them, behind the locks that they bring; rlsf
//! brings none, and has the one that talc's page names.

use core::alloc::{GlobalAlloc, Layout};
use core::ptr::{NonNull, null_mut};

use rlsf::Tlsf;
use rlsf::int::BinInteger;
use spinning_top::{RawSpinlock, Spinlock};
use talc::TalcLock;
use talc::source::Manual;

use crate::kernel::contender::{Contender, TOO_SMALL};

/// linked_list_allocator behind its own spin lock.
pub(super) type LinkedList = linked_list_allocator::LockedHeap;

impl Contender for LinkedList {
    const EMPTY: Self = Self::empty();

    unsafe fn give(&self, start: *mut u8, size: usize) -> Result<(), String> {
        // SAFETY: the caller's promise, and the heap is empty.
        unsafe { self.lock().init(start, size) };
        Ok(())
    }
}

/// talc behind its own lock, with the raw lock that its page names.
pub(super) type Talc = TalcLock<RawSpinlock, Manual>;

impl Contender for Talc {
    const EMPTY: Self = Self::new(Manual);

    unsafe fn give(&self, start: *mut u8, size: usize) -> Result<(), String> {
        // SAFETY: the caller's promise.
        let end = unsafe { self.lock().claim(start, size) };
        end.map(drop).ok_or_else(|| TOO_SMALL.to_owned())
    }
}

/// buddy_system_allocator behind its own spin lock, of the order that its page names.
pub(super) type Buddy = buddy_system_allocator::LockedHeap<32>;

impl Contender for Buddy {
    const EMPTY: Self = Self::new();

    unsafe fn give(&self, start: *mut u8, size: usize) -> Result<(), String> {
        // SAFETY: the caller's promise.
        unsafe { self.lock().init(start.expose_provenance(), size) };
        Ok(())
    }
}

/// rlsf behind a spin lock, with as many lists to a power of two as on its page.
pub(super) struct Rlsf<Bits: BinInteger, const LEVELS: usize>(
    Spinlock<Tlsf<'static, Bits, u16, LEVELS, 16>>,
);

impl<Bits: BinInteger, const LEVELS: usize> Contender for Rlsf<Bits, LEVELS> {
    const EMPTY: Self = Self(Spinlock::new(Tlsf::new()));

    unsafe fn give(&self, start: *mut u8, size: usize) -> Result<(), String> {
        let region = NonNull::new(start).map(|start| NonNull::slice_from_raw_parts(start, size));
        // SAFETY: the caller's promise.
        let taken =
            region.and_then(|region| unsafe { self.0.lock().insert_free_block_ptr(region) });
        taken.map(drop).ok_or_else(|| TOO_SMALL.to_owned())
    }
}

// SAFETY: rlsf's blocks are as they were asked for, and the lock lets one in at a time.
unsafe impl<Bits: BinInteger, const LEVELS: usize> GlobalAlloc for Rlsf<Bits, LEVELS> {
    unsafe fn alloc(&self, layout: Layout) -> *mut u8 {
        self.0.lock().allocate(layout).map_or(null_mut(), NonNull::as_ptr)
    }

    unsafe fn dealloc(&self, start: *mut u8, layout: Layout) {
        // SAFETY: the caller's block, which is not null.
        unsafe { self.0.lock().deallocate(NonNull::new_unchecked(start), layout.align()) };
    }

    unsafe fn realloc(&self, start: *mut u8, layout: Layout, size: usize) -> *mut u8 {
        // SAFETY: the caller's block, which is not null, and his promise on the size.
        let block = unsafe {
            let layout = Layout::from_size_align_unchecked(size, layout.align());
            self.0.lock().reallocate(NonNull::new_unchecked(start), layout)
        };
        block.map_or(null_mut(), NonNull::as_ptr)
    }
}
