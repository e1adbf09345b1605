//! The ports of the machine.

use core::arch::asm;

/// # Safety
/// Writing there does nothing to memory.
pub(crate) unsafe fn write_u8(port: u16, value: u8) {
    // SAFETY: by the caller's word.
    unsafe {
        asm!("out dx, al", in("dx") port, in("al") value, options(nomem, nostack, preserves_flags))
    };
}

/// # Safety
/// As for [`write_u8`].
pub(crate) unsafe fn write_u16(port: u16, value: u16) {
    // SAFETY: by the caller's word.
    unsafe {
        asm!("out dx, ax", in("dx") port, in("ax") value, options(nomem, nostack, preserves_flags))
    };
}

/// # Safety
/// As for [`write_u8`].
pub(crate) unsafe fn write_u32(port: u16, value: u32) {
    // SAFETY: by the caller's word.
    unsafe {
        asm!("out dx, eax", in("dx") port, in("eax") value, options(nomem, nostack, preserves_flags))
    };
}

/// # Safety
/// Reading there does nothing to memory.
pub(crate) unsafe fn read_u8(port: u16) -> u8 {
    let value: u8;
    // SAFETY: by the caller's word.
    unsafe {
        asm!("in al, dx", in("dx") port, out("al") value, options(nomem, nostack, preserves_flags))
    };
    value
}
