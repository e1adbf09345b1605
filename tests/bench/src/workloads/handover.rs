//! Producers and consumers: blocks allocated on one thread, checked and freed on another. They
//! travel through a bounded ring in batches, copied into places that exist from the start, so that
//! the queue costs a small part of a nanosecond a block and allocates nothing.

use core::cell::UnsafeCell;
use core::hint::spin_loop;
use core::sync::atomic::{AtomicUsize, Ordering};
use std::thread::yield_now;

use crate::alloc::Alloc;
use crate::race::race;
use crate::random::Random;
use crate::workload::{Outcome, Scale};

/// Blocks in a batch.
const BATCH: usize = 256;
/// Batches that fit into the ring.
const PLACES: usize = 16;
/// Batches of a full run.
const BATCHES: usize = 100_000;
/// Looks at a place before the CPU is given away.
const LOOKS: usize = 64;

type Batch = [*mut u8; BATCH];

/// A place in the ring. `turn` counts its fillings and emptyings: even means empty.
#[repr(align(128))]
struct Place {
    turn: AtomicUsize,
    batch: UnsafeCell<Batch>,
}

/// A counter on cache lines of its own.
#[repr(align(128))]
struct Counter(AtomicUsize);

struct Ring {
    places: Vec<Place>,
    filled: Counter,
    emptied: Counter,
}

// SAFETY: a place's batch is touched only by the one thread whose ticket its `turn` shows.
unsafe impl Sync for Ring {}

impl Ring {
    fn new() -> Self {
        let place = || Place {
            turn: AtomicUsize::new(0),
            batch: UnsafeCell::new([core::ptr::null_mut(); BATCH]),
        };
        Self {
            places: (0..PLACES).map(|_| place()).collect(),
            filled: Counter(AtomicUsize::new(0)),
            emptied: Counter(AtomicUsize::new(0)),
        }
    }

    /// Waits for the turn of the `ticket`-th filling (`phase` 0) or emptying (`phase` 1), does
    /// `step` on the batch, and passes the turn on.
    fn turn(&self, ticket: usize, phase: usize, step: impl FnOnce(&mut Batch)) {
        let place = &self.places[ticket % PLACES];
        let turn = ticket / PLACES * 2 + phase;
        let mut looks = 0;
        // ORDERING: Acquire, partner of the Release below: the batch as the other side left it.
        while place.turn.load(Ordering::Acquire) != turn {
            looks += 1;
            if looks < LOOKS {
                spin_loop();
            } else {
                yield_now();
            }
        }
        // SAFETY: this turn is this ticket's alone until it is passed on below.
        step(unsafe { &mut *place.batch.get() });
        place.turn.store(turn + 1, Ordering::Release);
    }

    /// The next ticket of a counter, while there is work.
    fn ticket(counter: &Counter, batches: usize) -> Option<usize> {
        let ticket = counter.0.fetch_add(1, Ordering::Relaxed);
        (ticket < batches).then_some(ticket)
    }
}

/// Which threads share a core. On two cores, with one thread of each kind on a core, the scheduler's
/// mood decides how many blocks ever change the core: results of one allocator differ by a factor.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(crate) enum Seats {
    /// Producers with producers, consumers with consumers: every block changes the core.
    Apart,
    /// A producer with a consumer.
    Mixed,
}

/// `pairs` producers and as many consumers.
pub(crate) fn run<A: Alloc>(pairs: usize, seats: Seats, scale: Scale) -> Outcome {
    let batches = scale.of(BATCHES);
    let ring = Ring::new();
    let prepare = |index: usize| (index, Random::new(index as u64 + 1).sizes(4096, 16, 256));
    let work = |(index, sizes): (usize, Vec<u32>)| {
        // Thread `index` runs on core `index`, modulo the cores.
        let produces = match seats {
            Seats::Apart => index % 2 == 0,
            Seats::Mixed => index < pairs,
        };
        if produces {
            produce::<A>(&ring, batches, &sizes)
        } else {
            consume::<A>(&ring, batches).wrapping_neg()
        }
    };
    let (sums, took) = race(2 * pairs, prepare, work);
    // Producers answer what they sent, consumers what is missing for it.
    let balance = sums.into_iter().fold(0, u64::wrapping_add);
    assert_eq!(balance, 0, "bytes allocated and bytes freed differ");
    Outcome::new(2 * batches * BATCH, took)
}

/// The bytes allocated.
fn produce<A: Alloc>(ring: &Ring, batches: usize, sizes: &[u32]) -> u64 {
    let mut bytes = 0;
    let mut batch: Batch = [core::ptr::null_mut(); BATCH];
    while let Some(ticket) = Ring::ticket(&ring.filled, batches) {
        let first = ticket * BATCH % sizes.len();
        for (block, &size) in batch.iter_mut().zip(&sizes[first..first + BATCH]) {
            *block = A::alloc(size as usize);
            // SAFETY: 16 bytes at least, aligned to 8.
            unsafe {
                block.cast::<u64>().write(u64::from(size));
                block.cast::<u64>().add(1).write(!u64::from(size));
            }
            bytes += u64::from(size);
        }
        ring.turn(ticket, 0, |place| *place = batch);
    }
    bytes
}

/// The bytes freed.
fn consume<A: Alloc>(ring: &Ring, batches: usize) -> u64 {
    let mut bytes = 0;
    let mut batch: Batch = [core::ptr::null_mut(); BATCH];
    while let Some(ticket) = Ring::ticket(&ring.emptied, batches) {
        ring.turn(ticket, 1, |place| batch = *place);
        for &block in &batch {
            // SAFETY: a live block that the producer wrote and gave away; freed once.
            unsafe {
                let size = block.cast::<u64>().read();
                assert_eq!(block.cast::<u64>().add(1).read(), !size, "a block lost its words");
                bytes += size;
                A::free(block, size as usize);
            }
        }
    }
    bytes
}
