//! This thread's cache, in thread-local storage of the initial-exec model.
//!
//! A `thread_local!` of a shared library goes through `__tls_get_addr`: a call at each `malloc`,
//! and one that may itself allocate. So the block is laid down by hand, in a section that the
//! dynamic linker places at a fixed distance from the thread pointer, and reached in two
//! instructions. The price is that the library must be there when the process starts.

use core::cell::Cell;
use hakmem_core::Cache;

/// The block: the cache, and behind it what the hot paths do not touch.
#[repr(C)]
struct Local {
    cache: Cache,
    /// Whether the thread is in the program's function that is asked before a refusal.
    asking: Cell<bool>,
}

#[cfg(any(target_arch = "x86_64", target_arch = "aarch64"))]
core::arch::global_asm!(
    ".pushsection .tbss.hakmem, \"awT\", %nobits",
    ".balign {align}",
    ".globl hakmem_thread_cache",
    ".hidden hakmem_thread_cache",
    ".type hakmem_thread_cache, %object",
    ".size hakmem_thread_cache, {size}",
    "hakmem_thread_cache:",
    ".zero {size}",
    ".popsection",
    align = const align_of::<Local>(),
    size = const size_of::<Local>(),
);

/// The calling thread's cache: all zero at first, never dropped.
#[cfg(target_arch = "x86_64")]
#[inline(always)]
pub(crate) fn cache() -> *mut Cache {
    let cache: *mut Cache;
    // SAFETY: reads the block's distance and the thread pointer, which never change for a thread.
    unsafe {
        core::arch::asm!(
            "mov {cache}, qword ptr [rip + hakmem_thread_cache@GOTTPOFF]",
            "add {cache}, qword ptr fs:[0]",
            cache = out(reg) cache,
            options(pure, nomem, nostack),
        );
    }
    cache
}

/// The calling thread's cache: all zero at first, never dropped.
#[cfg(target_arch = "aarch64")]
#[inline(always)]
pub(crate) fn cache() -> *mut Cache {
    let cache: *mut Cache;
    // SAFETY: reads the block's distance and the thread pointer, which never change for a thread.
    unsafe {
        core::arch::asm!(
            "adrp {offset}, :gottprel:hakmem_thread_cache",
            "ldr {offset}, [{offset}, :gottprel_lo12:hakmem_thread_cache]",
            "mrs {cache}, tpidr_el0",
            "add {cache}, {cache}, {offset}",
            cache = out(reg) cache,
            offset = out(reg) _,
            options(pure, nomem, nostack, preserves_flags),
        );
    }
    cache
}

/// The calling thread's cache: all zero at first, never dropped.
#[cfg(not(any(target_arch = "x86_64", target_arch = "aarch64")))]
#[inline(always)]
pub(crate) fn cache() -> *mut Cache {
    use core::cell::UnsafeCell;
    std::thread_local! {
        static LOCAL: UnsafeCell<Local> =
            const { UnsafeCell::new(Local { cache: Cache::new(), asking: Cell::new(false) }) };
    }
    LOCAL.with(UnsafeCell::get).cast()
}

/// Lends the calling thread's flag.
pub(crate) fn with_asking<T>(act: impl FnOnce(&Cell<bool>) -> T) -> T {
    let local: *const Local = cache().cast();
    // SAFETY: the cache is the first field of a `Local` that lives as long as the thread; the flag is
    // apart from the cache, and this thread's alone.
    act(unsafe { &(*local).asking })
}
