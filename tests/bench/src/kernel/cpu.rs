//! CPUs for a program: each thread is one, and pins as a kernel does that disables preemption.

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
    /// What a kernel has for each CPU: above 0, whoever runs there is not preempted.
    static PINS: Cell<usize> = const { Cell::new(0) };
}

/// A thread as a CPU. To pin counts up, to unpin counts down, as in a kernel whose threads alone
/// allocate. Where interrupt handlers do, too, a kernel disables interrupts instead: what `cli` and
/// `sti` take is not in it, for a program may not execute them.
pub(super) struct ThreadCpu;

/// Counts down when it goes.
pub(super) struct Pinned;

// SAFETY: no two threads have the same number, a thread keeps its own, and nothing interrupts one that
// allocates.
unsafe impl Cpu for ThreadCpu {
    type Pinned = Pinned;

    #[inline(always)]
    fn pin() -> Pinned {
        PINS.set(PINS.get() + 1);
        barrier();
        Pinned
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
        barrier();
        PINS.set(PINS.get() - 1);
    }
}

/// The compiler moves nothing across, as it must not where somebody else looks at the count.
#[inline(always)]
fn barrier() {
    core::sync::atomic::compiler_fence(core::sync::atomic::Ordering::SeqCst);
}

#[cold]
fn first_id() -> usize {
    let id = NEXT.fetch_add(1, Relaxed);
    ID.set(id);
    id
}
