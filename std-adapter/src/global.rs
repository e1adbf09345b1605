//! The front door: Rust's allocation functions on the heap.
//!
//! Where the compiler knows the layout, which link-time optimisation makes the usual case, the size
//! class and every test of the alignment fold away, and what stays is a pop or a push.

use crate::{HEAP, Hakmem, cache};
use core::alloc::{GlobalAlloc, Layout};
use hakmem_core::Cache;

/// Alignment that every block has.
const NATURAL: usize = 8;

// SAFETY: the heap's blocks are as large and as aligned as asked for, and nobody else's until they
// are freed; no function unwinds. The cache is this thread's own, and none of the heap's functions
// enters it twice.
unsafe impl GlobalAlloc for Hakmem {
    #[inline]
    unsafe fn alloc(&self, layout: Layout) -> *mut u8 {
        if layout.align() <= NATURAL {
            // SAFETY: as above.
            let block = unsafe { HEAP.allocate_hot(&mut *cache(), layout.size()) };
            if block.is_null() { alloc_slow(layout.size()) } else { block }
        } else {
            alloc_aligned(layout.size(), layout.align())
        }
    }

    #[inline]
    unsafe fn dealloc(&self, block: *mut u8, layout: Layout) {
        if layout.align() <= NATURAL {
            // SAFETY: as above; the caller vouches for block and layout, and the heap checks both.
            unsafe { HEAP.deallocate_sized(&mut *settled(cache()), block, layout.size(), 1) };
        } else {
            // SAFETY: the same.
            unsafe { dealloc_aligned(block, layout.size(), layout.align()) };
        }
    }

    #[inline]
    unsafe fn alloc_zeroed(&self, layout: Layout) -> *mut u8 {
        // SAFETY: as in `alloc`.
        let again = || unsafe {
            HEAP.allocate_zeroed_aligned(&mut *cache(), layout.size(), layout.align())
        };
        or_refuse(layout.size(), again)
    }

    #[inline]
    unsafe fn realloc(&self, block: *mut u8, layout: Layout, new_size: usize) -> *mut u8 {
        // SAFETY: as in `dealloc`.
        let moved = unsafe { resize(block, layout, new_size) };
        HEAP.host().attend();
        if moved.is_null() {
            // SAFETY: the same contract; the block stands as it was.
            return unsafe { realloc_refused(block, layout, new_size) };
        }
        moved
    }
}

/// The same address, in a register: the slow ways need it there. The compiler would compute it for
/// them alone, ahead of every branch, and reach the cache by the thread register besides.
#[inline(always)]
fn settled(cache: *mut Cache) -> *mut Cache {
    #[cfg(target_arch = "x86_64")]
    {
        let settled: usize;
        // SAFETY: no instruction at all.
        unsafe {
            core::arch::asm!(
                "/* {cache} */",
                cache = inout(reg) cache.addr() => settled,
                options(pure, nomem, nostack, preserves_flags),
            );
        }
        cache.with_addr(settled)
    }
    #[cfg(not(target_arch = "x86_64"))]
    cache
}

/// Apart, so that the usual case is short.
#[inline(never)]
unsafe fn dealloc_aligned(block: *mut u8, size: usize, align: usize) {
    // SAFETY: the same contract.
    unsafe { HEAP.deallocate_sized(&mut *cache(), block, size, align) };
}

#[inline(always)]
unsafe fn resize(block: *mut u8, layout: Layout, new_size: usize) -> *mut u8 {
    // SAFETY: the same contract.
    unsafe { HEAP.reallocate_sized(&mut *cache(), block, layout.size(), layout.align(), new_size) }
}

/// For want of memory the program is asked; not for a pointer that is no block's.
#[cold]
#[inline(never)]
unsafe fn realloc_refused(block: *mut u8, layout: Layout, new_size: usize) -> *mut u8 {
    if HEAP.usable_size(block).is_none() {
        return core::ptr::null_mut();
    }
    // SAFETY: the same contract.
    HEAP.host().refuse(new_size, || unsafe { resize(block, layout, new_size) })
}

/// What `allocate` gets; before it gets nothing, the program is asked.
#[inline(always)]
fn or_refuse(size: usize, allocate: impl Fn() -> *mut u8) -> *mut u8 {
    let block = allocate();
    HEAP.host().attend();
    if block.is_null() { HEAP.host().refuse(size, allocate) } else { block }
}

/// Finds the cache anew: so the hot path need not keep its address for this call.
#[cold]
#[inline(never)]
fn alloc_slow(size: usize) -> *mut u8 {
    // SAFETY: the cache is this thread's, and no call on it is under way.
    or_refuse(size, || unsafe { HEAP.allocate(&mut *cache(), size) })
}

/// Apart, so that the usual case is short. `align` is a power of two.
#[inline(never)]
fn alloc_aligned(size: usize, align: usize) -> *mut u8 {
    // SAFETY: the cache is this thread's, and no call on it is under way.
    or_refuse(size, || unsafe { HEAP.allocate_aligned(&mut *cache(), size, align) })
}
