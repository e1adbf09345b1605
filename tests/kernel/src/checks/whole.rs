//! The walk over a whole heap that checks every invariant: with the feature `validate`.

use crate::heaps::{Machine, Shared};
use hakmem_core::{LockedHeap, Profile};

/// A heap that can be walked over.
pub(super) trait Whole {
    /// Panics with what is broken. Nobody else uses the heap meanwhile.
    fn check_whole(&self);
}

impl<P: Profile> Whole for LockedHeap<P, Machine> {
    fn check_whole(&self) {
        #[cfg(feature = "validate")]
        self.validate().unwrap_or_else(|broken| panic!("{broken:?}"));
    }
}

impl Whole for Shared {
    fn check_whole(&self) {
        #[cfg(feature = "validate")]
        self.validate().map(drop).unwrap_or_else(|broken| panic!("{broken:?}"));
    }
}
