//! Threads that prepare, start together, and are timed from the first start to the last end. They
//! are bound to the cores in turn: on a machine that does other things too, the scheduler otherwise
//! keeps two threads on one core for most of a run.

use std::sync::Barrier;
use std::time::Instant;

use crate::clock::{Stopwatch, Took, cpu_time};

/// Runs `work` on `threads` threads, each with what `prepare` made for it, and times the work
/// alone. One thread is the main thread itself: a process that never had a second one takes other
/// paths in some allocators.
pub fn race<S, T: Send>(
    threads: usize,
    prepare: impl Fn(usize) -> S + Sync,
    work: impl Fn(S) -> T + Sync,
) -> (Vec<T>, Took) {
    if threads == 1 {
        let state = prepare(0);
        let watch = Stopwatch::start();
        let result = work(state);
        return (vec![result], watch.read());
    }
    let ready = Barrier::new(threads + 1);
    let go = Barrier::new(threads + 1);
    std::thread::scope(|scope| {
        let (ready, go, prepare, work) = (&ready, &go, &prepare, &work);
        let runners: Vec<_> = (0..threads)
            .map(|index| {
                scope.spawn(move || {
                    bind(index);
                    let state = prepare(index);
                    ready.wait();
                    go.wait();
                    let start = Instant::now();
                    let result = work(state);
                    (result, start, Instant::now())
                })
            })
            .collect();
        ready.wait();
        let cpu = cpu_time();
        go.wait();
        let ends: Vec<_> = runners.into_iter().map(|runner| runner.join().unwrap()).collect();
        let cpu = (cpu_time() - cpu).as_secs_f64();
        let first = ends.iter().map(|end| end.1).min().unwrap();
        let last = ends.iter().map(|end| end.2).max().unwrap();
        let took = Took { wall: (last - first).as_secs_f64(), cpu };
        (ends.into_iter().map(|end| end.0).collect(), took)
    })
}

/// Binds this thread to one of the cores that the process may run on.
fn bind(index: usize) {
    // SAFETY: all-zero bytes are an empty set, and the calls get its true size.
    unsafe {
        let size = size_of::<libc::cpu_set_t>();
        let mut allowed: libc::cpu_set_t = core::mem::zeroed();
        if libc::sched_getaffinity(0, size, &raw mut allowed) != 0 {
            return;
        }
        let count = libc::CPU_COUNT(&allowed) as usize;
        let mut cores = (0..size * 8).filter(|&core| libc::CPU_ISSET(core, &allowed));
        let Some(chosen) = cores.nth(index % count.max(1)) else {
            return;
        };
        let mut own: libc::cpu_set_t = core::mem::zeroed();
        libc::CPU_SET(chosen, &mut own);
        // Refused: the thread runs wherever it did.
        libc::sched_setaffinity(0, size, &raw const own);
    }
}
