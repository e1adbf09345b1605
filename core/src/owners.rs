//! Which owner ids are taken: a lock-free bitmap.

use crate::entry::OwnerId;
use crate::steps;
use crate::sync::{AtomicU64, Ordering, cells, const_fn};

#[cfg(not(loom))]
const WORDS: usize = 1024;
#[cfg(loom)]
const WORDS: usize = 1;

/// Ids of living caches. Past 65,536 at a time a cache gets none: its blocks then take the cold
/// path, and all stays right.
pub(crate) struct Owners {
    taken: [AtomicU64; WORDS],
}

impl Owners {
    const_fn! {
        pub(crate) fn new() -> Self {
            Self { taken: cells!(AtomicU64::new(0); WORDS) }
        }
    }

    /// Takes the lowest free id.
    pub(crate) fn take(&self) -> Option<OwnerId> {
        self.taken.iter().enumerate().find_map(|(index, word)| {
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
        if let Some(word) = self.taken.get(index as usize / 64) {
            word.fetch_and(!(1 << (index % 64)), Ordering::Relaxed);
        }
    }
}

#[cfg(all(test, not(loom)))]
mod tests {
    use super::*;

    #[test]
    fn ids_are_lowest_first_distinct_and_reusable() {
        let owners = Owners::new();
        let ids: std::vec::Vec<u32> =
            core::iter::from_fn(|| owners.take()).map(|id| id.0).collect();
        assert_eq!(ids.len(), WORDS * 64);
        assert!(ids.iter().copied().eq(OwnerId::FIRST..OwnerId::FIRST + 65_536));
        owners.give(OwnerId(700));
        assert_eq!(owners.take(), Some(OwnerId(700)));
        assert_eq!(owners.take(), None);
    }
}
