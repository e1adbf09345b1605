//! Burst and idle: mixed blocks are allocated, written and freed in random order; then the program
//! sleeps and calls no allocator, so that only what an allocator does by itself gives memory back.

use std::sync::Barrier;

use crate::alloc::Alloc;
use crate::random::Random;
use crate::release::blocks::burst;
use crate::release::print::{sample, samples_over};

/// `mib` in all, on the main thread alone or in equal parts on so many threads that stay, blocked.
pub(crate) fn run<A: Alloc>(mib: usize, threads: usize, seconds: &[u64]) {
    let bytes = mib << 20;
    if threads <= 1 {
        sample("before", 0);
        let live = burst::<A>(&mut Random::new(41), bytes, || ());
        samples_over(seconds, 0);
        assert!(live >= bytes);
        return;
    }
    // The threads are there before the first sample, as they are at the others.
    let (ready, go, full, done, end) = (
        Barrier::new(threads + 1),
        Barrier::new(threads + 1),
        Barrier::new(threads),
        Barrier::new(threads + 1),
        Barrier::new(threads + 1),
    );
    std::thread::scope(|scope| {
        for index in 0..threads {
            let (ready, go, full, done, end) = (&ready, &go, &full, &done, &end);
            scope.spawn(move || {
                ready.wait();
                go.wait();
                let mut random = Random::new(41 + index as u64);
                // All hold their part at once, so that the peak is the same under every allocator.
                burst::<A>(&mut random, bytes / threads, || {
                    full.wait();
                });
                done.wait();
                end.wait();
            });
        }
        ready.wait();
        sample("before", 0);
        go.wait();
        done.wait();
        samples_over(seconds, 0);
        end.wait();
    });
}
