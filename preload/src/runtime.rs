//! What the standard library would have supplied to a binary.

#![cfg(any(target_arch = "x86_64", target_arch = "aarch64"))]

use hakmem_host::Line;

#[panic_handler]
fn panic(info: &core::panic::PanicInfo<'_>) -> ! {
    Line::<512>::say(format_args!("hakmem: {info}\n"));
    crate::libc::abort()
}

// The prebuilt `core` was compiled to unwind and names these two. With `panic = "abort"` nothing
// ever calls them; hidden, they cannot stand in for anybody else's.
core::arch::global_asm!(
    ".pushsection .text.hakmem_unwind, \"ax\", %progbits",
    ".globl rust_eh_personality",
    ".hidden rust_eh_personality",
    ".type rust_eh_personality, %function",
    "rust_eh_personality:",
    ".globl _Unwind_Resume",
    ".hidden _Unwind_Resume",
    ".type _Unwind_Resume, %function",
    "_Unwind_Resume:",
    #[cfg(target_arch = "x86_64")]
    "ud2",
    #[cfg(target_arch = "aarch64")]
    "brk #1",
    ".popsection",
);
