//! The door to the allocator under test: the same few calls for Rust's global allocator, for C's
//! `malloc` and `free`, and for C++'s `operator new` and sized `operator delete`.
//!
//! No call here may be optimised away: the workloads store every block in memory that the compiler
//! cannot see through.

use core::ffi::{CStr, c_void};
use core::sync::atomic::{AtomicPtr, Ordering};
use std::alloc::Layout;

/// Alignment that is asked for where the interface wants one, in bytes.
pub const ALIGN: usize = 8;

/// An allocator, called statically: no value of the type is ever needed.
///
/// Sizes are in bytes and never zero. A failed request ends the process, so a workload gets valid
/// blocks only.
pub trait Alloc: Copy + Send + Sync + 'static {
    /// The same allocator, with the size told at each free.
    type Sized: Alloc;

    /// Finds the functions to call; before the first call, on one thread.
    fn prepare() {}

    /// A block of at least `size` bytes, aligned to [`ALIGN`].
    fn alloc(size: usize) -> *mut u8;

    /// The same, every byte zero.
    fn zeroed(size: usize) -> *mut u8;

    /// Changes the size of a block.
    ///
    /// # Safety
    /// `block` is live, came from this allocator, and `old` is the size it was last asked for.
    unsafe fn realloc(block: *mut u8, old: usize, new: usize) -> *mut u8;

    /// Gives a block back.
    ///
    /// # Safety
    /// `block` is live, came from this allocator, and `size` is the size it was last asked for.
    unsafe fn free(block: *mut u8, size: usize);
}

/// The `#[global_allocator]` of the worker.
#[derive(Clone, Copy)]
pub struct RustGlobal;

/// `malloc`, `calloc`, `realloc` and `free` of the process.
#[derive(Clone, Copy)]
pub struct Malloc;

/// `operator new(size)` and `operator delete(block, size)` of the process.
#[derive(Clone, Copy)]
pub struct SizedDelete;

/// Ends the process where the allocator gave no memory.
#[cold]
fn out_of_memory(size: usize) -> ! {
    panic!("the allocator gave no block of {size} bytes");
}

/// `block`, which must not be null.
#[inline(always)]
fn present(block: *mut u8, size: usize) -> *mut u8 {
    if block.is_null() {
        out_of_memory(size);
    }
    block
}

#[inline(always)]
fn layout(size: usize) -> Layout {
    debug_assert!(size > 0 && size < isize::MAX as usize - ALIGN);
    // SAFETY: ALIGN is a power of two; workloads ask for a few MiB at most.
    unsafe { Layout::from_size_align_unchecked(size, ALIGN) }
}

impl Alloc for RustGlobal {
    type Sized = Self;

    #[inline(always)]
    fn alloc(size: usize) -> *mut u8 {
        // SAFETY: sizes are never zero.
        present(unsafe { std::alloc::alloc(layout(size)) }, size)
    }

    #[inline(always)]
    fn zeroed(size: usize) -> *mut u8 {
        // SAFETY: sizes are never zero.
        present(unsafe { std::alloc::alloc_zeroed(layout(size)) }, size)
    }

    #[inline(always)]
    unsafe fn realloc(block: *mut u8, old: usize, new: usize) -> *mut u8 {
        // SAFETY: the caller's promise; every layout of this module has the same alignment.
        present(unsafe { std::alloc::realloc(block, layout(old), new) }, new)
    }

    #[inline(always)]
    unsafe fn free(block: *mut u8, size: usize) {
        // SAFETY: the caller's promise; every layout of this module has the same alignment.
        unsafe { std::alloc::dealloc(block, layout(size)) }
    }
}

impl Alloc for Malloc {
    type Sized = SizedDelete;

    #[inline(always)]
    fn alloc(size: usize) -> *mut u8 {
        // SAFETY: malloc takes any size.
        present(unsafe { libc::malloc(size) }.cast(), size)
    }

