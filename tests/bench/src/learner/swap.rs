//! Producer and consumer swap: one thread allocates, the other checks and frees, and after a while
//! they change parts. Blocks travel in batches through a ring of places; the consumer stays half a
//! ring behind, so that something is always in flight.

use core::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use core::time::Duration;
use std::sync::Barrier;
use std::thread::yield_now;
use std::time::Instant;

use crate::alloc::Alloc;
use crate::clock::Stopwatch;
use crate::learner::piece::Piece;
use crate::learner::{THREADS, book_kib, done};
use crate::random::Random;
use crate::release::book::Book;

/// Blocks in a batch.
const BATCH: usize = 64;
/// Batches that fit into the ring: some 40 MiB of blocks.
const PLACES: usize = 2048;
/// Batches that the consumer leaves in it.
const LAG: usize = PLACES / 2;
/// Sizes drawn beforehand.
const SIZES: usize = 1 << 14;

/// How far the two are; each counter is its thread's alone to write.
struct Ring {
    places: *mut [Piece; BATCH],
    sent: Apart<AtomicUsize>,
    freed: Apart<AtomicUsize>,
    /// Nothing more is sent in this phase.
    over: AtomicBool,
}

/// On cache lines of its own.
#[repr(align(128))]
struct Apart<T>(T);

// SAFETY: a place is written before `sent` passes it, and written again after `freed` has passed it.
unsafe impl Sync for Ring {}

/// So many phases of so long each.
pub(super) fn run<A: Alloc>(phases: usize, length: Duration) {
    let mut book = Book::new(PLACES);
    for _ in 0..PLACES {
        book.push([Piece::NONE; BATCH]);
    }
    let ring = Ring {
        places: book.as_mut_ptr(),
        sent: Apart(AtomicUsize::new(0)),
        freed: Apart(AtomicUsize::new(0)),
        over: AtomicBool::new(false),
    };
    let barrier = Barrier::new(THREADS);
    let watch = Stopwatch::start();
    let start = Instant::now();
    std::thread::scope(|scope| {
        for index in 0..THREADS {
            let (ring, barrier) = (&ring, &barrier);
            scope.spawn(move || {
                let mut random = Random::new(97 + index as u64);
                let mut sizes = Book::new(SIZES);
                for _ in 0..SIZES {
                    sizes.push(draw(&mut random));
                }
                for phase in 0..phases {
                    if (phase + index) % THREADS == 0 {
                        ring.produce::<A>(&sizes, start + length * (phase as u32 + 1));
                    } else {
                        ring.consume::<A>();
                    }
                    // The first wait: the ring is empty. The second: it is as new.
                    if barrier.wait().is_leader() {
                        ring.over.store(false, Ordering::Relaxed);
                    }
                    barrier.wait();
                }
            });
        }
    });
    let freed = ring.freed.0.into_inner();
    assert_eq!(ring.sent.0.into_inner(), freed, "batches were lost");
    done(freed * BATCH, watch.read(), book_kib(), format_args!(""));
}

/// 70 % of 16 to 256 B, 25 % to 1 KiB, 5 % to 4 KiB.
fn draw(random: &mut Random) -> u32 {
    match random.below(100) {
        0..70 => random.log_between(16, 256),
        70..95 => random.log_between(256, 1 << 10),
        _ => random.log_between(1 << 10, 4 << 10),
    }
}

impl Ring {
    fn produce<A: Alloc>(&self, sizes: &[u32], until: Instant) {
        let mut sent = self.sent.0.load(Ordering::Relaxed);
        while Instant::now() < until {
            // ORDERING: Acquire pairs with the consumer's Release: a place is free before it is used.
            if sent - self.freed.0.load(Ordering::Acquire) >= PLACES {
                yield_now();
                continue;
            }
            let first = sent * BATCH % SIZES;
            let batch = core::array::from_fn(|index| Piece::new::<A>(sizes[first + index]));
            // SAFETY: the place is free, and the consumer does not look before `sent` has passed it.
            unsafe { self.places.add(sent % PLACES).write(batch) };
            sent += 1;
            // ORDERING: Release publishes the place; the consumer's Acquire reads it.
            self.sent.0.store(sent, Ordering::Release);
        }
        // ORDERING: Release, so that who sees it sees the last batch, too.
        self.over.store(true, Ordering::Release);
    }

    fn consume<A: Alloc>(&self) {
        let mut freed = self.freed.0.load(Ordering::Relaxed);
        loop {
            // ORDERING: Acquire pairs with the producer's two Releases; `over` first, so that `sent` is
            // the last one where it is true.
            let over = self.over.load(Ordering::Acquire);
            let sent = self.sent.0.load(Ordering::Acquire);
            if freed == sent && over {
                return;
            }
            if freed == sent || (!over && sent - freed < LAG) {
                yield_now();
                continue;
            }
            // SAFETY: `sent` has passed the place, and this thread alone frees its blocks.
            unsafe {
                for piece in self.places.add(freed % PLACES).read() {
                    piece.free::<A>();
                }
            }
            freed += 1;
            // ORDERING: Release gives the place back; the producer's Acquire reads it.
            self.freed.0.store(freed, Ordering::Release);
        }
    }
}
