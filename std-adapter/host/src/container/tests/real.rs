//! The machine that the tests run on.

use super::made::Made;
use crate::container::{Limits, Root, pressure, read, usage};
use core::ffi::c_int;

#[test]
fn the_machine_itself_can_be_read() {
    let root = Root::new();
    let limits = read(&root);
    if let Some(cpus) = limits.cpus_milli {
        assert_ne!(cpus, 0);
    }
    if let Some(usage) = usage(&root) {
        // A group with a limit was found, so the limits have one, and none is larger.
        let Limits { memory_max, memory_high, .. } = limits;
        let smallest = [memory_max, memory_high].into_iter().flatten().min();
        assert!(smallest.is_some_and(|smallest| smallest <= usage.limit));
        assert!(usage.headroom() <= usage.limit);
    }
    if let Some(pressure) = pressure(&root) {
        // Whenever all wait, some do.
        assert!(pressure.full_avg10 <= pressure.some_avg10);
    }
}

#[test]
fn errno_stays_as_it_was() {
    unsafe extern "C" {
        safe fn __errno_location() -> *mut c_int;
    }
    let made = Made::unified("/a");
    made.file("sys/fs/cgroup/a/memory.max", "9000");
    for root in [Root::new(), made.root(), Root::at(b"/no-such-folder").unwrap()] {
        for value in [0, 12345] {
            // SAFETY: the thread's own, always there.
            unsafe { *__errno_location() = value };
            read(&root);
            usage(&root);
            pressure(&root);
            // SAFETY: as above.
            assert_eq!(unsafe { *__errno_location() }, value);
        }
    }
}
