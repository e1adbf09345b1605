//! The one price: what time is worth in memory.
//!
//! Everything is weighed in millionths. Time counts as a share of the CPU time that the process spent
//! meanwhile, memory as a share of what is in use; *one percent of time is worth one percent of memory*.

/// Nanoseconds of a trip behind the lists, and more of them for each block that it moves. A refill of 22
/// blocks took some 300.
const TRIP: u64 = 100;
const TRIP_BLOCK: u64 = 8;
/// Bytes that count as in use beside what is: a few KiB more are nothing to a small program.
const BASE: u64 = 8 << 20;
/// Bytes of what a fault backs.
const PAGE: u64 = 4 << 10;
/// All of it, in millionths, and the most that a share is counted as.
pub(super) const WHOLE: u64 = 1_000_000;
const MOST: u64 = 1000 * WHOLE;

/// Nanoseconds that trips took which moved so many blocks.
pub(super) fn trips(trips: u64, moved: u64) -> u64 {
    trips.saturating_mul(TRIP).saturating_add(moved.saturating_mul(TRIP_BLOCK))
}

/// Nanoseconds of `cpu` microseconds, in millionths.
pub(super) fn time(nanoseconds: u64, cpu: u64) -> u32 {
    share(nanoseconds, cpu.saturating_mul(1000))
}

/// Bytes beside those in use, in millionths.
pub(super) fn memory(bytes: u64, in_use: u64) -> u32 {
    share(bytes, weight(in_use))
}

/// What memory is compared with where so much is in use.
pub(super) fn weight(in_use: u64) -> u64 {
    in_use.saturating_add(BASE)
}

/// A part of a whole, in millionths.
pub(super) fn share(part: u64, whole: u64) -> u32 {
    let share = u128::from(part) * u128::from(WHOLE) / u128::from(whole.max(1));
    share.min(MOST.into()) as u32
}

/// What is saved, less what it costs.
pub(super) fn net(saved: u32, spent: u32) -> i32 {
    let net = i64::from(saved) - i64::from(spent);
    net.clamp(i32::MIN.into(), i32::MAX.into()) as i32
}

/// Whether something kept its promise: a quarter of it.
pub(super) fn is_kept(expected: i32, realised: i32) -> bool {
    realised > 0 && realised >= expected / 4
}

/// A running mean: a quarter of it is the newest number.
pub(super) fn smooth(mean: u64, newest: u64) -> u64 {
    let mean = u128::from(mean) * 3 + u128::from(newest) + 2;
    (mean / 4) as u64
}

/// What a page fault takes on this machine, smoothed.
#[derive(Clone, Copy, Debug)]
pub(super) struct Fault {
    /// Nanoseconds; 0: not known yet.
    nanoseconds: u32,
}

impl Fault {
    /// Until it is known, and its bounds. On a virtual machine memory that the host never backed takes
    /// 4.4 us a page, and a fraction of that the next time.
    const UNKNOWN: u64 = 1000;
    const LEAST: u64 = 250;
    const MOST: u64 = 10_000;
    /// Faults in a tick from which it says something of them.
    const MANY: u64 = 256;

    pub(super) const fn new() -> Self {
        Self { nanoseconds: 0 }
    }

    /// Learns from a tick with so many faults and microseconds in the system: all of the system's time
    /// counts as theirs, so what else the program asks of it makes them look dear, up to the bound.
    pub(super) fn learn(&mut self, faults: u64, system: u64) {
        if faults < Self::MANY {
            return;
        }
        let newest = (system.saturating_mul(1000) / faults).clamp(Self::LEAST, Self::MOST);
        self.nanoseconds = smooth(self.get(), newest) as u32;
    }

    /// Nanoseconds.
    fn get(self) -> u64 {
        if self.nanoseconds == 0 { Self::UNKNOWN } else { self.nanoseconds.into() }
    }

    /// Nanoseconds that it takes to back so many bytes.
    pub(super) fn of(self, bytes: u64) -> u64 {
        (bytes / PAGE).saturating_mul(self.get())
    }
}
