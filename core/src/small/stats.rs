//! A small heap in numbers.

use super::SmallHeap;
use super::piece::GRAIN;
use core::fmt;

/// What a small heap holds, in bytes. `total` is `book`, `in_use` and `free` together.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct SmallStats {
    /// Regions.
    pub regions: usize,
    /// In all regions, without what was trimmed off for alignment.
    pub total: usize,
    /// Of `total`, what the heap keeps its own records in.
    pub book: usize,
    /// In blocks that users hold, as rounded.
    pub in_use: usize,
    /// The most that `in_use` has been.
    pub peak: usize,
    /// In holes.
    pub free: usize,
}

impl fmt::Display for SmallStats {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { regions, total, book, in_use, peak, free } = *self;
        write!(
            out,
            "{in_use} bytes in use (peak {peak}), {free} free, {book} for the heap's records: \
             {total} in {regions} region{}",
            if regions == 1 { "" } else { "s" }
        )
    }
}

impl SmallHeap {
    /// What the heap holds now. Looks at each region once.
    pub fn stats(&self) -> SmallStats {
        let mut stats = SmallStats { in_use: self.in_use, peak: self.peak, ..Default::default() };
        for region in self.regions() {
            stats.regions += 1;
            stats.total += region.bytes();
            stats.book += region.book_bytes();
            stats.free += region.free() as usize * GRAIN;
        }
        stats
    }
}
