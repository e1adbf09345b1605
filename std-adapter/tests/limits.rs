//! Limits on the heap, each in a process of its own, for they hold for all of it.

mod child;

use std::alloc::{GlobalAlloc, Layout};
use std::process::Output;
use std::ptr::null_mut;
use std::sync::atomic::{AtomicPtr, AtomicUsize, Ordering};

use hakmem::{Refusal, Retry};

#[global_allocator]
static GLOBAL: hakmem::Hakmem = hakmem::Hakmem;

const MIB: usize = 1 << 20;

fn layout(size: usize) -> Layout {
    Layout::from_size_align(size, 8).expect("a layout")
}

/// A block, or null.
fn alloc(size: usize) -> *mut u8 {
    // SAFETY: the size is not zero.
    unsafe { GLOBAL.alloc(layout(size)) }
}

fn free(block: *mut u8, size: usize) {
    // SAFETY: the tests free what they allocated, once.
    unsafe { GLOBAL.dealloc(block, layout(size)) };
}

/// Allocates blocks until there is no memory, frees them, and answers their number.
fn exhaust(size: usize, limit: usize) -> usize {
    let mut blocks = Vec::with_capacity(limit / size);
    while blocks.len() < blocks.capacity() {
        let block = alloc(size);
        assert!(hakmem::stats().mapped <= limit);
        if block.is_null() {
            break;
        }
        blocks.push(block);
    }
    assert!(blocks.len() < blocks.capacity(), "nothing was refused");
    let count = blocks.len();
    blocks.into_iter().for_each(|block| free(block, size));
    count
}

/// Leaves so many bytes to the limit.
fn leave(bytes: usize) {
    hakmem::purge();
    hakmem::set_limit(Some(hakmem::stats().mapped + bytes));
}

fn succeeded(output: &Output) {
    assert_eq!(output.status.code(), Some(0), "{output:?}");
    assert_eq!(child::words(output), [""; 0]);
}

#[test]
fn the_environment_limits() {
    let variables = [("HAKMEM_LIMIT", "64M"), ("HAKMEM_SOFT_LIMIT", "16MiB")];
    let output = child::run("the_environment_limits", &variables, || {
        assert_eq!(hakmem::stats().limit, Some(64 * MIB));
        for size in [5000, 100_000, 3 * MIB, 5000] {
            assert!(exhaust(size, 64 * MIB) > 40 * MIB / size);
        }
        assert!(Vec::<u8>::new().try_reserve(80 * MIB).is_err());
        hakmem::set_limit(None);
        assert!(Vec::<u8>::new().try_reserve(80 * MIB).is_ok());
    });
    succeeded(&output);
}

#[test]
fn a_bad_limit_is_warned_of_once_and_limits_nothing() {
    for value in ["0", "-5", "64 M", "plenty", "99999999999T"] {
        let name = "a_bad_limit_is_warned_of_once_and_limits_nothing";
        let output = child::run(name, &[("HAKMEM_LIMIT", value)], || {
            assert_eq!(hakmem::stats().limit, None);
        });
        assert_eq!(output.status.code(), Some(0), "{output:?}");
        let words = child::words(&output);
        assert_eq!(words.len(), 1, "{words:?}");
        assert!(words[0].contains(&format!("HAKMEM_LIMIT={value}: expected")), "{words:?}");
    }
}

const RESERVE: usize = 32 * MIB;
static RESERVED: AtomicPtr<u8> = AtomicPtr::new(null_mut());
static ASKED: AtomicUsize = AtomicUsize::new(0);

fn free_the_reserve(refusal: Refusal) -> Retry {
    ASKED.fetch_add(1, Ordering::Relaxed);
    let limit = refusal.limit.expect("a limit");
    assert!(refusal.mapped <= limit, "{refusal:?}");
    let reserved = RESERVED.swap(null_mut(), Ordering::Relaxed);
    if reserved.is_null() {
        return Retry::Refuse;
    }
    free(reserved, RESERVE);
    Retry::Again
}

