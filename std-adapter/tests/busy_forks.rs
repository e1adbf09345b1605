//! Forks in the midst of threads that allocate, hand blocks to each other, and end: every child finds
//! what it inherited whole, and can free, allocate and fork again. In the end nothing is lost.
//!
//! One test, in a process of its own: it compares what the whole heap holds.

use std::alloc::{GlobalAlloc, Layout};
use std::sync::atomic::{AtomicBool, AtomicPtr, AtomicUsize, Ordering};
use std::thread;

#[global_allocator]
static GLOBAL: hakmem::Hakmem = hakmem::Hakmem;

const THREADS: usize = 4;
const FORKS: usize = 60;
/// Steps of a thread before it ends and another follows.
const LIFE: usize = 3_000;
/// Blocks that the main thread holds, for its children to inherit.
const INHERITED: usize = 200;

unsafe extern "C" {
    fn fork() -> i32;
    fn waitpid(process: i32, status: *mut i32, options: i32) -> i32;
    fn _exit(status: i32) -> !;
    fn alarm(seconds: u32) -> u32;
}

/// Blocks that any thread may take and free.
static SHARED: [AtomicPtr<u8>; 64] = [const { AtomicPtr::new(std::ptr::null_mut()) }; 64];
static STOP: AtomicBool = AtomicBool::new(false);
/// Threads that came and went.
static ENDED: AtomicUsize = AtomicUsize::new(0);

fn layout(size: usize) -> Layout {
    Layout::from_size_align(size, 8).expect("a layout")
}

/// Of all layers, small ones most often.
fn size(random: u64) -> usize {
    let part = (random >> 20) as usize;
    16 + match random % 64 {
        0..50 => part % 1_000,
        50..60 => part % 30_000,
        60..63 => part % 300_000,
        _ => (2 << 20) + part % 500_000,
    }
}

fn next(random: &mut u64) -> u64 {
    *random ^= *random << 13;
    *random ^= *random >> 7;
    *random ^= *random << 17;
    *random
}

/// A block that begins with its size, and ends with it too. Null: no memory.
fn make(size: usize) -> *mut u8 {
    // SAFETY: no size is 0; both words lie within the block, unaligned at its end.
    unsafe {
        let block = GLOBAL.alloc(layout(size));
        if !block.is_null() {
            block.cast::<usize>().write(size);
            block.add(size - 8).cast::<usize>().write_unaligned(size);
        }
        block
    }
}

/// Checks a block and frees it; whether it was whole. Null is.
///
/// # Safety
/// A block of `make`'s that nobody else has, or null.
unsafe fn end(block: *mut u8) -> bool {
    if block.is_null() {
        return true;
    }
    // SAFETY: as `make` left it.
    unsafe {
        let size = block.cast::<usize>().read();
        if size != block.add(size - 8).cast::<usize>().read_unaligned() {
            return false;
        }
        block.cast::<usize>().write(0);
        GLOBAL.dealloc(block, layout(size));
    }
    true
}

/// Puts new blocks into shared places and frees what was there.
fn churn(random: &mut u64, steps: usize) -> bool {
    (0..steps).all(|_| {
        let block = make(size(next(random)));
        let place = &SHARED[next(random) as usize % SHARED.len()];
        // ORDERING: AcqRel hands the block's contents from who made it to who frees it.
        let old = place.swap(block, Ordering::AcqRel);
        // SAFETY: the place held it, and nobody else took it.
        !block.is_null() && unsafe { end(old) }
    })
}

/// What a child does; calls nothing but the allocator and what is safe after a fork. Answers its exit
/// code.
fn child(inherited: &mut [*mut u8; INHERITED], depth: usize) -> i32 {
    // SAFETY: a heap that is stuck ends in SIGALRM.
    unsafe { alarm(60) };
    let mut random = 0x9e37_79b9_7f4a_7c15 + depth as u64;
    for block in inherited.iter_mut() {
        // SAFETY: this process's copy of a block that is nobody else's.
        if !unsafe { end(*block) } {
            return 2;
        }
        *block = make(size(next(&mut random)));
    }
    if !churn(&mut random, 300) {
        return 3;
    }
    if depth > 0 && forked(inherited, depth - 1) != 0 {
        return 4;
    }
    // SAFETY: made above.
    if inherited.iter().all(|&block| unsafe { end(block) }) { 0 } else { 5 }
}

/// Forks; the status with which the child ended.
fn forked(inherited: &mut [*mut u8; INHERITED], depth: usize) -> i32 {
    // SAFETY: the child calls only what `child` does, and `_exit`.
    unsafe {
        let process = fork();
        if process == 0 {
            _exit(child(inherited, depth));
        }
        let mut status = -1;
        if waitpid(process, &mut status, 0) == process { status } else { -1 }
    }
}

#[test]
fn children_of_a_busy_process_live_and_nothing_is_lost() {
    let lanes: Vec<_> = (1..=THREADS as u64)
        .map(|lane| {
            thread::spawn(move || {
                let mut random = lane.wrapping_mul(0x2545_f491_4f6c_dd1d);
                while !STOP.load(Ordering::Relaxed) {
                    let mut seed = next(&mut random);
                    let life = thread::spawn(move || churn(&mut seed, LIFE));
                    assert!(life.join().expect("no panic"), "a block was not whole");
                    ENDED.fetch_add(1, Ordering::Relaxed);
                }
            })
        })
        .collect();
    let mut random = 0xf39c_c060_5ced_c834;
    let mut inherited = [(); INHERITED].map(|()| make(size(next(&mut random))));
    let mut forks = 0;
    // As many more as it takes until threads came and went beside it.
    while forks < FORKS || ENDED.load(Ordering::Relaxed) < 2 * THREADS {
        assert_eq!(forked(&mut inherited, 2), 0, "child {forks}");
        forks += 1;
    }
    STOP.store(true, Ordering::Relaxed);
    lanes.into_iter().for_each(|lane| lane.join().expect("no panic"));
    let left = SHARED.iter().map(|place| place.swap(std::ptr::null_mut(), Ordering::AcqRel));
    for block in left.chain(inherited) {
        // SAFETY: taken out of the only place that held it.
        assert!(unsafe { end(block) });
    }
    hakmem::purge();
    let stats = hakmem::stats();
    // What is left is the test harness's: blocks in a superslab or two, and no large ones.
    assert_eq!(stats.large.count, 0, "{stats:?}");
    assert!(stats.slabs.count <= 2 && stats.spans.count <= 1, "{stats:?}");
    assert!(stats.kept == 0 && stats.slabs.held + stats.spans.held < 1 << 20, "{stats:?}");
}
