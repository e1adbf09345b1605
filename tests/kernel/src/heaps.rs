//! The kernel's heap.

use crate::platform::interrupts::{self, Disabled};
use crate::platform::{MOST_CPUS, cpus};
use core::ops::Range;
use core::sync::atomic::{AtomicUsize, Ordering};
use hakmem_core::{Cpu, Flat, PerCpuHeap, RegionSource};

/// The CPUs, as the heap sees them.
pub(crate) struct Machine;

// SAFETY: with interrupts disabled nothing else runs on a CPU; each has its own number; what is
// restored at the end is what was there at the beginning, so pins nest.
unsafe impl Cpu for Machine {
    type Pinned = Disabled;

    fn pin() -> Disabled {
        interrupts::disable()
    }

    fn id(_: &Disabled) -> usize {
        cpus::id()
    }
}

/// The heap of everything that the kernel allocates by `alloc`.
#[global_allocator]
pub(crate) static HEAP: Shared = PerCpuHeap::new(RegionSource::new());

/// A cache for each CPU, over 128 MiB.
pub(crate) type Shared = PerCpuHeap<RegionSource, Machine, Flat<2048>, MOST_CPUS>;

/// Memory that is left to heaps of the checks' own.
const SPARE: usize = 24 << 20;

static SPARE_START: AtomicUsize = AtomicUsize::new(0);

/// # Safety
/// It is memory that nobody uses.
pub(crate) unsafe fn give_memory(memory: Range<usize>) {
    let size = memory.len() - SPARE;
    SPARE_START.store(memory.start + size, Ordering::SeqCst);
    // SAFETY: by the caller's word.
    let given = unsafe { HEAP.init(memory.start as *mut u8, size) };
    given.unwrap_or_else(|error| panic!("the heap does not take its memory: {error}"));
}

/// The next `size` bytes of memory that no heap has.
pub(crate) fn take_spare(size: usize) -> *mut u8 {
    static TAKEN: AtomicUsize = AtomicUsize::new(0);
    let at = TAKEN.fetch_add(size, Ordering::SeqCst);
    assert!(at + size <= SPARE, "the checks take more than {SPARE} bytes");
    (SPARE_START.load(Ordering::SeqCst) + at) as *mut u8
}
