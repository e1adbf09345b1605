//! Wall and CPU time of a stretch of work.

use std::time::{Duration, Instant};

/// What a stretch of work took.
#[derive(Clone, Copy, Debug, Default)]
pub struct Took {
    /// Seconds on the wall.
    pub wall: f64,
    /// Seconds of CPU time of the whole process, user and system.
    pub cpu: f64,
}

/// A running measurement.
pub struct Stopwatch {
    start: Instant,
    cpu: Duration,
}

impl Stopwatch {
    /// Starts measuring.
    #[must_use]
    pub fn start() -> Self {
        Self { cpu: cpu_time(), start: Instant::now() }
    }

    /// What has passed since the start.
    #[must_use]
    pub fn read(&self) -> Took {
        let wall = self.start.elapsed();
        Took { wall: wall.as_secs_f64(), cpu: (cpu_time() - self.cpu).as_secs_f64() }
    }
}

/// CPU time of this process so far, user and system, of all its threads.
#[must_use]
pub fn cpu_time() -> Duration {
    // SAFETY: all-zero bytes are a valid rusage, and getrusage fills it.
    let usage = unsafe {
        let mut usage: libc::rusage = core::mem::zeroed();
        assert_eq!(libc::getrusage(libc::RUSAGE_SELF, &raw mut usage), 0);
        usage
    };
    duration(usage.ru_utime) + duration(usage.ru_stime)
}

/// A kernel time value as a [`Duration`].
#[must_use]
pub fn duration(time: libc::timeval) -> Duration {
    let micros = time.tv_sec as u64 * 1_000_000 + time.tv_usec as u64;
    Duration::from_micros(micros)
}
