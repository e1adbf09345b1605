//! What rounds of decay gave back, and what of it was missed: the learner weighs one against the other.
//!
//! Beside [`crate::regret`], which speaks of what the bound gave back, and decides. Here memory counts
//! as backed anew once it is handed out, not when its addresses are mapped: a superslab that opens is
//! missed slot by slot.

use crate::sync::Ordering;
use crate::sync::mark::{AtomicU32, AtomicU64, AtomicUsize};

/// Sums of a heap. They order nothing.
pub(crate) struct Losses {
    /// Bytes given back so far.
    decayed: AtomicU64,
    /// Of these, bytes that were backed anew so far.
    missed: AtomicU64,
    /// Bytes given back and not yet backed anew.
    outstanding: AtomicUsize,
    /// Caches that the last round found in use.
    active: AtomicU32,
}

impl Losses {
    pub(crate) const fn new() -> Self {
        Self {
            decayed: AtomicU64::new(0),
            missed: AtomicU64::new(0),
            outstanding: AtomicUsize::new(0),
            active: AtomicU32::new(0),
        }
    }

    /// Notes what a round gave back, and how many caches it found in use.
    pub(crate) fn decayed(&self, bytes: usize, active: usize) {
        self.active.store(active.min(u32::MAX as usize) as u32, Ordering::Relaxed);
        if bytes > 0 {
            self.decayed.fetch_add(bytes as u64, Ordering::Relaxed);
            self.outstanding.fetch_add(bytes, Ordering::Relaxed);
        }
    }

    /// Notes that `bytes` are backed anew: what decay gave back is the first to be missed.
    #[inline]
    pub(crate) fn took(&self, bytes: usize) {
        if self.outstanding.load(Ordering::Relaxed) != 0 {
            self.miss(bytes);
        }
    }

    #[cold]
    fn miss(&self, bytes: usize) {
        let relaxed = Ordering::Relaxed;
        let less = |outstanding: usize| Some(outstanding.saturating_sub(bytes));
        if let Ok(before) = self.outstanding.fetch_update(relaxed, relaxed, less) {
            self.missed.fetch_add(before.min(bytes) as u64, relaxed);
        }
    }

    /// Bytes given back, bytes missed, caches in use.
    pub(crate) fn get(&self) -> (u64, u64, u32) {
        let relaxed = Ordering::Relaxed;
        (self.decayed.load(relaxed), self.missed.load(relaxed), self.active.load(relaxed))
    }
}

#[cfg(all(test, not(loom)))]
mod tests {
    use super::*;

    #[test]
    fn no_more_is_missed_than_was_given_back() {
        let losses = Losses::new();
        losses.took(100);
        assert_eq!(losses.get(), (0, 0, 0));
        losses.decayed(100, 3);
        losses.took(40);
        assert_eq!(losses.get(), (100, 40, 3));
        losses.took(100);
        losses.took(1);
        losses.decayed(0, 2);
        assert_eq!(losses.get(), (100, 100, 2));
        losses.decayed(5, 0);
        losses.took(9);
        assert_eq!(losses.get(), (105, 105, 0));
    }
}
