//! Burst, quiet, burst: two threads fill up, replace at random and free all; then nobody calls the
//! allocator for a while, and it begins again.

use core::time::Duration;
use std::sync::Barrier;
use std::time::Instant;

use crate::alloc::Alloc;
use crate::clock::Took;
use crate::clock::cpu_time;
use crate::learner::set::{Mix, Set};
use crate::learner::{THREADS, book_kib, done};
use crate::release::print::line;

/// So many bursts of so long each, with as many quiet times; `mib` are held in all.
pub(super) fn run<A: Alloc>(count: usize, length: Duration, quiet: Duration, mib: usize) {
    let mix = Mix { low: 16, high: 8 << 10, bytes: (mib << 20) / THREADS };
    let sets: Vec<Set> = (0..THREADS).map(|index| Set::new(83 + index as u64, &[mix])).collect();
    let book = book_kib();
    let (go, over) = (&Barrier::new(THREADS + 1), &Barrier::new(THREADS + 1));
    let work = |mut set: Set| {
        let mut replaced = 0;
        for _ in 0..count {
            go.wait();
            let start = Instant::now();
            replaced += set.fill::<A>(mix);
            replaced += set.replace::<A>(start + length);
            set.clear::<A>();
            over.wait();
        }
        replaced
    };
    std::thread::scope(|scope| {
        let runners: Vec<_> = sets.into_iter().map(|set| scope.spawn(move || work(set))).collect();
        let mut took = Took::default();
        for _ in 0..count {
            // The lines are for whoever watches from outside.
            line(format_args!("{{\"phase\":\"burst\"}}"));
            let (start, cpu) = (Instant::now(), cpu_time());
            go.wait();
            over.wait();
            took.wall += start.elapsed().as_secs_f64();
            took.cpu += (cpu_time() - cpu).as_secs_f64();
            line(format_args!("{{\"phase\":\"quiet\"}}"));
            std::thread::sleep(quiet);
        }
        let replaced = runners.into_iter().map(|runner| runner.join().expect("no thread fails"));
        done(replaced.sum(), took, book, format_args!(""));
    });
}
