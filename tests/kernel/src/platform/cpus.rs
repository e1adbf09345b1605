//! The CPUs: their numbers, how the others come up, and how work is given to all.

use super::{MOST_CPUS, apic, interrupts, port, tables};
use core::arch::asm;
use core::sync::atomic::{AtomicUsize, Ordering};

/// The page that the other CPUs begin in: below 1 MiB, and as `boot.s` has it.
const TRAMPOLINE: usize = 0x8000;

/// Where a CPU finds its number: the register GS holds the address of its entry.
static NUMBERS: [AtomicUsize; MOST_CPUS] = [const { AtomicUsize::new(0) }; MOST_CPUS];

static RUNNING: AtomicUsize = AtomicUsize::new(1);

/// Counts what all CPUs were called to do. Odd: there is something.
static CALLS: AtomicUsize = AtomicUsize::new(0);
static WORK: AtomicUsize = AtomicUsize::new(0);
static DONE: AtomicUsize = AtomicUsize::new(0);

unsafe extern "C" {
    static trampoline: u8;
    static trampoline_end: u8;
}

/// The number of the running CPU. Where an interrupt may lead to another one, only while pinned.
pub(crate) fn id() -> usize {
    let id;
    // SAFETY: `set_up` has made GS point to the number, which never changes.
    unsafe { asm!("mov {}, gs:[0]", out(reg) id, options(readonly, nostack, preserves_flags)) };
    id
}

/// How many CPUs run.
pub(crate) fn running() -> usize {
    RUNNING.load(Ordering::SeqCst)
}

/// How many CPUs the machine has, by the word of QEMU's configuration device.
fn there() -> usize {
    // SAFETY: selects the entry that holds the number of CPUs, and reads it.
    unsafe {
        port::write_u16(0x510, 5);
        usize::from(port::read_u8(0x511)) | usize::from(port::read_u8(0x511)) << 8
    }
}

/// # Safety
/// Once a CPU, with its own number.
unsafe fn set_up(id: usize) {
    NUMBERS[id].store(id, Ordering::Relaxed);
    let address = NUMBERS[id].as_ptr().addr();
    // SAFETY: the table by CPU is this one's; GS's base is for `id` alone.
    unsafe {
        tables::load(id);
        asm!(
            "wrmsr",
            in("ecx") 0xc000_0101_u32,
            in("eax") address as u32,
            in("edx") (address >> 32) as u32,
            options(nostack, preserves_flags),
        );
    }
    apic::enable();
}

/// Makes the first CPU ready for interrupts.
///
/// # Safety
/// Once, by the first CPU, before anything else.
pub(crate) unsafe fn set_up_first() {
    // SAFETY: by the caller's word.
    unsafe {
        tables::fill_gates();
        set_up(0);
    }
    interrupts::silence_the_old();
    interrupts::enable();
}

/// Starts the other CPUs, and returns once they wait for work.
///
/// # Safety
/// Once, by the first CPU; nobody uses the trampoline's page.
pub(crate) unsafe fn start_others() {
    let there = there();
    assert!(there <= MOST_CPUS, "{there} CPUs, and room for {MOST_CPUS}");
    if there < 2 {
        return;
    }
    let (from, to) = (&raw const trampoline, &raw const trampoline_end);
    // SAFETY: by the caller's word that page is free.
    unsafe { (TRAMPOLINE as *mut u8).copy_from(from, to.addr() - from.addr()) };
    apic::start_others(TRAMPOLINE);
    while running() < there {
        core::hint::spin_loop();
    }
}

#[unsafe(no_mangle)]
extern "C" fn another_cpu(id: usize) -> ! {
    // SAFETY: each CPU gets here once, with a number of its own.
    unsafe { set_up(id) };
    let mut calls = 0;
    RUNNING.fetch_add(1, Ordering::SeqCst);
    loop {
        let disabled = interrupts::disable();
        if CALLS.load(Ordering::SeqCst) == calls {
            interrupts::sleep(disabled);
            continue;
        }
        interrupts::enable();
        calls += 1;
        work(id);
        DONE.fetch_add(1, Ordering::SeqCst);
    }
}

fn work(id: usize) {
    // SAFETY: only `run_on_all` stores there, and what it stores is such a function.
    let work = unsafe { core::mem::transmute::<usize, fn(usize)>(WORK.load(Ordering::SeqCst)) };
    work(id);
}

/// Calls `act` on every CPU, with its number, and returns when all are done. For the first CPU.
pub(crate) fn run_on_all(act: fn(usize)) {
    assert_eq!(id(), 0, "only the first CPU calls the others");
    DONE.store(0, Ordering::SeqCst);
    WORK.store(act as usize, Ordering::SeqCst);
    CALLS.fetch_add(1, Ordering::SeqCst);
    if running() > 1 {
        apic::wake_others();
    }
    act(0);
    while DONE.load(Ordering::SeqCst) < running() - 1 {
        core::hint::spin_loop();
    }
}
