//! The finest clock there is, for single calls.

use std::time::{Duration, Instant};

/// The counter of the processor, or nanoseconds where there is none that a program may read.
#[inline(always)]
pub(crate) fn now() -> u64 {
    #[cfg(target_arch = "x86_64")]
    // SAFETY: every x86-64 processor has the instruction.
    unsafe {
        core::arch::x86_64::_rdtsc()
    }
    #[cfg(not(target_arch = "x86_64"))]
    {
        let mut time = libc::timespec { tv_sec: 0, tv_nsec: 0 };
        // SAFETY: the call fills the struct.
        unsafe { libc::clock_gettime(libc::CLOCK_MONOTONIC, &raw mut time) };
        time.tv_sec as u64 * 1_000_000_000 + time.tv_nsec as u64
    }
}

/// Nanoseconds of a tick, by the system's clock.
pub(crate) fn nanos_per_tick() -> f64 {
    let (start, first) = (Instant::now(), now());
    std::thread::sleep(Duration::from_millis(100));
    let (took, ticks) = (start.elapsed(), now() - first);
    took.as_nanos() as f64 / ticks.max(1) as f64
}

/// Ticks that a measurement of nothing takes. In the mean of many, for the counter may move in
/// steps; the least such mean, for the thread may be interrupted.
pub(crate) fn overhead() -> f64 {
    const TIMES: u64 = 5_000;
    let nothing = |_| {
        let first = now();
        now().saturating_sub(first)
    };
    let mean = |_| (0..TIMES).map(nothing).sum::<u64>() as f64 / TIMES as f64;
    (0..20).map(mean).min_by(f64::total_cmp).unwrap_or(0.0)
}
