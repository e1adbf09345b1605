//! What the command line may ask for instead of the checks: each a mistake, to see what the kernel
//! says then.

use alloc::boxed::Box;

/// Mistakes before the heap has memory.
pub(crate) fn before_memory(mode: &str) {
    match mode {
        "panic-alloc-before-init" => drop(Box::new(7)),
        _ => {}
    }
}

/// Mistakes after.
pub(crate) fn with_memory(mode: &str) {
    match mode {
        "" => {}
        // SAFETY: none; the CPU is to notice.
        "panic-page-fault" => unsafe { (0x1234_5678_0000 as *mut u8).write_volatile(1) },
        _ => panic!("no mode is called {mode}"),
    }
}
