//! How long a cache's lists are: what the policy says at first, and what they grew by with their traffic.
//!
//! ```text
//! limit of a list =  first  +  growth
//!                    policy    its cache's share of the growth of all, at most
//! ```
//! Both may change under a cache, and it follows when it is behind its lists anyway: at a refill, when a
//! class's hot list is empty, and at a spill, when it just became a cold one. Lists of other classes that
//! hold more than their new limit do so until they are next popped or full.

use crate::cache::{Bin, Cache};
use crate::class::ClassId;
use crate::policy::{LISTS, Policy};
use crate::steps;

impl Cache {
    /// Lets the lists of a class have `first` blocks, beside what they have grown by: as far as both fit
    /// into the longest list.
    pub(crate) fn set_first(&mut self, class: ClassId, first: u32) {
        let bin = self.bin(class);
        let growth = bin.growth();
        let kept = growth.min(u32::from(Policy::LIST_MOST).saturating_sub(first));
        bin.first = first as u16;
        bin.set_limit(first + kept);
        self.grown = self.grown.saturating_sub(bytes(class, growth - kept));
    }

    /// Lets each list of a class have `more` blocks.
    pub(crate) fn grow(&mut self, class: ClassId, more: u32) {
        let bin = self.bin(class);
        bin.set_limit(u32::from(bin.limit) + more);
        self.grown += bytes(class, more);
    }

    /// Gives growth back until `most` bytes are left at most, of each class the same part.
    #[cold]
    pub(crate) fn shrink(&mut self, most: usize) {
        let grown = core::mem::take(&mut self.grown).max(1) as u64;
        for class in ClassId::all() {
            steps::word();
            let bin = self.bin(class);
            let growth = bin.growth();
            if growth != 0 {
                let kept = (u64::from(growth) * most as u64 / grown) as u32;
                let kept = kept.min(growth);
                bin.set_limit(u32::from(bin.first) + kept);
                self.grown += bytes(class, kept);
            }
        }
    }

    /// Lets lists, all of them empty, hold `most` blocks at most, until they are filled from a slab again.
    pub(crate) fn shorten(&mut self, most: u32) {
        for class in ClassId::all() {
            let bin = self.bin(class);
            bin.first = bin.first.min(most as u16);
            bin.limit = bin.first;
            bin.room = bin.limit.into();
        }
        self.grown = 0;
    }
}

impl Bin {
    /// Blocks by which the list has grown.
    fn growth(&self) -> u32 {
        self.limit.saturating_sub(self.first).into()
    }
}

/// What so many blocks more in each list of a class come to.
fn bytes(class: ClassId, blocks: u32) -> usize {
    (LISTS * blocks) as usize * class.size()
}

#[cfg(all(test, not(loom)))]
mod tests;