/// Does `act`, whose allocation must need the reserve, and no more than that.
fn served(act: impl FnOnce()) {
    RESERVED.store(alloc(RESERVE), Ordering::Relaxed);
    assert!(!RESERVED.load(Ordering::Relaxed).is_null());
    leave(4 * MIB);
    ASKED.store(0, Ordering::Relaxed);
    act();
    assert_eq!(ASKED.load(Ordering::Relaxed), 1);
    hakmem::set_limit(None);
}

#[test]
fn the_program_is_asked_before_each_refusal() {
    let output = child::run("the_program_is_asked_before_each_refusal", &[], || {
        hakmem::on_refusal(Some(free_the_reserve));
        for (size, align) in [(16 * MIB, 8), (15 * MIB, 4096)] {
            let layout = Layout::from_size_align(size, align).expect("a layout");
            // SAFETY: sizes are not zero, and each block is freed once.
            unsafe {
                served(|| {
                    let block = GLOBAL.alloc(layout);
                    assert!(!block.is_null());
                    GLOBAL.dealloc(block, layout);
                });
                served(|| {
                    let block = GLOBAL.alloc_zeroed(layout);
                    assert!(!block.is_null() && *block.add(size - 1) == 0);
                    GLOBAL.dealloc(block, layout);
                });
                for old in [100, 100_000, 3 * MIB] {
                    let old = Layout::from_size_align(old, align).expect("a layout");
                    let block = GLOBAL.alloc(old);
                    block.write_bytes(7, old.size());
                    served(|| {
                        let moved = GLOBAL.realloc(block, old, size);
                        assert!(!moved.is_null() && *moved.add(old.size() - 1) == 7);
                        GLOBAL.dealloc(moved, layout);
                    });
                }
            }
        }
        #[cfg(feature = "allocator-api2")]
        {
            use allocator_api2::alloc::Allocator;
            served(|| {
                let block = hakmem::Hakmem.allocate(layout(16 * MIB)).expect("memory");
                // SAFETY: just allocated.
                unsafe { hakmem::Hakmem.deallocate(block.cast(), layout(16 * MIB)) };
            });
        }
        leave(4 * MIB);
        ASKED.store(0, Ordering::Relaxed);
        assert!(alloc(8 * MIB).is_null());
        assert_eq!(ASKED.load(Ordering::Relaxed), 1);
        hakmem::on_refusal(None);
        assert!(alloc(8 * MIB).is_null());
        assert_eq!(ASKED.load(Ordering::Relaxed), 1);
    });
    succeeded(&output);
}

/// It may allocate, and is not asked about what is refused to itself; and to say "again" for ever is
/// no way to hang.
#[test]
fn the_function_may_allocate_and_comes_to_an_end() {
    fn again(refusal: Refusal) -> Retry {
        ASKED.fetch_add(1, Ordering::Relaxed);
        assert!(alloc(refusal.size).is_null());
        assert_eq!(vec![1; 1000].len(), 1000);
        Retry::Again
    }
    let output = child::run("the_function_may_allocate_and_comes_to_an_end", &[], || {
        hakmem::on_refusal(Some(again));
        leave(4 * MIB);
        for calls in 1..4 {
            assert!(alloc(8 * MIB).is_null());
            assert_eq!(ASKED.load(Ordering::Relaxed), calls * 16);
        }
    });
    succeeded(&output);
}

/// A limit below what is held: what is live stays, and there is service again once enough is freed.
#[test]
fn a_limit_below_what_is_held() {
    let output = child::run("a_limit_below_what_is_held", &[], || {
        let block = alloc(32 * MIB);
        hakmem::set_limit(Some(16 * MIB));
        assert!(alloc(4 * MIB).is_null());
        // SAFETY: live.
        unsafe { block.write_bytes(1, 32 * MIB) };
        free(block, 32 * MIB);
        assert!(hakmem::stats().mapped <= 16 * MIB);
        assert!(exhaust(4 * MIB, 16 * MIB) >= 2);
    });
    succeeded(&output);
}
