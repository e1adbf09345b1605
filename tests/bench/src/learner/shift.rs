//! The mix of sizes shifts: what was held is freed, and blocks of other sizes take its place.

use core::time::Duration;
use std::time::Instant;

use crate::alloc::Alloc;
use crate::clock::Stopwatch;
use crate::learner::set::{Mix, Set};
use crate::learner::{THREADS, book_kib, done};

/// The mixes of each thread, in turn: nodes; records; buffers; strings. What is held differs by a
/// factor, so that memory kept from the largest phase shows in the others.
const MIXES: [Mix; 4] = [
    Mix { low: 16, high: 64, bytes: 8 << 20 },
    Mix { low: 200, high: 1000, bytes: 48 << 20 },
    Mix { low: 2 << 10, high: 16 << 10, bytes: 96 << 20 },
    Mix { low: 24, high: 256, bytes: 16 << 20 },
];

/// So many phases of so long each, on two threads; the first has the mix of that place.
pub(super) fn run<A: Alloc>(phases: usize, length: Duration, first: usize) {
    let sets: Vec<Set> = (0..THREADS).map(|index| Set::new(71 + index as u64, &MIXES)).collect();
    let watch = Stopwatch::start();
    let start = Instant::now();
    let work = |mut set: Set| {
        let mut count = 0;
        for phase in 0..phases {
            count += set.fill::<A>(MIXES[(first + phase) % MIXES.len()]);
            count += set.replace::<A>(start + length * (phase as u32 + 1));
            set.clear::<A>();
        }
        count
    };
    let book = book_kib();
    let count = std::thread::scope(|scope| {
        let runners: Vec<_> = sets.into_iter().map(|set| scope.spawn(move || work(set))).collect();
        runners.into_iter().map(|runner| runner.join().expect("no thread fails")).sum()
    });
    done(count, watch.read(), book, format_args!(""));
}
