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
    fn setrlimit(resource: i32, limit: *const [u64; 2]) -> i32;
}

/// Of addresses, on Linux everywhere but on MIPS and SPARC.
const RLIMIT_AS: i32 = 9;

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

/// Allocates blocks of a size until there are none, and frees them; their number.
fn exhaust(size: usize) -> usize {
    let (mut newest, mut count) = (std::ptr::null_mut::<*mut u8>(), 0);
    loop {
        // SAFETY: no size is 0, and each block has room for a pointer.
        let block = unsafe { GLOBAL.alloc(layout(size)) }.cast::<*mut u8>();
        if block.is_null() {
            break;
        }
        // SAFETY: as above.
        unsafe { block.write(newest.cast()) };
        (newest, count) = (block, count + 1);
    }
    while !newest.is_null() {
        // SAFETY: a block of the list, which holds the next one.
        unsafe {
            let next = newest.read().cast();
            GLOBAL.dealloc(newest.cast(), layout(size));
            newest = next;
        }
    }
    count
}

#[test]
fn a_process_without_addresses_gets_null_and_goes_on() {
    for mib in [0, 1, 8, 100] {
        let name = "a_process_without_addresses_gets_null_and_goes_on";
        let output = child::run(name, &[("MIB_OF_TEST", &mib.to_string())], || {
            let mib: u64 = std::env::var("MIB_OF_TEST").map_or(0, |mib| mib.parse().unwrap_or(0));
            let pages = std::fs::read_to_string("/proc/self/statm").expect("what is mapped");
            let pages: u64 = pages.split(' ').next().and_then(|n| n.parse().ok()).expect("pages");
            let most = pages * 4096 + (mib << 20);
            // SAFETY: the call reads the two words of a limit.
            assert_eq!(unsafe { setrlimit(RLIMIT_AS, &[most, most]) }, 0);
            let sizes = [100, 5_000, 100_000, 3 << 20];
            let first = sizes.map(exhaust);
            for (size, first) in sizes.into_iter().zip(first) {
                assert!(exhaust(size) >= first / 2, "{size} bytes");
            }
        });
        assert_eq!(output.status.code(), Some(0), "{mib} MiB: {output:?}");
        assert_eq!(child::words(&output), [""; 0]);
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
