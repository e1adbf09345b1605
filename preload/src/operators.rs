//! C++'s replaceable `operator new` and `operator delete`, by their mangled names (Itanium ABI,
//! 64-bit `std::size_t`).
//!
//! When memory is out, the next `operator new` in the search order takes the call: see `next.rs`. It
//! tries `malloc` before its new-handler, and that asks the program what to do (`limits.rs`).

use crate::thread::cache;
use crate::{HEAP, malloc, next};
use core::ffi::c_void;

#[cfg(not(target_pointer_width = "64"))]
compile_error!("the mangled names below are those of 64-bit targets");

/// Null: there is no memory, or no such alignment.
#[inline(always)]
fn allocate_aligned(size: usize, align: usize) -> *mut c_void {
    if !align.is_power_of_two() {
        return core::ptr::null_mut();
    }
    // SAFETY: the cache is this thread's, and no other call on it is under way.
    unsafe { HEAP.allocate_aligned(&mut *cache(), size, align).cast() }
}

#[cold]
#[inline(never)]
extern "C" fn new_slow(size: usize) -> *mut c_void {
    let block = malloc::allocate(size);
    HEAP.host().attend();
    if block.is_null() { next::new(size) } else { block.cast() }
}

#[cold]
#[inline(never)]
extern "C" fn new_nothrow_slow(size: usize, tag: *const c_void) -> *mut c_void {
    let block = malloc::allocate(size);
    HEAP.host().attend();
    if block.is_null() { next::new_nothrow(size, tag) } else { block.cast() }
}

macro_rules! operator_new {
    ($($name:literal $function:ident;)*) => {$(
        #[unsafe(export_name = $name)]
        extern "C" fn $function(size: usize) -> *mut c_void {
            let block = malloc::ready(size);
            if block.is_null() { new_slow(size) } else { block }
        }
    )*};
}

macro_rules! operator_new_nothrow {
    ($($name:literal $function:ident;)*) => {$(
        #[unsafe(export_name = $name)]
        extern "C" fn $function(size: usize, tag: *const c_void) -> *mut c_void {
            let block = malloc::ready(size);
            if block.is_null() { new_nothrow_slow(size, tag) } else { block }
        }
    )*};
}

macro_rules! operator_new_aligned {
    ($($name:literal $function:ident;)*) => {$(
        #[unsafe(export_name = $name)]
        extern "C" fn $function(size: usize, align: usize) -> *mut c_void {
            let block = allocate_aligned(size, align);
            if block.is_null() { next::new_aligned(size, align) } else { block }
        }
    )*};
}

macro_rules! operator_new_aligned_nothrow {
    ($($name:literal $function:ident;)*) => {$(
        #[unsafe(export_name = $name)]
        extern "C" fn $function(size: usize, align: usize, tag: *const c_void) -> *mut c_void {
            let block = allocate_aligned(size, align);
            if block.is_null() { next::new_aligned_nothrow(size, align, tag) } else { block }
        }
    )*};
}

/// The forms that say nothing of the size; a tag and an alignment change nothing for them.
macro_rules! operator_delete {
    ($($name:literal $function:ident($($extra:ty),*);)*) => {$(
        #[unsafe(export_name = $name)]
        unsafe extern "C" fn $function(block: *mut c_void $(, _: $extra)*) {
            // SAFETY: as for `free`.
            unsafe { HEAP.deallocate(&mut *cache(), block.cast()) };
        }
    )*};
}

macro_rules! operator_delete_sized {
    ($($name:literal $function:ident;)*) => {$(
        #[unsafe(export_name = $name)]
        unsafe extern "C" fn $function(block: *mut c_void, size: usize) {
            // SAFETY: as for `free_sized`.
            unsafe { malloc::release(block, size, 1) };
        }
    )*};
}

macro_rules! operator_delete_sized_aligned {
    ($($name:literal $function:ident;)*) => {$(
        #[unsafe(export_name = $name)]
        unsafe extern "C" fn $function(block: *mut c_void, size: usize, align: usize) {
            // SAFETY: as for `free_aligned_sized`.
            unsafe { malloc::release_aligned(block, size, align) };
        }
    )*};
}

operator_new! {
    "_Znwm" new;
    "_Znam" new_array;
}

operator_new_nothrow! {
    "_ZnwmRKSt9nothrow_t" new_nothrow;
    "_ZnamRKSt9nothrow_t" new_array_nothrow;
}

operator_new_aligned! {
    "_ZnwmSt11align_val_t" new_aligned;
    "_ZnamSt11align_val_t" new_array_aligned;
}

operator_new_aligned_nothrow! {
    "_ZnwmSt11align_val_tRKSt9nothrow_t" new_aligned_nothrow;
    "_ZnamSt11align_val_tRKSt9nothrow_t" new_array_aligned_nothrow;
}

operator_delete! {
    "_ZdlPv" delete();
    "_ZdaPv" delete_array();
    "_ZdlPvRKSt9nothrow_t" delete_nothrow(*const c_void);
    "_ZdaPvRKSt9nothrow_t" delete_array_nothrow(*const c_void);
    "_ZdlPvSt11align_val_t" delete_aligned(usize);
    "_ZdaPvSt11align_val_t" delete_array_aligned(usize);
    "_ZdlPvSt11align_val_tRKSt9nothrow_t" delete_aligned_nothrow(usize, *const c_void);
    "_ZdaPvSt11align_val_tRKSt9nothrow_t" delete_array_aligned_nothrow(usize, *const c_void);
}

operator_delete_sized! {
    "_ZdlPvm" delete_sized;
    "_ZdaPvm" delete_array_sized;
}

operator_delete_sized_aligned! {
    "_ZdlPvmSt11align_val_t" delete_sized_aligned;
    "_ZdaPvmSt11align_val_t" delete_array_sized_aligned;
}
