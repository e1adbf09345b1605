//! Which owner ids are taken: a lock-free bitmap.

use crate::entry::OwnerId;
use crate::extent::{Array, Extent, Whole, blank};
use crate::steps;
use crate::sync::{AtomicU64, Ordering, const_fn};

/// Ids of living caches. Past 65,536 at a time (256 over one window) a cache gets none: its blocks
/// then take the cold path, and all stays right.
pub(crate) struct Owners<E: Extent = Whole> {
    taken: E::Owners<AtomicU64>,
}

impl<E: Extent> Owners<E> {
    const_fn! {
        pub(crate) fn new() -> Self {
            Self { taken: blank!(E::Owners<AtomicU64>) }
        }
    }

    /// Takes the lowest free id.
    pub(crate) fn take(&self) -> Option<OwnerId> {
        self.taken.as_slice().iter().enumerate().find_map(|(index, word)| {
            let mut seen = word.load(Ordering::Relaxed);
            steps::word();
            while seen != u64::MAX {
                let bit = seen.trailing_ones();
                // ORDERING: Relaxed: an id is a number; stale entries that bear it cost time only.
                match word.compare_exchange_weak(
                    seen,
                    seen | 1 << bit,
                    Ordering::Relaxed,
                    Ordering::Relaxed,
                ) {
                    Ok(_) => return Some(OwnerId(OwnerId::FIRST + index as u32 * 64 + bit)),
                    Err(now) => seen = now,
                }
            }
            None
        })
    }

    /// Gives an id back.
    pub(crate) fn give(&self, id: OwnerId) {
        let index = id.0.wrapping_sub(OwnerId::FIRST);
        if let Some(word) = self.taken.as_slice().get(index as usize / 64) {
            word.fetch_and(!(1 << (index % 64)), Ordering::Relaxed);
        }
    }
}

#[cfg(all(test, not(loom)))]
mod tests {
    use super::*;
    use crate::extent::Window;

    fn all_ids_of<E: Extent>(caches: u32) {
        let owners = Owners::<E>::new();
        let ids: std::vec::Vec<u32> =
            core::iter::from_fn(|| owners.take()).map(|id| id.0).collect();
        assert!(ids.iter().copied().eq(OwnerId::FIRST..OwnerId::FIRST + caches));
        owners.give(OwnerId(70));
        assert_eq!(owners.take(), Some(OwnerId(70)));
        assert_eq!(owners.take(), None);
    }

    #[test]
    fn ids_are_lowest_first_distinct_and_reusable() {
        all_ids_of::<Whole>(65_536);
        all_ids_of::<Window>(256);
    }
}
