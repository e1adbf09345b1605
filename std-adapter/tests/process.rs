//! `fork`, wrong calls, and the environment: each in a process of its own.

mod child;

use std::alloc::{GlobalAlloc, Layout};
use std::os::unix::process::ExitStatusExt;
use std::process::Output;
use std::sync::atomic::{AtomicBool, Ordering};
use std::thread;

#[global_allocator]
static GLOBAL: hakmem::Hakmem = hakmem::Hakmem;

const SIGABRT: i32 = 6;

unsafe extern "C" {
    fn fork() -> i32;
    fn waitpid(process: i32, status: *mut i32, options: i32) -> i32;
    fn _exit(status: i32) -> !;
    fn alarm(seconds: u32) -> u32;
    fn malloc(size: usize) -> *mut u8;
}

fn layout(size: usize) -> Layout {
    Layout::from_size_align(size, 8).expect("a layout")
}

/// The child was ended by `abort` after one line with these words.
fn aborted(output: &Output, said: &str) {
    let words = child::words(output);
    assert_eq!(output.status.signal(), Some(SIGABRT), "{output:?}");
    assert_eq!(words.len(), 1, "{words:?}");
    assert!(words[0].contains(said), "{words:?}");
}

#[test]
fn a_child_forked_amid_threads_can_allocate() {
    static STOP: AtomicBool = AtomicBool::new(false);
    let threads: Vec<_> = (0..3)
        .map(|_| {
            thread::spawn(|| {
                let mut kept = Vec::new();
                while !STOP.load(Ordering::Relaxed) {
                    kept.push(vec![0_u8; 50_000]);
                    kept.push(vec![0_u8; 100]);
                    if kept.len() > 3_000 {
                        kept.clear();
                    }
                }
            })
        })
        .collect();
    for _ in 0..60 {
        // SAFETY: the child calls nothing but the allocator, `alarm` and `_exit`.
        let child = unsafe { fork() };
        assert!(child >= 0);
        if child == 0 {
            // SAFETY: in the child; a heap that is stuck ends in SIGALRM.
            unsafe {
                alarm(20);
                for size in 1..400 {
                    let layout = layout(size * 100);
                    let block = GLOBAL.alloc(layout);
                    if block.is_null() {
                        _exit(1);
                    }
                    block.write_bytes(1, layout.size());
                    if size % 2 == 0 {
                        GLOBAL.dealloc(block, layout);
                    }
                }
                _exit(0);
            }
        }
        let mut status = -1;
        // SAFETY: the child just forked, and a place for its status.
        assert_eq!(unsafe { waitpid(child, &mut status, 0) }, child);
        assert_eq!(status, 0);
    }
    STOP.store(true, Ordering::Relaxed);
    for thread in threads {
        thread.join().expect("no panic");
    }
}

#[test]
fn a_wrong_size_aborts() {
    let output = child::run("a_wrong_size_aborts", &[], || {
        // SAFETY: none: this is the mistake under test.
        unsafe {
            let block = GLOBAL.alloc(layout(32));
            GLOBAL.dealloc(block, layout(200));
        }
    });
    aborted(&output, "wrong size");
}

#[test]
fn a_wrong_size_of_a_large_block_aborts() {
    let output = child::run("a_wrong_size_of_a_large_block_aborts", &[], || {
        // SAFETY: none: this is the mistake under test.
        unsafe {
            let block = GLOBAL.alloc(layout(5 << 20));
            GLOBAL.dealloc(block, layout(9 << 20));
        }
    });
    aborted(&output, "wrong size");
}

#[test]
fn a_second_free_aborts() {
    let output = child::run("a_second_free_aborts", &[], || {
        // SAFETY: none: this is the mistake under test.
        unsafe {
            let block = GLOBAL.alloc(layout(48));
            GLOBAL.dealloc(block, layout(48));
            GLOBAL.dealloc(block, layout(48));
        }
    });
    aborted(&output, "double free");
}

#[test]
fn a_foreign_pointer_aborts() {
    let output = child::run("a_foreign_pointer_aborts", &[], || {
        // SAFETY: none: this is the mistake under test.
        unsafe { GLOBAL.dealloc(malloc(48), layout(48)) };
    });
    aborted(&output, "not from this heap");
}

#[test]
fn a_foreign_pointer_may_be_passed_over_or_on() {
    for policy in ["ignore", "libc"] {
        let name = "a_foreign_pointer_may_be_passed_over_or_on";
        let output = child::run(name, &[("HAKMEM_FOREIGN", policy)], || {
            for _ in 0..100 {
                // SAFETY: the user's policy allows it.
                unsafe { GLOBAL.dealloc(malloc(48), layout(48)) };
            }
        });
        assert_eq!(output.status.code(), Some(0), "{output:?}");
        assert_eq!(child::words(&output), [""; 0]);
    }
}

#[test]
fn each_bad_variable_gets_one_line() {
    let bad = [("HAKMEM_FOREIGN", "perhaps"), ("HAKMEM_COLOUR", "red"), ("HAKMEM_STATS", "0")];
    let output = child::run("each_bad_variable_gets_one_line", &bad, || {
        let threads: Vec<_> = (0..4).map(|_| thread::spawn(|| vec![1; 100])).collect();
        for thread in threads {
            assert_eq!(thread.join().expect("no panic").len(), 100);
        }
    });
    assert_eq!(output.status.code(), Some(0), "{output:?}");
    let mut words = child::words(&output);
    words.sort();
    assert_eq!(words.len(), 2, "{words:?}");
    assert!(words[0].contains("HAKMEM_COLOUR"), "{words:?}");
    assert!(words[1].contains("HAKMEM_FOREIGN=perhaps"), "{words:?}");
}
