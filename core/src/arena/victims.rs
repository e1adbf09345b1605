//! What leaves the arena: picked under the lock, unmapped after it.

use super::nodes::Range;

/// Ranges that leave the arena in one hold of the lock, at most.
const BATCH: usize = 8;
/// Ranges on their way out.
pub(super) struct Victims {
    ranges: [Option<Range>; BATCH],
    len: usize,
}

impl Victims {
    pub(super) const fn new() -> Self {
        Self { ranges: [const { None }; BATCH], len: 0 }
    }

    pub(super) fn is_empty(&self) -> bool {
        self.len == 0
    }

    pub(super) fn is_full(&self) -> bool {
        self.len == BATCH
    }

    /// There is room: batches are never longer.
    pub(super) fn push(&mut self, range: Range) {
        self.ranges[self.len] = Some(range);
        self.len += 1;
    }
}

impl IntoIterator for Victims {
    type Item = Range;
    type IntoIter = core::iter::Flatten<core::array::IntoIter<Option<Range>, BATCH>>;

    fn into_iter(self) -> Self::IntoIter {
        self.ranges.into_iter().flatten()
    }
}
