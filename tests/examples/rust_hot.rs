//! Calls the hot paths of the Rust adapter in their steady state, for the test of their length.
//!
//! Before each call stands a breakpoint: the tracer finds the function's address in `rdi`, which
//! path it is in `rsi`, and the size in `rdx`.

use std::alloc::{GlobalAlloc, Layout};

#[global_allocator]
static GLOBAL: hakmem::Hakmem = hakmem::Hakmem;

const ALLOC: u64 = 0;
const DEALLOC: u64 = 1;
const SIZES: [usize; 14] = [1, 8, 16, 17, 24, 32, 64, 100, 128, 129, 256, 500, 1000, 1024];

/// # Safety
/// `size` is not zero.
#[inline(never)]
#[unsafe(no_mangle)]
pub unsafe extern "C" fn hot_alloc(size: usize) -> *mut u8 {
    // SAFETY: 8 is a power of two, and the caller's size is not zero and small.
    unsafe { GLOBAL.alloc(Layout::from_size_align_unchecked(size, 8)) }
}

/// # Safety
/// `block` came from [`hot_alloc`] with this `size` and was not freed yet.
#[inline(never)]
#[unsafe(no_mangle)]
pub unsafe extern "C" fn hot_dealloc(block: *mut u8, size: usize) {
    // SAFETY: the layout is the one that the block was allocated with.
    unsafe { GLOBAL.dealloc(block, Layout::from_size_align_unchecked(size, 8)) }
}

#[cfg(target_arch = "x86_64")]
fn mark(function: usize, path: u64, size: usize) {
    // SAFETY: a breakpoint changes no register and no memory; the tracer steps over it.
    unsafe { std::arch::asm!("int3", in("rdi") function, in("rsi") path, in("rdx") size) }
}

#[cfg(not(target_arch = "x86_64"))]
fn mark(_: usize, _: u64, _: usize) {}

fn main() {
    for size in SIZES {
        let mut blocks = [std::ptr::null_mut(); 16];
        // SAFETY: no size is zero; each block is freed once with the size it was allocated with.
        unsafe {
            blocks.fill_with(|| hot_alloc(size));
            blocks.iter().for_each(|block| hot_dealloc(*block, size));
            blocks[..8].fill_with(|| hot_alloc(size));
            for _ in 0..3 {
                mark(hot_alloc as *const () as usize, ALLOC, size);
                let block = hot_alloc(size);
                mark(hot_dealloc as *const () as usize, DEALLOC, size);
                hot_dealloc(block, size);
            }
            blocks[..8].iter().for_each(|block| hot_dealloc(*block, size));
        }
    }
}
