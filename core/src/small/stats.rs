//! A small heap in numbers.

use super::SmallHeap;
use super::piece::bytes;
use core::fmt;

/// What a small heap holds, in bytes. `total` is `book`, `in_use` and `free` together.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct SmallStats {
    /// Regions.
    pub regions: usize,
    /// In all regions, without what was trimmed off to multiples of 8.
    pub total: usize,
    /// Of `total`, what the heap notes its regions in.
    pub book: usize,
    /// In blocks that users hold, as rounded.
    pub in_use: usize,
    /// The most that `in_use` has been.
    pub peak: usize,
    /// In holes.
    pub free: usize,
    /// In the largest hole.
    pub largest: usize,
}

impl fmt::Display for SmallStats {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { regions, total, in_use, peak, free, largest, .. } = *self;
        let plural = if regions == 1 { "" } else { "s" };
        write!(
            out,
            "{total} bytes in {regions} region{plural}: {in_use} in use, {peak} at most, {free} free, \
             {largest} in one piece"
        )
    }
}

impl SmallHeap {
    /// What the heap holds now. Looks at each region once.
    pub fn stats(&self) -> SmallStats {
        let mut stats = SmallStats { in_use: self.in_use, peak: self.peak, ..Default::default() };
        for region in self.regions() {
            stats.regions += 1;
            stats.total += region.extent().1;
            stats.book += bytes(region.room().start);
            stats.free += bytes(region.free());
            stats.largest = stats.largest.max(bytes(region.holes().largest_of_all()));
        }
        stats
    }
}
