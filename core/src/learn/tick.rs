//! What happened between two looks, if they can be believed.

use super::{Counters, cost};
use crate::class::CLASSES;

/// Milliseconds between two looks, at least: what comes sooner is joined to the next one.
const SHORTEST: u64 = 10;
/// The same, at most: over a longer time (the machine slept, or the program did) means say little.
const LONGEST: u64 = 10_000;
/// CPUs that a process may keep busy, and microseconds by which a clock may be late.
const CPUS: u64 = 4096;
const LATE: u64 = 100_000;
/// Counts and bytes of one tick, at most: beyond them a counter jumped, or went back.
const COUNT_MOST: u64 = 1 << 44;
const BYTES_MOST: u64 = 1 << 48;
/// Microseconds of CPU from which a tick says something of time.
const BUSY: u64 = 1000;

/// What happened in a stretch of time.
#[derive(Clone, Copy, Debug)]
pub(super) struct Tick {
    /// Milliseconds.
    pub(super) ms: u64,
    /// Microseconds of CPU, in the program's own code and in the system.
    pub(super) cpu: u64,
    /// Of these, in the system.
    pub(super) system: u64,
    pub(super) faults: u64,
    /// Bytes, as in [`Counters`].
    pub(super) grown: u64,
    pub(super) decayed: u64,
    pub(super) missed: u64,
    /// Nanoseconds of each class's trips.
    pub(super) trips: [u64; CLASSES],
    /// Bytes now.
    pub(super) mapped: u64,
    pub(super) in_use: u64,
    pub(super) free: u64,
}

impl Tick {
    /// Whether a look is so close to the one before that the next one will do.
    pub(super) fn is_soon(then: u64, now: u64) -> bool {
        now.checked_sub(then).is_some_and(|ms| ms < SHORTEST)
    }

    /// What happened from one look to another. `None`: the clock or a counter jumped or went back, so only
    /// the second look counts.
    pub(super) fn between(before: &Counters, then: u64, seen: &Counters, now: u64) -> Option<Self> {
        let ms = now.checked_sub(then).filter(|ms| *ms <= LONGEST)?;
        let within = |before: u64, seen: u64, most: u64| {
            Some(seen.wrapping_sub(before)).filter(|difference| *difference <= most)
        };
        let time_most = ms.saturating_mul(1000).saturating_add(LATE).saturating_mul(CPUS);
        let mut trips = [0; CLASSES];
        for ((trips, before), seen) in trips.iter_mut().zip(&before.classes).zip(&seen.classes) {
            // Heaps count these in 32 bits.
            let more =
                |before: u64, seen: u64| u64::from((seen as u32).wrapping_sub(before as u32));
            let refills = more(before.refills, seen.refills);
            let spills = more(before.spills, seen.spills);
            *trips = cost::trips(refills + spills, more(before.moved, seen.moved));
        }
        let user = within(before.user, seen.user, time_most)?;
        let system = within(before.system, seen.system, time_most)?;
        let in_use = seen.in_use.min(BYTES_MOST);
        Some(Self {
            ms,
            cpu: user.saturating_add(system),
            system,
            faults: within(before.faults, seen.faults, COUNT_MOST)?,
            grown: within(before.grown, seen.grown, BYTES_MOST)?,
            decayed: within(before.decayed, seen.decayed, BYTES_MOST)?,
            missed: within(before.missed, seen.missed, BYTES_MOST)?,
            trips,
            mapped: seen.mapped.min(BYTES_MOST),
            in_use,
            free: seen.free.min(BYTES_MOST),
        })
    }

    /// Whether the program did enough for shares of its time to mean something.
    pub(super) fn is_busy(&self) -> bool {
        self.cpu >= BUSY
    }

    /// Bytes of fresh memory a second.
    pub(super) fn growth(&self) -> u64 {
        self.grown.saturating_mul(1000) / self.ms.max(1)
    }
}
