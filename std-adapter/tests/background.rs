//! The background thread in a Rust program, each case in a process of its own.

mod child;

use std::sync::{Arc, Barrier};
use std::thread::{self, JoinHandle};
use std::time::Duration;

#[global_allocator]
static GLOBAL: hakmem::Hakmem = hakmem::Hakmem;

const MIB: usize = 1 << 20;
const WORKERS: usize = 3;

/// How many threads there are, and how many of them are hakmem's.
fn threads() -> (usize, usize) {
    let tasks = std::fs::read_dir("/proc/self/task").expect("a /proc");
    let names = tasks.filter_map(|task| {
        // A thread may have ended meanwhile.
        std::fs::read_to_string(task.ok()?.path().join("comm")).ok()
    });
    names.fold((0, 0), |(all, own), name| (all + 1, own + usize::from(name == "hakmem\n")))
}

unsafe extern "C" {
    fn fork() -> i32;
    fn waitpid(process: i32, status: *mut i32, options: i32) -> i32;
    fn _exit(status: i32) -> !;
}

/// Has the child of a fork act: the harness has two threads, and the child has one.
fn alone(act: fn()) {
    // SAFETY: the child has a thread, and a heap that is safe to fork; it ends here.
    let child = unsafe { fork() };
    if child == 0 {
        let done = std::panic::catch_unwind(act).is_ok();
        // SAFETY: nothing is left to do.
        unsafe { _exit(i32::from(!done)) };
    }
    let mut status = -1;
    // SAFETY: the child just forked, and a place for its status.
    assert_eq!(unsafe { waitpid(child, &mut status, 0) }, child);
    assert_eq!(status, 0);
}

/// A minute and more, so that a busy machine is no failure.
fn wait_until(what: &str, holds: impl Fn() -> bool) {
    for _ in 0..8000 {
        if holds() {
            return;
        }
        thread::sleep(Duration::from_millis(10));
    }
    panic!("never: {what}");
}

/// Allocates and touches so much in small pieces, and frees it.
fn grow(bytes: usize) {
    let pieces: Vec<_> = (0..bytes / 1000).map(|_| vec![1_u8; 1000]).collect();
    drop(pieces);
}

/// Threads that have `work` done, and then wait.
fn workers(work: fn()) -> (Arc<Barrier>, Vec<JoinHandle<()>>) {
    let barrier = Arc::new(Barrier::new(WORKERS + 1));
    let threads = (0..WORKERS).map(|_| {
        let barrier = Arc::clone(&barrier);
        thread::spawn(move || {
            work();
            barrier.wait();
            barrier.wait();
        })
    });
    let threads = threads.collect();
    barrier.wait();
    (barrier, threads)
}

fn end((barrier, threads): (Arc<Barrier>, Vec<JoinHandle<()>>)) {
    barrier.wait();
    for thread in threads {
        thread.join().expect("no panic");
    }
}

/// Runs the test as a child without the caller's settings; it ends well and says nothing.
fn run(name: &str, setting: &str, act: impl FnOnce()) {
    let variables = [("HAKMEM_BACKGROUND", setting), ("HAKMEM_DECAY", "50")];
    let output = child::run(name, &variables, act);
    assert_eq!(output.status.code(), Some(0), "{setting}: {output:?}");
    assert_eq!(child::words(&output), [""; 0]);
}

#[test]
fn a_program_of_one_thread_stays_one() {
    for setting in ["auto", "off"] {
        run("a_program_of_one_thread_stays_one", setting, || {
            alone(|| {
                grow(64 * MIB);
                assert_eq!(threads(), (1, 0));
            });
        });
    }
}

#[test]
fn it_comes_in_a_program_of_one_thread_when_asked_for() {
    run("it_comes_in_a_program_of_one_thread_when_asked_for", "on", || {
        alone(|| {
            assert_eq!(threads(), (1, 0));
            grow(64 * MIB);
            wait_until("the thread comes", || threads() == (2, 1));
        });
    });
}

#[test]
fn it_never_comes_when_off() {
    run("it_never_comes_when_off", "off", || {
        let workers = workers(|| grow(MIB));
        grow(64 * MIB);
        assert_eq!(threads().1, 0);
        end(workers);
    });
}

#[test]
fn memory_returns_out_of_the_caches_of_sleeping_threads() {
    run("memory_returns_out_of_the_caches_of_sleeping_threads", "auto", || {
        let live = vec![7_u8; 64 * MIB];
        let before = hakmem::stats();
        let workers = workers(|| grow(16 * MIB));
        wait_until("the thread comes", || threads().1 == 1);
        // What a cache holds of small blocks, about: it kept far more.
        let held = |stats: hakmem::Stats| stats.slabs.held;
        wait_until("caches are emptied", || held(hakmem::stats()) < held(before) + MIB / 8);
        end(workers);
        assert!(live.iter().all(|&byte| byte == 7));
    });
}

#[test]
fn a_purge_reaches_the_caches_of_sleeping_threads() {
    run("a_purge_reaches_the_caches_of_sleeping_threads", "off", || {
        let before = hakmem::stats().slabs.held;
        let workers = workers(|| grow(16 * MIB));
        let full = hakmem::stats().slabs.held;
        let purged = hakmem::purge();
        let after = hakmem::stats().slabs.held;
        assert!(after < full && after < before + MIB / 8, "{before}, {full}, {after}");
        assert!(purged.bytes > 0 && purged.caches == 0, "{purged:?}");
        end(workers);
    });
}
