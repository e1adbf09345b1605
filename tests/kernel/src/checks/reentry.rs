//! A heap whose pin does not hold interrupts off: a handler that comes in the middle of a call is told so.

use crate::heaps::take_spare;
use crate::platform::{apic, cpus, interrupts};
use alloc::format;
use alloc::string::String;
use core::alloc::Layout;
use core::sync::atomic::{AtomicUsize, Ordering};
use hakmem_core::{AllocError, Cpu, Flat, PerCpuHeap, RegionSource, Request};

/// Says who it is and holds nobody off.
struct Careless;

// SAFETY: none: it breaks its promise, which is what is put to the test. Only the first CPU uses it.
unsafe impl Cpu for Careless {
    type Pinned = ();

    fn pin() {}

    fn id((): &()) -> usize {
        cpus::id()
    }
}

static HEAP: PerCpuHeap<RegionSource, Careless, Flat<64>, 1> = PerCpuHeap::new(RegionSource::new());

const SIZE: usize = 3 << 20;
const LAYOUT: Layout = Layout::new::<[u8; 100]>();

/// An interrupt every 50 us.
const PERIOD: u32 = 3125;
const ENOUGH: usize = 20;

static SERVED: AtomicUsize = AtomicUsize::new(0);
static REFUSED: AtomicUsize = AtomicUsize::new(0);

fn tick() {
    match HEAP.allocate(Request::new(LAYOUT)) {
        Ok(block) => {
            // SAFETY: just allocated.
            let freed = unsafe { HEAP.deallocate(block.cast(), LAYOUT) };
            assert_eq!(freed, Ok(()));
            SERVED.fetch_add(1, Ordering::Relaxed);
        }
        Err(error) => {
            assert_eq!(error, AllocError::Reentered);
            REFUSED.fetch_add(1, Ordering::Relaxed);
        }
    }
}

pub(super) fn a_handler_in_the_middle_is_refused() -> String {
    // SAFETY: nobody else's.
    unsafe { HEAP.init(take_spare(SIZE), SIZE) }.expect("a good region");
    interrupts::on_tick(tick);
    apic::start_timer(PERIOD);
    // Most of this is in calls, so that an interrupt must come in the middle of one before long.
    while REFUSED.load(Ordering::Relaxed) < ENOUGH {
        let block = HEAP.allocate(Request::new(LAYOUT)).expect("there is memory");
        // SAFETY: just allocated.
        unsafe { HEAP.deallocate(block.cast(), LAYOUT) }.expect("a block of this heap");
    }
    apic::stop_timer();
    #[cfg(feature = "validate")]
    HEAP.validate().unwrap_or_else(|broken| panic!("{broken:?}"));
    let served = SERVED.load(Ordering::Relaxed);
    format!("{ENOUGH} interrupts in the middle of a call were refused, {served} elsewhere served")
}
