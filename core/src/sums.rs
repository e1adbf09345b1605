//! Sums by which the heap knows what it uses, and what of its slabs is free and still backed.
//!
//! ```text
//! superslabs of the pool
//! +---------------------------------------+-------------------------+--------------+
//! | slots that are slabs                  | idle slots              | spans' slots |
//! | out | slack                   | holes | dirty      | clean      | (guests)     |
//! +-----+-------------------------+-------+------------+------------+--------------+
//! ```
//! Kept on the cold paths. Each is exact while nobody is on his way, and the validator compares them
//! with the tables; `out` alone lags behind by what living caches have not told yet.

use crate::sync::Sum;

/// The sums of a pool, in bytes.
pub(crate) struct Sums {
    /// Slots that are slabs.
    pub(crate) slabs: Sum,
    /// Idle slots that are dirty.
    pub(crate) idle: Sum,
    /// Pages given back inside slabs.
    pub(crate) holes: Sum,
    /// Blocks that users and caches hold.
    pub(crate) out: Sum,
}

impl Sums {
    pub(crate) const fn new() -> Self {
        Self { slabs: Sum::new(), idle: Sum::new(), holes: Sum::new(), out: Sum::new() }
    }

    /// Bytes of slabs that are neither out nor given back: free blocks, and what was never carved.
    pub(crate) fn slack(&self) -> usize {
        self.slabs.get().saturating_sub(self.out.get() + self.holes.get())
    }
}
