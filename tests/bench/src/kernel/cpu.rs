//! CPUs for a program: each thread is one, and pins as a kernel does that disables preemption.

use core::cell::Cell;
use core::sync::atomic::{Ordering, compiler_fence};

use hakmem_core::Cpu;

/// Threads that may use a heap at the same time.
pub(super) const CPUS: usize = 2;

thread_local! {
    static ID: Cell<usize> = const { Cell::new(0) };
    /// What a kernel has for each CPU: above 0, whoever runs there is not preempted.
    static PINS: Cell<usize> = const { Cell::new(0) };
}

/// Makes this thread CPU `id`.
///
/// # Safety
/// No other thread that is `id` uses a heap until this one has ended.
pub(super) unsafe fn become_cpu(id: usize) {
    ID.set(id);
}

/// A thread as a CPU. To pin counts up, to unpin counts down, as in a kernel whose threads alone
/// allocate. Where interrupt handlers do, too, a kernel disables interrupts instead: what `cli` and
/// `sti` take is not in it, for a program may not execute them.
pub(super) struct ThreadCpu;

/// Counts down when it goes.
pub(super) struct Pinned;

// SAFETY: threads at work have different numbers, says `become_cpu`, and nothing interrupts one that
// allocates.
unsafe impl Cpu for ThreadCpu {
    type Pinned = Pinned;

    #[inline(always)]
    fn pin() -> Pinned {
        PINS.set(PINS.get() + 1);
        // The compiler moves nothing across: in a kernel somebody else looks at the count.
        compiler_fence(Ordering::SeqCst);
        Pinned
    }

    #[inline(always)]
    fn id(_: &Pinned) -> usize {
        ID.get()
    }
}

impl Drop for Pinned {
    #[inline(always)]
    fn drop(&mut self) {
        compiler_fence(Ordering::SeqCst);
        PINS.set(PINS.get() - 1);
    }
}
