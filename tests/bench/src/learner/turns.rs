//! Many threads, few of them active: two at a time go through bursts, the others sleep, and the pair
//! moves on every 100 ms. What is resident and not held by the program is mostly what the caches of
//! threads that sleep keep.

use core::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use core::time::Duration;
use std::time::Instant;

use crate::alloc::Alloc;
use crate::clock::Stopwatch;
use crate::learner::piece::Piece;
use crate::learner::{THREADS as BUSY, book_kib, done};
use crate::random::Random;
use crate::release::book::Book;
use crate::release::print::now;

/// How long a pair is busy.
const TURN: Duration = Duration::from_millis(100);
/// Time between two looks at memory.
const STEP: Duration = Duration::from_millis(20);
/// Blocks of a burst, at most.
const MOST: u32 = 4000;
/// Sizes of the blocks.
const SIZES: (u32, u32) = (16, 512);

/// Bytes that one thread holds, on cache lines of its own.
#[repr(align(128))]
#[derive(Default)]
struct Held(AtomicUsize);

/// So many threads, for so long.
pub(super) fn run<A: Alloc>(threads: usize, length: Duration) {
    let before = now().kib;
    let held: Vec<Held> = (0..threads).map(|_| Held::default()).collect();
    let over = AtomicBool::new(false);
    let watch = Stopwatch::start();
    let start = Instant::now();
    std::thread::scope(|scope| {
        let runners: Vec<_> = held
            .iter()
            .enumerate()
            .map(|(index, held)| {
                scope.spawn(move || Thread::new(index, held).work::<A>(threads, start, length))
            })
            .collect();
        let watcher = scope.spawn(|| look(&held, &over, length / 4));
        let count = runners.into_iter().map(|runner| runner.join().expect("no thread fails")).sum();
        let took = watch.read();
        over.store(true, Ordering::Relaxed);
        let [resident, held, book] = watcher.join().expect("it does not fail");
        let caches = resident - before as f64 - held;
        done(
            count,
            took,
            book as usize,
            format_args!(",\"rss_kib\":{resident},\"held_kib\":{held},\"caches_kib\":{caches}"),
        );
    });
}

/// Means, in KiB, of what is resident and of what the threads hold; and the lists at their largest.
/// Nothing of the beginning, while the threads have not all been busy yet.
fn look(held: &[Held], over: &AtomicBool, after: Duration) -> [f64; 3] {
    let start = Instant::now();
    let mut sums = [0.0; 2];
    let (mut looks, mut book) = (0.0, 0);
    // One look at least, however short the run.
    while looks == 0.0 || !over.load(Ordering::Relaxed) {
        std::thread::sleep(STEP);
        if start.elapsed() >= after || over.load(Ordering::Relaxed) {
            let bytes: usize = held.iter().map(|held| held.0.load(Ordering::Relaxed)).sum();
            sums[0] += now().kib as f64;
            sums[1] += bytes as f64 / 1024.0;
            looks += 1.0;
        }
        book = book.max(book_kib());
    }
    [sums[0] / looks, sums[1] / looks, book as f64]
}

/// One thread.
struct Thread<'a> {
    index: usize,
    held: &'a Held,
    random: Random,
    pieces: Book<Piece>,
}

impl<'a> Thread<'a> {
    fn new(index: usize, held: &'a Held) -> Self {
        let random = Random::new(101 + index as u64);
        Self { index, held, random, pieces: Book::new(MOST as usize) }
    }

    /// Bursts whenever it is this thread's turn; blocks allocated and freed.
    fn work<A: Alloc>(mut self, threads: usize, start: Instant, length: Duration) -> usize {
        let pairs = threads.div_ceil(BUSY) as u32;
        let mut turn = (self.index / BUSY) as u32;
        let mut count = 0;
        while TURN * turn < length {
            std::thread::sleep((TURN * turn).saturating_sub(start.elapsed()));
            while start.elapsed() < TURN * (turn + 1) {
                count += self.burst::<A>();
            }
            turn += pairs;
        }
        count
    }

    /// Allocates up to [`MOST`] blocks, then frees them.
    fn burst<A: Alloc>(&mut self) -> usize {
        let count = self.random.between(MOST / 8, MOST);
        let mut bytes = 0;
        for _ in 0..count {
            let piece = Piece::new::<A>(self.random.between(SIZES.0, SIZES.1));
            bytes += piece.size();
            self.held.0.store(bytes, Ordering::Relaxed);
            self.pieces.push(piece);
        }
        for piece in self.pieces.iter() {
            bytes -= piece.size();
            self.held.0.store(bytes, Ordering::Relaxed);
            // SAFETY: live, and forgotten below.
            unsafe { piece.free::<A>() };
        }
        self.pieces.clear();
        2 * count as usize
    }
}
