//! The program that callgrind counts: rounds of a few allocations, then as many frees, of one
//! size, through function pointers. `measure hot` counts only what happens inside
//! [`bench_hot_allocs`], [`bench_hot_frees`] or [`bench_hot_sized_frees`], once with the allocator's
//! functions and once with functions that do nothing, for two numbers of rounds; the difference of
//! the differences is what a call takes, from entry to return.

use core::ffi::c_void;
use core::hint::black_box;
use std::alloc::Layout;

use crate::alloc::{ALIGN, find};
use crate::worker::fail;

/// Blocks in a round.
pub const BLOCKS: usize = 16;

/// Instructions of [`bench_no_alloc`], its return included: a move and a return where the result
/// register is not the argument's.
pub const NO_ALLOC: f64 = if cfg!(target_arch = "x86_64") { 2.0 } else { 1.0 };
/// Instructions of a function with an empty body: its return.
pub const NO_FREE: f64 = 1.0;

/// The sizes that Rust's calls are compiled for.
pub const SIZES: [usize; 5] = [8, 16, 64, 256, 1024];

type AllocCall = unsafe extern "C" fn(usize) -> *mut c_void;
type FreeCall = unsafe extern "C" fn(*mut c_void);
type SizedFreeCall = unsafe extern "C" fn(*mut c_void, usize);

/// How blocks are freed.
enum Free {
    Plain(FreeCall),
    Sized(SizedFreeCall),
}

/// Allocates as an allocator that does nothing.
#[inline(never)]
unsafe extern "C" fn bench_no_alloc(size: usize) -> *mut c_void {
    core::ptr::without_provenance_mut(size)
}

#[inline(never)]
unsafe extern "C" fn bench_no_free(_: *mut c_void) {}

#[inline(never)]
unsafe extern "C" fn bench_no_sized_free(_: *mut c_void, _: usize) {}

/// `alloc` as a program has it: the layout known when it is compiled.
#[inline(never)]
unsafe extern "C" fn layout_alloc<const SIZE: usize>(_: usize) -> *mut c_void {
    // SAFETY: SIZE is not zero and ALIGN a power of two.
    unsafe { std::alloc::alloc(Layout::from_size_align_unchecked(SIZE, ALIGN)) }.cast()
}

#[inline(never)]
unsafe extern "C" fn layout_free<const SIZE: usize>(block: *mut c_void) {
    // SAFETY: the block came from `layout_alloc` of the same size.
    unsafe { std::alloc::dealloc(block.cast(), Layout::from_size_align_unchecked(SIZE, ALIGN)) }
}

/// Fills `held`.
///
/// # Safety
/// `call` allocates.
#[inline(never)]
#[unsafe(no_mangle)]
unsafe extern "C" fn bench_hot_allocs(
    call: AllocCall,
    size: usize,
    held: &mut [*mut c_void; BLOCKS],
) {
    for place in held {
        // SAFETY: the caller's promise.
        *place = unsafe { call(size) };
    }
}

/// Frees all of `held`.
///
/// # Safety
/// `call` frees such blocks.
#[inline(never)]
#[unsafe(no_mangle)]
unsafe extern "C" fn bench_hot_frees(call: FreeCall, held: &[*mut c_void; BLOCKS]) {
    for &block in held {
        // SAFETY: the caller's promise.
        unsafe { call(block) };
    }
}

/// Frees all of `held`, telling the size.
///
/// # Safety
/// `call` frees such blocks, of this size.
#[inline(never)]
#[unsafe(no_mangle)]
unsafe extern "C" fn bench_hot_sized_frees(
    call: SizedFreeCall,
    size: usize,
    held: &[*mut c_void; BLOCKS],
) {
    for &block in held {
        // SAFETY: the caller's promise.
        unsafe { call(block, size) };
    }
}

fn layout_calls(size: usize) -> (AllocCall, Free) {
    match size {
        8 => (layout_alloc::<8>, Free::Plain(layout_free::<8>)),
        16 => (layout_alloc::<16>, Free::Plain(layout_free::<16>)),
        64 => (layout_alloc::<64>, Free::Plain(layout_free::<64>)),
        256 => (layout_alloc::<256>, Free::Plain(layout_free::<256>)),
        1024 => (layout_alloc::<1024>, Free::Plain(layout_free::<1024>)),
        _ => fail("the sizes are 8, 16, 64, 256 and 1024"),
    }
}

/// The functions that a name on the command line stands for.
fn calls(name: &str, size: usize) -> (AllocCall, Free) {
    let symbol = |symbol| find(symbol).unwrap_or_else(|| fail("there is no such function"));
    match name {
        "none" => (bench_no_alloc, Free::Plain(bench_no_free)),
        "none-sized" => (bench_no_alloc, Free::Sized(bench_no_sized_free)),
        "layout" => layout_calls(size),
        "malloc" => (libc::malloc, Free::Plain(libc::free)),
        // SAFETY: a C23 function of this very type.
        "free_sized" => (
            libc::malloc,
            Free::Sized(unsafe {
                core::mem::transmute::<*mut c_void, SizedFreeCall>(symbol(c"free_sized"))
            }),
        ),
        // SAFETY: C++'s replaceable operators have these types on all 64-bit systems.
        "new" => unsafe {
            let new = core::mem::transmute::<*mut c_void, AllocCall>(symbol(c"_Znwm"));
            let delete = core::mem::transmute::<*mut c_void, SizedFreeCall>(symbol(c"_ZdlPvm"));
            (new, Free::Sized(delete))
        },
        _ => fail("usage: worker hot none|none-sized|layout|malloc|free_sized|new SIZE ROUNDS"),
    }
}

/// `worker hot CALL SIZE ROUNDS`.
pub(crate) fn main(mut args: impl Iterator<Item = String>) {
    let name = args.next().unwrap_or_default();
    let mut number = || args.next().and_then(|text| text.parse::<usize>().ok());
    let (Some(size), Some(rounds)) = (number(), number()) else {
        fail("usage: worker hot CALL SIZE ROUNDS");
    };
    let (alloc, free) = calls(&name, size);
    let mut held = [core::ptr::null_mut(); BLOCKS];
    for _ in 0..rounds {
        // SAFETY: the functions belong together, and each block is freed once.
        unsafe {
            bench_hot_allocs(black_box(alloc), size, black_box(&mut held));
            match free {
                Free::Plain(free) => bench_hot_frees(black_box(free), black_box(&held)),
                Free::Sized(free) => bench_hot_sized_frees(black_box(free), size, black_box(&held)),
            }
        }
    }
}
