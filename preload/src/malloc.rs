//! C's malloc family.
//!
//! Null, zero and overflow, as the standards and glibc's manual have it:
//!
//! | call | answer |
//! |---|---|
//! | `malloc(0)`, `calloc(0, n)` | a block of its own, to be freed |
//! | `free(NULL)`, and sized | nothing |
//! | `realloc(NULL, n)` | `malloc(n)` |
//! | `realloc(p, 0)` | `free(p)`, and null, as in glibc |
//! | more than `PTRDIFF_MAX` bytes, or an overflowing product | null, `ENOMEM`; the old block stays |

use crate::limits::{or_refuse, refuse};
use crate::thread::cache;
use crate::{HEAP, libc, next};
use core::ffi::c_void;
use hakmem_host::Foreign;

/// Null, with `errno` saying why.
#[cold]
#[inline(never)]
pub(crate) extern "C" fn no_memory() -> *mut c_void {
    libc::set_errno(libc::ENOMEM);
    core::ptr::null_mut()
}

/// `block`, or null with `errno` set.
#[inline(always)]
pub(crate) fn or_errno(block: *mut u8) -> *mut c_void {
    if block.is_null() { no_memory() } else { block.cast() }
}

/// What a list of this thread's cache has ready; null: nothing, or the size is not for lists.
///
/// Callers then jump to a cold function of their own, which gets the same arguments: so the hot
/// functions have no frame to set up.
#[inline(always)]
pub(crate) fn ready(size: usize) -> *mut c_void {
    // SAFETY: the cache is this thread's, and no other call on it is under way.
    unsafe { HEAP.allocate_hot(&mut *cache(), size).cast() }
}

/// Null: there is no memory. The program is not asked about it.
#[inline(always)]
pub(crate) fn allocate(size: usize) -> *mut u8 {
    // SAFETY: as for `ready`.
    unsafe { HEAP.allocate(&mut *cache(), size) }
}

#[cold]
#[inline(never)]
extern "C" fn malloc_slow(size: usize) -> *mut c_void {
    or_errno(or_refuse(size, || allocate(size)))
}

#[unsafe(no_mangle)]
extern "C" fn malloc(size: usize) -> *mut c_void {
    let block = ready(size);
    if block.is_null() { malloc_slow(size) } else { block }
}

#[unsafe(no_mangle)]
unsafe extern "C" fn free(block: *mut c_void) {
    // SAFETY: as for `ready`; the heap checks the pointer, the caller vouches for the rest.
    unsafe { HEAP.deallocate(&mut *cache(), block.cast()) };
}

#[unsafe(no_mangle)]
extern "C" fn calloc(count: usize, size: usize) -> *mut c_void {
    match count.checked_mul(size) {
        Some(bytes) => {
            // SAFETY: as for `ready`.
            let zeroed = || unsafe { HEAP.allocate_zeroed(&mut *cache(), bytes) };
            or_errno(or_refuse(bytes, zeroed))
        }
        None => no_memory(),
    }
}

#[unsafe(no_mangle)]
unsafe extern "C" fn realloc(block: *mut c_void, size: usize) -> *mut c_void {
    // SAFETY: the same contract.
    unsafe { resize(block, size) }
}

#[unsafe(no_mangle)]
unsafe extern "C" fn reallocarray(block: *mut c_void, count: usize, size: usize) -> *mut c_void {
    match count.checked_mul(size) {
        // SAFETY: the same contract.
        Some(bytes) => unsafe { resize(block, bytes) },
        None => no_memory(),
    }
}

/// C23.
#[unsafe(no_mangle)]
unsafe extern "C" fn free_sized(block: *mut c_void, size: usize) {
    // SAFETY: the same contract.
    unsafe { release(block, size, 1) };
}

/// C23.
#[unsafe(no_mangle)]
unsafe extern "C" fn free_aligned_sized(block: *mut c_void, align: usize, size: usize) {
    // SAFETY: the same contract.
    unsafe { release_aligned(block, size, align) };
}

/// Frees a block, or null, whose size and alignment the caller knows.
#[inline(always)]
pub(crate) unsafe fn release(block: *mut c_void, size: usize, align: usize) {
    // SAFETY: as for `free`; `align` is a power of two.
    unsafe { HEAP.deallocate_sized(&mut *cache(), block.cast(), size, align) };
}

/// The same for an alignment that the caller states. One that is no power of two says nothing of
/// the block, so it is freed as if without a size.
#[inline(always)]
pub(crate) unsafe fn release_aligned(block: *mut c_void, size: usize, align: usize) {
    if align.is_power_of_two() {
        // SAFETY: the same contract.
        unsafe { release(block, size, align) };
    } else {
        // SAFETY: as for `free`.
        unsafe { HEAP.deallocate(&mut *cache(), block.cast()) };
    }
}

#[inline(always)]
unsafe fn resize(block: *mut c_void, size: usize) -> *mut c_void {
    if block.is_null() {
        return malloc(size);
    }
    if size == 0 {
        // SAFETY: as for `free`.
        unsafe { HEAP.deallocate(&mut *cache(), block.cast()) };
        return core::ptr::null_mut();
    }
    if HEAP.host().options().foreign == Foreign::Libc && !HEAP.owns(block.cast()) {
        // SAFETY: not ours, and the user says that the rest is the C library's.
        return unsafe { next::realloc(block, size) };
    }
    // SAFETY: as for `free`.
    let moved = unsafe { HEAP.reallocate(&mut *cache(), block.cast(), size) };
    HEAP.host().attend();
    // SAFETY: the same contract; the block stands as it was.
    if moved.is_null() { unsafe { resize_refused(block, size) } } else { moved.cast() }
}

/// For want of memory the program is asked; not for a pointer that is no block's.
#[cold]
#[inline(never)]
unsafe extern "C" fn resize_refused(block: *mut c_void, size: usize) -> *mut c_void {
    if HEAP.usable_size(block.cast()).is_none() {
        return no_memory();
    }
    // SAFETY: as for `free`.
    let again = || unsafe { HEAP.reallocate(&mut *cache(), block.cast(), size) };
    or_errno(refuse(size, again))
}
