//! Whoever would have served a call if this library were not there.

use crate::{HEAP, libc};
use core::ffi::{CStr, c_void};
use hakmem_host::Line;

/// The function of that name which comes after this library's in the search order.
///
/// A C++ runtime that came with a `dlopen`ed library is not in that order; it is looked up by name.
fn find(name: &CStr) -> Option<*mut c_void> {
    let symbol = |library| {
        // SAFETY: a library's handle or the constant, and a string.
        let found = unsafe { libc::dlsym(library, name.as_ptr()) };
        (!found.is_null()).then_some(found)
    };
    symbol(libc::RTLD_NEXT).or_else(|| {
        [c"libstdc++.so.6", c"libc++.so.1"].into_iter().find_map(|library| {
            // SAFETY: a library that is loaded already: none of its code runs by this.
            let handle =
                unsafe { libc::dlopen(library.as_ptr(), libc::RTLD_LAZY | libc::RTLD_NOLOAD) };
            if handle.is_null() { None } else { symbol(handle) }
        })
    })
}

/// The C library's own `free`.
///
/// # Safety
/// `block` came from the C library's heap.
#[cold]
pub(crate) unsafe fn free(block: *mut c_void) {
    if let Some(function) = find(c"free") {
        // SAFETY: a function of that name has that signature.
        let free: unsafe extern "C" fn(*mut c_void) = unsafe { core::mem::transmute(function) };
        // SAFETY: by the caller's word.
        unsafe { free(block) };
    }
}

/// The C library's own `realloc`.
///
/// # Safety
/// `block` came from the C library's heap.
#[cold]
pub(crate) unsafe fn realloc(block: *mut c_void, size: usize) -> *mut c_void {
    let Some(function) = find(c"realloc") else {
        return core::ptr::null_mut();
    };
    // SAFETY: a function of that name has that signature.
    let realloc: unsafe extern "C" fn(*mut c_void, usize) -> *mut c_void =
        unsafe { core::mem::transmute(function) };
    // SAFETY: by the caller's word.
    unsafe { realloc(block, size) }
}

/// The C library's own `malloc_usable_size`.
///
/// # Safety
/// `block` came from the C library's heap.
#[cold]
pub(crate) unsafe fn usable_size(block: *mut c_void) -> usize {
    let Some(function) = find(c"malloc_usable_size") else {
        return 0;
    };
    // SAFETY: a function of that name has that signature.
    let usable_size: unsafe extern "C" fn(*mut c_void) -> usize =
        unsafe { core::mem::transmute(function) };
    // SAFETY: by the caller's word.
    unsafe { usable_size(block) }
}

/// What the nothrow forms of `operator new` do when memory is out: the next one runs the
/// new-handler, tries again (through our `malloc`), and gives up with null.
#[cold]
#[inline(never)]
pub(crate) extern "C" fn new_nothrow(size: usize, tag: *const c_void) -> *mut c_void {
    let Some(function) = find(c"_ZnwmRKSt9nothrow_t") else {
        return core::ptr::null_mut();
    };
    // SAFETY: `operator new(std::size_t, std::nothrow_t const&)`, which never throws.
    let new: extern "C" fn(usize, *const c_void) -> *mut c_void =
        unsafe { core::mem::transmute(function) };
    new(size, tag)
}

/// The same with an alignment.
#[cold]
#[inline(never)]
pub(crate) extern "C" fn new_aligned_nothrow(
    size: usize,
    align: usize,
    tag: *const c_void,
) -> *mut c_void {
    let Some(function) = find(c"_ZnwmSt11align_val_tRKSt9nothrow_t") else {
        return core::ptr::null_mut();
    };
    // SAFETY: `operator new(std::size_t, std::align_val_t, std::nothrow_t const&)`, which never
    // throws.
    let new: extern "C" fn(usize, usize, *const c_void) -> *mut c_void =
        unsafe { core::mem::transmute(function) };
    new(size, align, tag)
}

/// The next `operator new(std::size_t)`.
extern "C" fn find_new() -> *mut c_void {
    find(c"_Znwm").unwrap_or_else(|| no_operator_new())
}

