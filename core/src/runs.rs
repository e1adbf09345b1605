//! Ranges that go back to the source in one call.

use core::ptr::NonNull;

/// Up to `MOST` ranges.
pub(crate) struct Runs<const MOST: usize> {
    runs: [(NonNull<u8>, usize); MOST],
    count: usize,
    bytes: usize,
}

impl<const MOST: usize> Runs<MOST> {
    pub(crate) const fn new() -> Self {
        Self { runs: [(NonNull::dangling(), 0); MOST], count: 0, bytes: 0 }
    }

    /// Adds the `bytes` at `address`; there must be room.
    pub(crate) fn push(&mut self, address: usize, bytes: usize) {
        if let Some(start) = NonNull::new(core::ptr::with_exposed_provenance_mut(address)) {
            self.runs[self.count] = (start, bytes);
            self.count += 1;
            self.bytes += bytes;
        }
    }

    /// Whether so many more fit.
    pub(crate) fn has_room(&self, more: usize) -> bool {
        self.count + more <= MOST
    }

    pub(crate) fn is_empty(&self) -> bool {
        self.count == 0
    }

    /// Bytes of all.
    pub(crate) fn bytes(&self) -> usize {
        self.bytes
    }

    pub(crate) fn as_slice(&self) -> &[(NonNull<u8>, usize)] {
        &self.runs[..self.count]
    }
}
