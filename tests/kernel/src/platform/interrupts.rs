//! Where interrupts lead, and how they are held off.

use super::{apic, cpus, port};
use core::arch::asm;
use core::sync::atomic::{AtomicUsize, Ordering};

pub(crate) const TIMER: u64 = 0x40;
pub(crate) const WAKE: u64 = 0x41;
pub(crate) const SPURIOUS: u64 = 0xff;

const EXCEPTIONS: u64 = 32;
const PAGE_FAULT: u64 = 14;
const INTERRUPTS_ENABLED: u64 = 1 << 9;

/// What an entry leaves on the stack.
#[repr(C)]
pub(crate) struct Frame {
    registers: [u64; 9],
    vector: u64,
    error: u64,
    instruction: u64,
    code_segment: u64,
    flags: u64,
    stack: u64,
    stack_segment: u64,
}

/// The function that each tick of the timer calls, as an address; 0 if none.
static ON_TICK: AtomicUsize = AtomicUsize::new(0);

/// Calls `act` at each tick of any CPU's timer, with interrupts disabled.
pub(crate) fn on_tick(act: fn()) {
    ON_TICK.store(act as usize, Ordering::SeqCst);
}

#[unsafe(no_mangle)]
extern "C" fn interrupt(frame: &Frame) {
    match frame.vector {
        TIMER => {
            let act = ON_TICK.load(Ordering::SeqCst);
            if act != 0 {
                // SAFETY: only `on_tick` stores there, and what it stores is such a function.
                let act = unsafe { core::mem::transmute::<usize, fn()>(act) };
                act();
            }
            apic::end_of_interrupt();
        }
        WAKE => apic::end_of_interrupt(),
        SPURIOUS => {}
        vector if vector < EXCEPTIONS => exception(frame),
        vector => panic!("interrupt {vector:#x}, which nobody asked for"),
    }
}

#[cold]
fn exception(frame: &Frame) -> ! {
    let address: u64;
    // SAFETY: reading it changes nothing.
    unsafe { asm!("mov {}, cr2", out(reg) address, options(nomem, nostack, preserves_flags)) };
    let Frame { vector, error, instruction, stack, .. } = frame;
    let cpu = cpus::id();
    if *vector == PAGE_FAULT {
        panic!("CPU {cpu}: page fault at {address:#x}, by the instruction at {instruction:#x}");
    }
    panic!(
        "CPU {cpu}: exception {vector}, error {error:#x}, by the instruction at {instruction:#x}, \
         stack at {stack:#x}"
    );
}

/// Interrupts are disabled until it is dropped, then again as they were.
#[must_use]
pub(crate) struct Disabled {
    were_enabled: bool,
    /// It belongs to the CPU that made it.
    not_send: core::marker::PhantomData<*mut ()>,
}

/// Disables interrupts on the running CPU.
pub(crate) fn disable() -> Disabled {
    let flags: u64;
    // SAFETY: reads the flags by way of the stack, and holds interrupts off. No `nomem`: what
    // follows must not move before it.
    unsafe { asm!("pushfq", "pop {}", "cli", out(reg) flags) };
    Disabled { were_enabled: flags & INTERRUPTS_ENABLED != 0, not_send: core::marker::PhantomData }
}

impl Drop for Disabled {
    fn drop(&mut self) {
        if self.were_enabled {
            enable();
        }
    }
}

/// Silences the old interrupt controller, whose vectors are those of exceptions.
pub(super) fn silence_the_old() {
    // SAFETY: the masks of its two halves.
    unsafe {
        port::write_u8(0x21, 0xff);
        port::write_u8(0xa1, 0xff);
    }
}

/// Lets interrupts come.
pub(crate) fn enable() {
    // SAFETY: every vector has its entry. No `nomem`: what came before must not move behind it.
    unsafe { asm!("sti", options(nostack)) };
}

/// Sleeps until an interrupt has come, with interrupts enabled meanwhile.
pub(super) fn sleep(disabled: Disabled) {
    // SAFETY: an interrupt comes after the `hlt` at the soonest, so none is missed.
    unsafe { asm!("sti", "hlt", "cli", options(nostack)) };
    drop(disabled);
}
