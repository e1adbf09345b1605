//! Producer and consumer: one thread only allocates, another only frees, at a steady pace. Every five
//! seconds the consumer stands still for a second, so that blocks pile up. What the producer's side
//! cannot take back from the consumer's shows as a resident set that keeps growing.

use core::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use core::time::Duration;
use std::time::Instant;

use crate::alloc::Alloc;
use crate::memory::Resident;
use crate::random::Random;
use crate::release::blocks::Block;
use crate::release::book::Book;
use crate::release::print::{now, sample, sample_of};

/// Blocks allocated in a millisecond. A minute is worth ten of a service with 20 a millisecond.
const PACE: usize = 200;
/// Blocks in flight while the consumer keeps up.
const DEPTH: usize = 1000;
/// Blocks from one stand-still to the next: five seconds.
const CYCLE: usize = 5000 * PACE;
/// Blocks of a cycle before the stand-still, and as many after it: samples are far from it.
const BEFORE: usize = 2000 * PACE;
/// Blocks that pile up: one second.
const PILE: usize = CYCLE - 2 * BEFORE;
/// Places in the ring: more than can be in flight.
const PLACES: usize = 2 * PILE;
/// Time between two samples.
const STEP: Duration = Duration::from_millis(50);
/// When the early sample is taken.
const EARLY: Duration = Duration::from_secs(5);

/// How far the two threads are.
#[derive(Default)]
struct Progress {
    /// Blocks in the ring so far.
    sent: AtomicUsize,
    /// Blocks freed so far.
    freed: AtomicUsize,
    bytes_sent: AtomicUsize,
    bytes_freed: AtomicUsize,
    /// The most bytes that were live at once.
    peak: AtomicUsize,
    over: AtomicBool,
}

/// The ring's places: written by the producer, read by the consumer.
#[derive(Clone, Copy)]
struct Ring(*mut Block);

// SAFETY: a place is written before `sent` passes it, and written again after `freed` has passed it.
unsafe impl Send for Ring {}

/// Traffic for so many seconds.
pub(crate) fn run<A: Alloc>(seconds: u64) {
    let mut book = Book::new(PLACES);
    for _ in 0..PLACES {
        book.push(Block { start: core::ptr::null_mut(), size: 0, kept: false });
    }
    let ring = Ring(book.as_mut_ptr());
    let progress = Progress::default();
    sample("before", 0);
    std::thread::scope(|scope| {
        let progress = &progress;
        scope.spawn(move || produce::<A>(ring, progress, seconds));
        scope.spawn(move || consume::<A>(ring, progress));
        watch(progress);
    });
}

/// How many blocks may have been freed once `sent` were sent.
fn allowed(sent: usize) -> usize {
    let place = sent % CYCLE;
    let piled = if place < BEFORE + PILE { place.saturating_sub(BEFORE) } else { 0 };
    sent.saturating_sub(DEPTH.max(piled))
}

/// 70 % of 16 to 256 B, 25 % to 2 KiB, 5 % to 16 KiB.
fn draw(random: &mut Random) -> u32 {
    match random.below(100) {
        0..70 => random.log_between(16, 256),
        70..95 => random.log_between(256, 2 << 10),
        _ => random.log_between(2 << 10, 16 << 10),
    }
}

fn produce<A: Alloc>(ring: Ring, progress: &Progress, seconds: u64) {
    let mut random = Random::new(59);
    let start = Instant::now();
    let mut peak = 0;
    for milli in 0..seconds * 1000 {
        std::thread::sleep(Duration::from_millis(milli).saturating_sub(start.elapsed()));
        for _ in 0..PACE {
            let sent = progress.sent.load(Ordering::Relaxed);
            // ORDERING: Acquire pairs with the consumer's Release: a place is free before it is used.
            while sent - progress.freed.load(Ordering::Acquire) >= PLACES {
                std::thread::yield_now();
            }
            let block = Block::new::<A>(draw(&mut random));
            // SAFETY: the place is free, and the consumer does not look before `sent` has passed it.
            unsafe { ring.0.add(sent % PLACES).write(block) };
            // ORDERING: Release publishes the place; the consumer's Acquire reads it.
            progress.sent.store(sent + 1, Ordering::Release);
            let bytes = progress.bytes_sent.load(Ordering::Relaxed) + block.size as usize;
            progress.bytes_sent.store(bytes, Ordering::Relaxed);
            peak = peak.max(bytes.saturating_sub(progress.bytes_freed.load(Ordering::Relaxed)));
        }
        progress.peak.store(peak, Ordering::Relaxed);
    }
    // ORDERING: Release, so that the consumer and the watcher see the last block and peak.
    progress.over.store(true, Ordering::Release);
}

fn consume<A: Alloc>(ring: Ring, progress: &Progress) {
    let mut freed = 0;
    loop {
        // ORDERING: Acquire pairs with the producer's two Releases.
        let over = progress.over.load(Ordering::Acquire);
        let sent = progress.sent.load(Ordering::Acquire);
        let goal = if over { sent } else { allowed(sent) };
        while freed < goal {
            // SAFETY: `sent` has passed the place, and this thread alone frees the block.
            let size = unsafe {
                let block = ring.0.add(freed % PLACES).read();
                block.free::<A>();
                block.size as usize
            };
            freed += 1;
            let bytes = progress.bytes_freed.load(Ordering::Relaxed) + size;
            progress.bytes_freed.store(bytes, Ordering::Relaxed);
            // ORDERING: Release gives the place back; the producer's Acquire reads it.
            progress.freed.store(freed, Ordering::Release);
        }
        if over {
            return;
        }
        std::thread::sleep(Duration::from_millis(1));
    }
}

/// Samples until the traffic is over, and prints the early one, the last and the largest.
fn watch(progress: &Progress) {
    let start = Instant::now();
    let mut early: Option<Resident> = None;
    let mut largest = now();
    let mut last = largest;
    // ORDERING: Acquire pairs with the producer's Release of the last peak.
    while !progress.over.load(Ordering::Acquire) {
        std::thread::sleep(STEP);
        last = now();
        if last.kib > largest.kib {
            largest = last;
        }
        if early.is_none() && start.elapsed() >= EARLY {
            early = Some(last);
        }
    }
    let peak = progress.peak.load(Ordering::Relaxed);
    sample_of("after 5 s", early.unwrap_or(last), peak);
    sample_of("end", last, peak);
    sample_of("largest", largest, peak);
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn blocks_pile_up_once_a_cycle() {
        assert_eq!(allowed(0), 0);
        assert_eq!(allowed(DEPTH + 5), 5);
        let standing = allowed(BEFORE + DEPTH);
        assert_eq!(standing, BEFORE);
        assert_eq!(allowed(BEFORE + PILE - 1), standing);
        assert_eq!(allowed(BEFORE + PILE), BEFORE + PILE - DEPTH);
        assert!(BEFORE + PILE - standing < PLACES);
    }

    #[test]
    fn what_may_be_freed_never_shrinks() {
        let numbers = (0..2 * CYCLE).step_by(97).map(allowed);
        assert!(numbers.is_sorted());
    }
}
