//! Address -> what lives there. Answers for any address whatever: what is not ours reads as 0 and
//! is never followed.
//!
//! Two shapes: [`TwoLevel`] for a hosted heap (any address of 48 bits), [`Flat`] for a heap over one
//! fixed region. The choice is a type parameter of the heap, so neither pays for the other.

mod flat;
mod two_level;

pub use flat::Flat;
pub use two_level::TwoLevel;

use crate::ledger::Ledger;
use crate::source::PageSource;

/// The map from addresses to entries (one each 64 KiB) and superslab number
/// (one each MiB).
///
/// Entries are written by whoever holds the slot (a claimer, a retirer) and read by anyone who
/// holds a block there; what orders the two is the block's own way from thread to thread. All
/// accesses are therefore Relaxed.
pub trait Registry: Sync + sealed::Sealed {}

pub(crate) mod sealed {
    use super::{Ledger, PageSource};
    use crate::extent::Extent;

    pub trait Sealed {
        /// How much a heap with this registry may come to hold.
        type Extent: Extent;

        /// The entry of the slot that `address` lies in. `None` or 0 where nothing of ours is.
        fn lookup(&self, address: usize) -> Option<u32>;

        /// The same with one word for "not ours": 0.
        fn entry(&self, address: usize) -> u32 {
            self.lookup(address).unwrap_or(0)
        }

        /// Writes the entries of `slots` slots from `address` on. The range was prepared.
        fn set_entries(&self, address: usize, slots: usize, entry: u32);

        /// The number of the superslab that `address` lies in; only for addresses whose entry is a
        /// slab's, idle, or that of a guest in its slots.
        fn number(&self, address: usize) -> u32;

        /// Notes the number of a superslab of `units` MiB at `address`. The range was prepared.
        fn set_number(&self, address: usize, units: usize, number: u32);

        /// Whether the registry can hold `address..address + size`. The first range that it can hold
        /// says where its window begins, if it has one.
        fn admits(&self, address: usize, size: usize) -> bool;

        /// Makes room for the entries of `address..address + size`. `false`: out of memory, or
        /// the range is past what the registry can hold.
        #[expect(private_interfaces, reason = "sealed: only core calls it")]
        fn prepare<S: PageSource>(
            &self,
            source: &S,
            ledger: &Ledger,
            address: usize,
            size: usize,
        ) -> bool;
    }
}