    #[inline(always)]
    fn zeroed(size: usize) -> *mut u8 {
        // SAFETY: calloc takes any size.
        present(unsafe { libc::calloc(1, size) }.cast(), size)
    }

    #[inline(always)]
    unsafe fn realloc(block: *mut u8, _old: usize, new: usize) -> *mut u8 {
        // SAFETY: the caller's promise.
        present(unsafe { libc::realloc(block.cast(), new) }.cast(), new)
    }

    #[inline(always)]
    unsafe fn free(block: *mut u8, _size: usize) {
        // SAFETY: the caller's promise.
        unsafe { libc::free(block.cast()) }
    }
}

/// `operator new(size_t)`.
pub type New = unsafe extern "C" fn(usize) -> *mut c_void;
/// `operator delete(void*, size_t)`.
pub type Delete = unsafe extern "C" fn(*mut c_void, usize);

unsafe extern "C" fn plain_new(size: usize) -> *mut c_void {
    // SAFETY: malloc takes any size.
    unsafe { libc::malloc(size) }
}

unsafe extern "C" fn plain_delete(block: *mut c_void, _size: usize) {
    // SAFETY: the block came from `plain_new`.
    unsafe { libc::free(block) }
}

static NEW: AtomicPtr<c_void> = AtomicPtr::new(plain_new as *mut c_void);
static DELETE: AtomicPtr<c_void> = AtomicPtr::new(plain_delete as *mut c_void);

/// The address of a C symbol: in what is loaded already (a preloaded allocator), else in the C++
/// runtime, whose own operators call `malloc` and `free`.
pub fn find(symbol: &CStr) -> Option<*mut c_void> {
    // SAFETY: dlsym and dlopen take terminated strings; the C++ runtime may be loaded at any time.
    unsafe {
        let loaded = libc::dlsym(libc::RTLD_DEFAULT, symbol.as_ptr());
        if !loaded.is_null() {
            return Some(loaded);
        }
        let runtime = libc::dlopen(c"libstdc++.so.6".as_ptr(), libc::RTLD_NOW | libc::RTLD_GLOBAL);
        if runtime.is_null() {
            return None;
        }
        let found = libc::dlsym(runtime, symbol.as_ptr());
        (!found.is_null()).then_some(found)
    }
}

impl SizedDelete {
    /// The two operators; `malloc` and `free` stand in where there is no C++ runtime.
    pub fn operators() -> (New, Delete) {
        // SAFETY: both statics hold nothing but functions of these types.
        unsafe {
            (
                core::mem::transmute::<*mut c_void, New>(NEW.load(Ordering::Relaxed)),
                core::mem::transmute::<*mut c_void, Delete>(DELETE.load(Ordering::Relaxed)),
            )
        }
    }
}

impl Alloc for SizedDelete {
    type Sized = Self;

    fn prepare() {
        if let (Some(new), Some(delete)) = (find(c"_Znwm"), find(c"_ZdlPvm")) {
            NEW.store(new, Ordering::Relaxed);
            DELETE.store(delete, Ordering::Relaxed);
        }
    }

    #[inline(always)]
    fn alloc(size: usize) -> *mut u8 {
        // SAFETY: operator new takes any size.
        present(unsafe { (Self::operators().0)(size) }.cast(), size)
    }

    fn zeroed(size: usize) -> *mut u8 {
        let block = Self::alloc(size);
        // SAFETY: the block has `size` bytes.
        unsafe { block.write_bytes(0, size) };
        block
    }

    unsafe fn realloc(block: *mut u8, old: usize, new: usize) -> *mut u8 {
        let moved = Self::alloc(new);
        // SAFETY: both blocks have the bytes that are copied; the old one is the caller's to free.
        unsafe {
            moved.copy_from_nonoverlapping(block, old.min(new));
            Self::free(block, old);
        }
        moved
    }

    #[inline(always)]
    unsafe fn free(block: *mut u8, size: usize) {
        // SAFETY: the caller's promise.
        unsafe { (Self::operators().1)(block.cast(), size) }
    }
}
