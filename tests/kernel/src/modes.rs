//! What the command line may ask for instead of the checks: each a mistake, to see what the kernel
//! says then.

use crate::heaps::{HEAP, take_spare};
use crate::platform::serial::print_last_words;
use alloc::boxed::Box;
use alloc::vec::Vec;
use core::alloc::{GlobalAlloc, Layout};
use core::hint::black_box;
use core::sync::atomic::{AtomicBool, Ordering};
use hakmem_core::Request;

/// Whether the panic was none in the middle of the heap.
static HEAP_MUST_SERVE: AtomicBool = AtomicBool::new(false);

/// The block that the mistakes are about.
const LAYOUT: Layout = Layout::new::<[u8; 100]>();

/// Mistakes before the heap has memory.
pub(crate) fn before_memory(mode: &str) {
    match mode {
        "panic-alloc-before-init" => drop(Box::new(7)),
        // SAFETY: none, here and below: the heap is to notice.
        "panic-dealloc-before-init" => unsafe { HEAP.dealloc(8 as *mut u8, LAYOUT) },
        _ => {}
    }
}

/// Mistakes after.
pub(crate) fn with_memory(mode: &str) {
    static NOT_OF_THE_HEAP: [u64; 100] = [0; 100];
    if mode.is_empty() {
        return;
    }
    HEAP_MUST_SERVE.store(mode != "panic-page-fault", Ordering::SeqCst);
    // SAFETY: none: the heap, or the CPU, is to notice.
    unsafe {
        match mode {
            "panic-foreign" => HEAP.dealloc((&raw const NOT_OF_THE_HEAP).cast_mut().cast(), LAYOUT),
            "panic-wild" => HEAP.dealloc(0xdead_0000_0000_beef_usize as *mut u8, LAYOUT),
            "panic-double-free" => {
                let block = HEAP.alloc(LAYOUT);
                HEAP.dealloc(block, LAYOUT);
                HEAP.dealloc(block, LAYOUT);
            }
            "panic-interior" => {
                let layout = Layout::new::<[u8; 100_000]>();
                HEAP.dealloc(HEAP.alloc(layout).add(4096), layout);
            }
            "panic-wrong-size" => HEAP.dealloc(HEAP.alloc(LAYOUT), Layout::new::<[u8; 1000]>()),
            "panic-wrong-realloc" => {
                HEAP.realloc(HEAP.alloc(LAYOUT), Layout::new::<[u8; 1000]>(), 2000);
            }
            "panic-out-of-memory" => drop(black_box(Vec::<u8>::with_capacity(1 << 40))),
            "panic-init-twice" => {
                let again = HEAP.init(take_spare(1 << 20), 1 << 20);
                again.unwrap_or_else(|error| panic!("{error}"));
            }
            "panic-page-fault" => (0x1234_5678_0000 as *mut u8).write_volatile(1),
            _ => panic!("no mode is called {mode}"),
        }
    }
    panic!("nobody noticed {mode}");
}

/// What follows a panic's message: that the heap was left in order.
pub(crate) fn last_words() {
    if HEAP_MUST_SERVE.swap(false, Ordering::SeqCst) {
        let served = HEAP.allocate(Request::new(LAYOUT)).is_ok();
        print_last_words(format_args!("the heap still serves: {served}"));
    }
}
