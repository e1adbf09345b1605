//! Wrong calls that can answer nothing: a panic with a message, unpinned and under no lock.
//!
//! The panic does not unwind, so each runs in a process of its own: this test again, told which.

use super::{CPUS, Heap, empty, heap_of, take};
use crate::cpus::{depth, move_to};
use crate::kernels::{MIB, layout};
use core::alloc::GlobalAlloc;
use hakmem_core::Request;
use std::panic;
use std::process::Command;

/// The variable that names the wrong call.
const CALL: &str = "HAKMEM_TEST_WRONG_CALL";

/// A heap whose panic handler allocates from it, as a kernel's does.
fn with_handler(heap: &'static Heap<15>) {
    panic::set_hook(Box::new(move |info| {
        if depth() != 0 {
            return eprintln!("pinned");
        }
        let block = take(heap, Request::new(layout(500, 8)), 1);
        let served = if block.is_ok() { "a block" } else { "none" };
        eprintln!("{info}\nthe handler got {served}");
    }));
}

fn call_wrongly(call: &str) {
    if call.starts_with("realloc ") {
        return super::short::call_wrongly(call);
    }
    let small = layout(100, 8);
    let heap = if call == "before init" { empty() } else { heap_of(4 * MIB) };
    with_handler(heap);
    let mut own = 0u64;
    let own: *mut u8 = (&raw mut own).cast();
    // SAFETY: what must be noticed.
    unsafe {
        let block = heap.alloc(small);
        match call {
            "foreign" | "before init" => heap.dealloc(own, small),
            "twice" => {
                heap.dealloc(block, small);
                heap.dealloc(block, small);
            }
            "size" => heap.dealloc(block, layout(1000, 8)),
            "realloc" => _ = heap.realloc(own, small, 2000),
            "cpu" => {
                move_to(CPUS + 2);
                heap.dealloc(block, small);
            }
            _ => {}
        }
    }
}

/// What the child wrote that makes a wrong call, and does not survive it.
fn told_by(call: &str) -> String {
    let test = std::env::current_exe().expect("this test");
    let name = "panics::wrong_calls_panic_when_all_is_released";
    let mut child = Command::new(test);
    child.args(["--exact", name, "--nocapture", "--test-threads=1"]).env(CALL, call);
    let out = child.output().expect("to run it");
    let told = String::from_utf8_lossy(&out.stderr).into_owned();
    assert!(!out.status.success(), "{call}: {told}");
    told
}

#[test]
fn wrong_calls_panic_when_all_is_released() {
    if let Ok(call) = std::env::var(CALL) {
        call_wrongly(&call);
        return eprintln!("it went on");
    }
    let cases = [
        ("foreign", "not from this heap", true),
        ("before init", "before it was given memory", false),
        ("twice", "free already", true),
        ("size", "not of that size (stated: 1000 bytes; the block there: 112)", true),
        ("realloc", "not from this heap", true),
        ("cpu", "CPU 6 has no cache", false),
    ];
    for (call, message, served) in cases {
        let told = told_by(call);
        assert!(told.contains(message), "{call}: {told}");
        let served = if served { "got a block" } else { "got none" };
        assert!(told.contains(served), "{call}: {told}");
        assert!(!told.contains("pinned") && !told.contains("it went on"), "{call}: {told}");
    }
    let short = [
        ("realloc on an untouched CPU", "not from this heap"),
        ("realloc inside", "not the start of a block"),
        ("realloc of another size", "not of that size (stated: 200 bytes; the block there: 112)"),
        ("realloc of what is free", "free already"),
    ];
    for (call, message) in short {
        let told = told_by(call);
        assert!(told.contains(message) && !told.contains("it went on"), "{call}: {told}");
    }
}
