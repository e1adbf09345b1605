//! Wrong calls that can answer nothing: a panic with a message, unpinned and under no lock.
//!
//! The panic does not unwind, so each runs in a process of its own: this test again, told which.

#![cfg(not(loom))]

mod kernels;

use core::alloc::GlobalAlloc;
use hakmem_core::{Embedded, Hosted, LockedHeap, Profile};
use kernels::{Counting, MIB, PINNED, heap, heap_of, layout, take};
use std::process::Command;
use std::sync::atomic::Ordering;

/// The variable that names the profile and the wrong call.
const CALL: &str = "HAKMEM_TEST_WRONG_CALL";

/// A panic handler that allocates from the heap, as a kernel's does.
fn handle_panics<P: Profile>(heap: &'static LockedHeap<P, Counting>) {
    std::panic::set_hook(Box::new(move |info| {
        if PINNED.load(Ordering::Relaxed) != 0 {
            return eprintln!("pinned");
        }
        let served = if take(heap, 500, 8).is_ok() { "a block" } else { "none" };
        eprintln!("{info}\nthe handler got {served}");
    }));
}

fn call_wrongly<P: Profile>(call: &str) {
    let early = call.contains("before init");
    let heap = if early { heap::<P, Counting>() } else { heap_of(4 * MIB) };
    handle_panics(heap);
    let small = layout(100, 8);
    let mut own = 0_u64;
    let own: *mut u8 = (&raw mut own).cast();
    // SAFETY: what must be noticed.
    unsafe {
        let block = heap.alloc(small);
        match call {
            "free before init" | "foreign" => heap.dealloc(own, small),
            "realloc before init" | "foreign realloc" => _ = heap.realloc(own, small, 2000),
            "twice" => {
                heap.dealloc(block, small);
                heap.dealloc(block, small);
            }
            "size" => heap.dealloc(block, layout(1000, 8)),
            "realloc size" => _ = heap.realloc(block, layout(1000, 8), 2000),
            _ => {}
        }
    }
}

#[test]
fn wrong_calls_panic_when_all_is_released() {
    if let Ok(call) = std::env::var(CALL) {
        match call.split_once(": ") {
            Some(("hosted", call)) => call_wrongly::<Hosted>(call),
            Some(("embedded", call)) => call_wrongly::<Embedded>(call),
            _ => {}
        }
        return eprintln!("it went on");
    }
    let cases = [
        ("free before init", "before it was given memory", "got none"),
        ("realloc before init", "before it was given memory", "got none"),
        ("foreign", "wrong free of 0x", "got a block"),
        ("foreign realloc", "wrong reallocation of 0x", "got a block"),
        ("twice", "free already", "got a block"),
        ("size", "not of that size (stated: 1000 bytes", "got a block"),
        ("realloc size", "wrong reallocation", "got a block"),
    ];
    for (profile, (call, message, served)) in
        ["hosted", "embedded"].into_iter().flat_map(|profile| cases.map(|case| (profile, case)))
    {
        let test = std::env::current_exe().expect("this test");
        let mut child = Command::new(test);
        child.args(["--exact", "wrong_calls_panic_when_all_is_released", "--nocapture"]);
        child.arg("--test-threads=1").env(CALL, format!("{profile}: {call}"));
        let out = child.output().expect("to run it");
        let told = String::from_utf8_lossy(&out.stderr);
        assert!(!out.status.success(), "{profile}, {call}: {told}");
        assert!(told.contains(message) && told.contains(served), "{profile}, {call}: {told}");
        assert!(
            !told.contains("pinned") && !told.contains("it went on"),
            "{profile}, {call}: {told}"
        );
    }
}
