//! The local APIC: its timer, and calls between CPUs.

use super::interrupts::{SPURIOUS, TIMER, WAKE};

const BASE: usize = 0xfee0_0000;
const END_OF_INTERRUPT: usize = 0xb0;
const SPURIOUS_VECTOR: usize = 0xf0;
const COMMAND: usize = 0x300;
const TIMER_VECTOR: usize = 0x320;
const TIMER_START: usize = 0x380;
const TIMER_DIVIDER: usize = 0x3e0;

const ENABLED: u32 = 1 << 8;
const MASKED: u32 = 1 << 16;
const PERIODIC: u32 = 1 << 17;
const PENDING: u32 = 1 << 12;
const TO_ALL_OTHERS: u32 = 3 << 18;
const ASSERT: u32 = 1 << 14;
const INIT: u32 = 5 << 8;
const STARTUP: u32 = 6 << 8;

fn read(register: usize) -> u32 {
    // SAFETY: a register of the local APIC, which is mapped.
    unsafe { ((BASE + register) as *const u32).read_volatile() }
}

fn write(register: usize, value: u32) {
    // SAFETY: as for `read`; what is written there changes no memory.
    unsafe { ((BASE + register) as *mut u32).write_volatile(value) };
}

fn command(command: u32) {
    write(COMMAND, command | TO_ALL_OTHERS);
    while read(COMMAND) & PENDING != 0 {
        core::hint::spin_loop();
    }
}

/// Turns on the running CPU's APIC.
pub(super) fn enable() {
    write(SPURIOUS_VECTOR, ENABLED | SPURIOUS as u32);
}

/// Starts all other CPUs in real mode, at a page below 1 MiB.
pub(super) fn start_others(page: usize) {
    command(INIT | ASSERT);
    // A machine that is not made of software wants 10 ms here, and a second startup after that.
    command(STARTUP | ASSERT | (page >> 12) as u32);
}

/// Wakes all other CPUs from their sleep.
pub(super) fn wake_others() {
    command(ASSERT | WAKE as u32);
}

/// Has the running CPU interrupted every `ticks` of 16 ns.
pub(crate) fn start_timer(ticks: u32) {
    // Divided by 16.
    write(TIMER_DIVIDER, 0b0011);
    write(TIMER_VECTOR, TIMER as u32 | PERIODIC);
    write(TIMER_START, ticks);
}

pub(crate) fn stop_timer() {
    write(TIMER_VECTOR, TIMER as u32 | MASKED);
    write(TIMER_START, 0);
}

/// Lets the next interrupt come.
pub(super) fn end_of_interrupt() {
    write(END_OF_INTERRUPT, 0);
}
