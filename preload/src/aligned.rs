//! Blocks at a stated alignment. What is no power of two is refused with `EINVAL`.

use crate::limits::or_refuse;
use crate::malloc::{no_memory, or_errno};
use crate::thread::cache;
use crate::{HEAP, libc};
use core::ffi::{c_int, c_void};

/// Null: there is no memory. `align` is a power of two.
#[inline(always)]
fn allocate(align: usize, size: usize) -> *mut u8 {
    // SAFETY: the cache is this thread's, and no other call on it is under way.
    or_refuse(size, || unsafe { HEAP.allocate_aligned(&mut *cache(), size, align) })
}

#[inline]
fn allocate_or_errno(align: usize, size: usize) -> *mut c_void {
    if !align.is_power_of_two() {
        libc::set_errno(libc::EINVAL);
        return core::ptr::null_mut();
    }
    or_errno(allocate(align, size))
}

/// Leaves `*out` alone where it fails, and `errno` always.
#[unsafe(no_mangle)]
unsafe extern "C" fn posix_memalign(out: *mut *mut c_void, align: usize, size: usize) -> c_int {
    if !align.is_power_of_two() || align < size_of::<*mut c_void>() {
        return libc::EINVAL;
    }
    let block = allocate(align, size);
    if block.is_null() {
        return libc::ENOMEM;
    }
    // SAFETY: the caller's place for the answer.
    unsafe { out.write(block.cast()) };
    0
}

/// C23: the size need not be a multiple of the alignment.
#[unsafe(no_mangle)]
extern "C" fn aligned_alloc(align: usize, size: usize) -> *mut c_void {
    allocate_or_errno(align, size)
}

#[unsafe(no_mangle)]
extern "C" fn memalign(align: usize, size: usize) -> *mut c_void {
    allocate_or_errno(align, size)
}

#[unsafe(no_mangle)]
extern "C" fn valloc(size: usize) -> *mut c_void {
    or_errno(allocate(HEAP.host().page_size(), size))
}

/// Whole pages, one at least.
#[unsafe(no_mangle)]
extern "C" fn pvalloc(size: usize) -> *mut c_void {
    let page = HEAP.host().page_size();
    match size.max(1).checked_next_multiple_of(page) {
        Some(pages) => or_errno(allocate(page, pages)),
        None => no_memory(),
    }
}
