//! CPUs for a program: each thread is one, and pins as a kernel does, as far as a program can.

use core::cell::Cell;
use core::sync::atomic::{AtomicUsize, Ordering::Relaxed};

use hakmem_core::Cpu;

/// Threads that may use a heap.
pub(super) const CPUS: usize = 2;

/// The number of a thread that has none yet.
const NONE: usize = usize::MAX;

static NEXT: AtomicUsize = AtomicUsize::new(0);

thread_local! {
    static ID: Cell<usize> = const { Cell::new(NONE) };
}

/// A thread as a CPU. To pin saves the flags register and to unpin restores it, which is what a kernel
/// that disables interrupts pays, but for the one instruction that disables them (`cli`, some cycles),
/// which a program may not execute. Elsewhere than on x86-64 pins cost nothing.
pub(super) struct ThreadCpu;

/// The flags as they were.
pub(super) struct Pinned(#[cfg_attr(not(target_arch = "x86_64"), expect(dead_code))] usize);

// SAFETY: no two threads have the same number, a thread keeps its own, and nothing interrupts one that
// allocates.
unsafe impl Cpu for ThreadCpu {
    type Pinned = Pinned;

    #[inline(always)]
    fn pin() -> Pinned {
        Pinned(save_flags())
    }

    #[inline(always)]
    fn id(_: &Pinned) -> usize {
        match ID.get() {
            NONE => first_id(),
            id => id,
        }
    }
}

impl Drop for Pinned {
    #[inline(always)]
    fn drop(&mut self) {
        #[cfg(target_arch = "x86_64")]
        // SAFETY: the flags that were saved, on a stack of their own.
        unsafe {
            core::arch::asm!("push {}", "popfq", in(reg) self.0);
        }
    }
}

#[cold]
fn first_id() -> usize {
    let id = NEXT.fetch_add(1, Relaxed);
    ID.set(id);
    id
}

#[inline(always)]
fn save_flags() -> usize {
    #[cfg(target_arch = "x86_64")]
    {
        let flags: usize;
        // SAFETY: reads the flags, by way of the stack.
        unsafe { core::arch::asm!("pushfq", "pop {}", out(reg) flags) };
        flags
    }
    #[cfg(not(target_arch = "x86_64"))]
    0
}
