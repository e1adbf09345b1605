//! Threads as CPUs: to be pinned is to have a CPU's number to oneself.

use hakmem_core::Cpu;
use std::cell::Cell;
use std::sync::atomic::{AtomicUsize, Ordering};

/// CPUs that there are, some more than the heaps have caches for.
const THERE: usize = 8;
/// Tests that run side by side, each on CPUs of its own.
const TESTS: usize = 17;

/// For each CPU, the thread that is pinned to it; 0: none.
static PINNED: [[AtomicUsize; THERE]; TESTS] =
    [const { [const { AtomicUsize::new(0) }; THERE] }; TESTS];
static THREADS: AtomicUsize = AtomicUsize::new(1);

thread_local! {
    static ME: usize = THREADS.fetch_add(1, Ordering::Relaxed);
    static CPU: Cell<usize> = const { Cell::new(0) };
    /// Pins that this thread has.
    static DEPTH: Cell<usize> = const { Cell::new(0) };
    /// Pins that this thread has had.
    static PINS: Cell<usize> = const { Cell::new(0) };
}

/// Moves this thread to another CPU, which it shares with whoever else is there.
pub(crate) fn move_to(cpu: usize) {
    assert_eq!(depth(), 0, "moved while pinned");
    CPU.set(cpu);
}

/// Pins that this thread has.
pub(crate) fn depth() -> usize {
    DEPTH.get()
}

/// Pins that this thread has had so far.
pub(crate) fn pins() -> usize {
    PINS.get()
}

/// The CPUs of one test.
pub(crate) struct Cpus<const TEST: usize>;

/// A pin.
pub(crate) struct Pinned<const TEST: usize>(usize);

// SAFETY: who is pinned holds the CPU's place in `PINNED`, until the last of its pins is dropped.
unsafe impl<const TEST: usize> Cpu for Cpus<TEST> {
    type Pinned = Pinned<TEST>;

    fn pin() -> Pinned<TEST> {
        let (id, me) = (CPU.get(), ME.with(|me| *me));
        let place = &PINNED[TEST][id];
        if DEPTH.get() == 0 {
            let relaxed = Ordering::Relaxed;
            while place.compare_exchange(0, me, Ordering::Acquire, relaxed).is_err() {
                std::thread::yield_now();
            }
        }
        assert_eq!(place.load(Ordering::Relaxed), me, "two are pinned to CPU {id}");
        DEPTH.set(DEPTH.get() + 1);
        PINS.set(PINS.get() + 1);
        Pinned(id)
    }

    fn id(pinned: &Pinned<TEST>) -> usize {
        pinned.0
    }
}

impl<const TEST: usize> Drop for Pinned<TEST> {
    fn drop(&mut self) {
        DEPTH.set(DEPTH.get() - 1);
        let place = &PINNED[TEST][self.0];
        assert_eq!(place.load(Ordering::Relaxed), ME.with(|me| *me), "it was not pinned");
        if DEPTH.get() == 0 {
            place.store(0, Ordering::Release);
        }
    }
}
