//! The hosted registry: a root by address bits 32 and up, leaves of 4 GiB made on demand. Where
//! pointers have 32 bits: by bits 26 and up, leaves of 64 MiB.

use super::sealed::Sealed;
use crate::extent::{Whole, blank};
use crate::geometry::{LEAF_SHIFT, LEAVES, SLOT, SLOT_SHIFT, UNIT, UNIT_SHIFT};
use crate::ledger::{Ledger, Table, published};
use crate::source::PageSource;
#[cfg(loom)]
use crate::sync::cells;
use crate::sync::{AtomicPtr, AtomicU32, Ordering, const_fn};

const LEAF_SLOTS: usize = 1 << (LEAF_SHIFT - SLOT_SHIFT);
const LEAF_UNITS: usize = 1 << (LEAF_SHIFT - UNIT_SHIFT);

/// Entries and superslab numbers of a leaf's addresses: for 4 GiB 272 KiB, of which only touched
/// pages count.
struct Leaf {
    entries: [AtomicU32; LEAF_SLOTS],
    numbers: [AtomicU32; LEAF_UNITS],
}

// SAFETY: zero atomics are "not ours" entries and number 0.
unsafe impl Table for Leaf {
    #[cfg(loom)]
    fn blank() -> Self {
        Self {
            entries: cells!(AtomicU32::new(0); LEAF_SLOTS),
            numbers: cells!(AtomicU32::new(0); LEAF_UNITS),
        }
    }
}

/// Root and leaves over 48 bits of address. The root is 512 KiB of zero, of which a program touches
/// a page or two. Where pointers have 32 bits it is 256 bytes.
pub struct TwoLevel {
    leaves: [AtomicPtr<Leaf>; LEAVES],
}

impl TwoLevel {
    const_fn! {
        /// An empty registry.
        pub fn new() -> Self {
            Self { leaves: blank!([AtomicPtr<Leaf>; LEAVES]) }
        }
    }

    #[inline(always)]
    fn leaf(&self, address: usize) -> Option<&Leaf> {
        published(self.leaves.get(address >> LEAF_SHIFT)?)
    }
}

impl Default for TwoLevel {
    fn default() -> Self {
        Self::new()
    }
}

#[cfg(loom)]
impl Drop for TwoLevel {
    fn drop(&mut self) {
        self.leaves.iter().for_each(crate::ledger::drop_table);
    }
}

impl super::Registry for TwoLevel {}

impl Sealed for TwoLevel {
    type Extent = Whole;

    #[inline(always)]
    fn lookup(&self, address: usize) -> Option<u32> {
        let leaf = self.leaf(address)?;
        Some(leaf.entries[(address >> SLOT_SHIFT) % LEAF_SLOTS].load(Ordering::Relaxed))
    }

    fn set_entries(&self, address: usize, slots: usize, entry: u32) {
        for slot in 0..slots {
            let address = address + slot * SLOT;
            if let Some(leaf) = self.leaf(address) {
                leaf.entries[(address >> SLOT_SHIFT) % LEAF_SLOTS].store(entry, Ordering::Relaxed);
            }
        }
    }

    #[inline]
    fn number(&self, address: usize) -> u32 {
        match self.leaf(address) {
            Some(leaf) => {
                leaf.numbers[(address >> UNIT_SHIFT) % LEAF_UNITS].load(Ordering::Relaxed)
            }
            None => 0,
        }
    }

    fn set_number(&self, address: usize, units: usize, number: u32) {
        for unit in 0..units {
            let address = address + unit * UNIT;
            if let Some(leaf) = self.leaf(address) {
                leaf.numbers[(address >> UNIT_SHIFT) % LEAF_UNITS].store(number, Ordering::Relaxed);
            }
        }
    }

    fn admits(&self, address: usize, size: usize) -> bool {
        // What reaches to the end of all addresses has none.
        let end = address.checked_add(size.max(1));
        end.is_some_and(|end| (end - 1) >> LEAF_SHIFT < LEAVES)
    }

    #[expect(private_interfaces, reason = "sealed: only core calls it")]
    fn prepare<S: PageSource>(
        &self,
        source: &S,
        ledger: &Ledger,
        address: usize,
        size: usize,
    ) -> bool {
        let leaves = |last: usize| address >> LEAF_SHIFT..=last >> LEAF_SHIFT;
        self.admits(address, size)
            && leaves(address + size - 1).all(|index| {
                self.leaves.get(index).is_some_and(|cell| ledger.table(source, cell).is_some())
            })
    }
}
