//! The machine below the checks: a PC as QEMU has it, started through the PVH protocol.

use core::arch::global_asm;

pub(crate) mod apic;
pub(crate) mod cpus;
pub(crate) mod interrupts;
pub(crate) mod port;
pub(crate) mod serial;
pub(crate) mod start_info;
mod tables;

/// The most CPUs that are brought up.
pub(crate) const MOST_CPUS: usize = 8;

/// Bytes of each CPU's stack. There is no guard below it, and debug builds need much.
const STACK_SIZE: usize = 256 << 10;

global_asm!(include_str!("boot.s"), most_cpus = const MOST_CPUS, stack_size = const STACK_SIZE);
global_asm!(include_str!("memory.s"));
global_asm!(include_str!("interrupts.s"));

/// How the kernel ends.
#[derive(Clone, Copy, Debug)]
pub(crate) enum End {
    /// QEMU exits with code 33.
    Success = 16,
    /// QEMU exits with code 35.
    Failure = 17,
}

/// Ends QEMU, with exit code `2 * end + 1`.
pub(crate) fn exit(end: End) -> ! {
    loop {
        // SAFETY: the port of `isa-debug-exit`; on a machine without it nothing happens.
        unsafe { port::write_u32(0xf4, end as u32) };
        core::hint::spin_loop();
    }
}