/// The next `operator new(std::size_t, std::align_val_t)`.
extern "C" fn find_new_aligned() -> *mut c_void {
    find(c"_ZnwmSt11align_val_t").unwrap_or_else(|| no_operator_new())
}

fn no_operator_new() -> ! {
    let held = HEAP.stats().mapped;
    Line::<160>::say(format_args!(
        "hakmem: operator new: out of memory with {held} bytes held, and no C++ runtime to say so\n"
    ));
    libc::abort()
}

// The next `operator new` runs the new-handler and throws `std::bad_alloc` in the end. No exception
// may cross a Rust frame, so it is jumped to, with the arguments as they came: it returns to, or
// throws through, the caller of our own operator.
#[cfg(target_arch = "x86_64")]
core::arch::global_asm!(
    ".macro hakmem_jump_on name, find",
    ".globl \\name",
    ".hidden \\name",
    ".type \\name, %function",
    "\\name:",
    ".cfi_startproc",
    "push rdi",
    ".cfi_adjust_cfa_offset 8",
    "push rsi",
    ".cfi_adjust_cfa_offset 8",
    "push rax",
    ".cfi_adjust_cfa_offset 8",
    "call \\find",
    "pop rcx",
    ".cfi_adjust_cfa_offset -8",
    "pop rsi",
    ".cfi_adjust_cfa_offset -8",
    "pop rdi",
    ".cfi_adjust_cfa_offset -8",
    "jmp rax",
    ".cfi_endproc",
    ".size \\name, . - \\name",
    ".endm",
    ".pushsection .text.hakmem_next, \"ax\", %progbits",
    "hakmem_jump_on hakmem_next_new, {find_new}",
    "hakmem_jump_on hakmem_next_new_aligned, {find_new_aligned}",
    ".popsection",
    find_new = sym find_new,
    find_new_aligned = sym find_new_aligned,
);

#[cfg(target_arch = "aarch64")]
core::arch::global_asm!(
    ".macro hakmem_jump_on name, find",
    ".globl \\name",
    ".hidden \\name",
    ".type \\name, %function",
    "\\name:",
    ".cfi_startproc",
    "stp x0, x1, [sp, #-32]!",
    ".cfi_adjust_cfa_offset 32",
    "str x30, [sp, #16]",
    ".cfi_offset x30, -16",
    "bl \\find",
    "mov x16, x0",
    "ldr x30, [sp, #16]",
    ".cfi_restore x30",
    "ldp x0, x1, [sp], #32",
    ".cfi_adjust_cfa_offset -32",
    "br x16",
    ".cfi_endproc",
    ".size \\name, . - \\name",
    ".endm",
    ".pushsection .text.hakmem_next, \"ax\", %progbits",
    "hakmem_jump_on hakmem_next_new, {find_new}",
    "hakmem_jump_on hakmem_next_new_aligned, {find_new_aligned}",
    ".popsection",
    find_new = sym find_new,
    find_new_aligned = sym find_new_aligned,
);

#[cfg(any(target_arch = "x86_64", target_arch = "aarch64"))]
unsafe extern "C" {
    /// What the throwing forms of `operator new` do when memory is out.
    #[link_name = "hakmem_next_new"]
    pub(crate) safe fn new(size: usize) -> *mut c_void;
    /// The same with an alignment.
    #[link_name = "hakmem_next_new_aligned"]
    pub(crate) safe fn new_aligned(size: usize, align: usize) -> *mut c_void;
}

/// What the throwing forms of `operator new` do when memory is out, where no jump is written.
#[cfg(not(any(target_arch = "x86_64", target_arch = "aarch64")))]
pub(crate) extern "C" fn new(_size: usize) -> *mut c_void {
    let _ = (find_new, find_new_aligned);
    no_operator_new()
}

/// The same with an alignment.
#[cfg(not(any(target_arch = "x86_64", target_arch = "aarch64")))]
pub(crate) extern "C" fn new_aligned(_size: usize, _align: usize) -> *mut c_void {
    no_operator_new()
}
