//! The registry of a heap over one fixed region: a table in the program's own memory.

use super::sealed::Sealed;
use crate::geometry::{SLOT, SLOT_SHIFT, SMALL_SLOTS, UNIT, UNIT_SHIFT};
use crate::ledger::Ledger;
use crate::source::PageSource;
use crate::sync::{AtomicU32, AtomicUsize, Ordering, cells, const_fn};

/// Entries for a region of `SLOTS` x 64 KiB. The window's start is set by the first range that
/// the heap maps or is given as a region, rounded down to 1 MiB; ranges outside are refused, as if
/// there were no memory.
pub struct Flat<const SLOTS: usize> {
    /// First slot's number + 1; 0 until known.
    first: AtomicUsize,
    entries: [AtomicU32; SLOTS],
    /// One each MiB, so it needs only a sixteenth; stable Rust cannot divide in a type.
    numbers: [AtomicU32; SLOTS],
}

impl<const SLOTS: usize> Flat<SLOTS> {
    const_fn! {
        /// An empty registry.
        pub fn new() -> Self {
            Self {
                first: AtomicUsize::new(0),
                entries: cells!(AtomicU32::new(0); SLOTS),
                numbers: cells!(AtomicU32::new(0); SLOTS),
            }
        }
    }

    const_fn! {
        /// An empty registry for the region that begins in the MiB of `base`.
        pub fn starting_at(base: usize) -> Self {
            Self {
                first: AtomicUsize::new((base >> UNIT_SHIFT << UNIT_SHIFT >> SLOT_SHIFT) + 1),
                entries: cells!(AtomicU32::new(0); SLOTS),
                numbers: cells!(AtomicU32::new(0); SLOTS),
            }
        }
    }

    #[inline(always)]
    fn index(&self, address: usize) -> usize {
        // While the start is unknown, all entries are 0: whatever the index, the address is foreign.
        (address >> SLOT_SHIFT).wrapping_sub(self.first.load(Ordering::Relaxed).wrapping_sub(1))
    }

    fn unit(&self, address: usize) -> usize {
        self.index(address) / SMALL_SLOTS as usize
    }
}

impl<const SLOTS: usize> Default for Flat<SLOTS> {
    fn default() -> Self {
        Self::new()
    }
}

impl<const SLOTS: usize> super::Registry for Flat<SLOTS> {}

impl<const SLOTS: usize> Sealed for Flat<SLOTS> {
    #[inline(always)]
    fn lookup(&self, address: usize) -> Option<u32> {
        Some(self.entries.get(self.index(address))?.load(Ordering::Relaxed))
    }

    fn set_entries(&self, address: usize, slots: usize, entry: u32) {
        for slot in 0..slots {
            if let Some(cell) = self.entries.get(self.index(address + slot * SLOT)) {
                cell.store(entry, Ordering::Relaxed);
            }
        }
    }

    #[inline]
    fn number(&self, address: usize) -> u32 {
        self.numbers.get(self.unit(address)).map_or(0, |number| number.load(Ordering::Relaxed))
    }

    fn set_number(&self, address: usize, units: usize, number: u32) {
        for unit in 0..units {
            if let Some(cell) = self.numbers.get(self.unit(address + unit * UNIT)) {
                cell.store(number, Ordering::Relaxed);
            }
        }
    }

    fn admits(&self, address: usize, size: usize) -> bool {
        let start = (address >> UNIT_SHIFT << UNIT_SHIFT >> SLOT_SHIFT) + 1;
        let Some(last) = address.checked_add(size.saturating_sub(1)) else {
            return false;
        };
        if self.first.load(Ordering::Relaxed) == 0 && (last >> SLOT_SHIFT) + 1 - start < SLOTS {
            // Whoever comes first sets the start; a loser finds it set.
            let _ = self.first.compare_exchange(0, start, Ordering::Relaxed, Ordering::Relaxed);
        }
        self.index(address) < SLOTS && self.index(last) < SLOTS
    }

    #[expect(private_interfaces, reason = "sealed: only core calls it")]
    fn prepare<S: PageSource>(&self, _: &S, _: &Ledger, address: usize, size: usize) -> bool {
        self.admits(address, size)
    }
}

#[cfg(all(test, not(loom)))]
mod tests {
    use super::*;

    const MIB: usize = 1 << 20;

    #[test]
    fn the_window_begins_at_the_first_range_that_fits() {
        let registry = Flat::<64>::new();
        let first = 100 * MIB + 5 * SLOT;
        assert!(!registry.admits(first, 4 * MIB), "it would end behind the window");
        assert!(!registry.admits(usize::MAX - SLOT, MIB));
        assert!(registry.admits(first, 4 * MIB - 5 * SLOT));
        assert!(registry.admits(100 * MIB, 4 * MIB), "from the MiB on in which it begins");
        assert!(!registry.admits(100 * MIB, 4 * MIB + 1));
        assert!(!registry.admits(100 * MIB - 1, 1));
        assert!(!registry.admits(104 * MIB, 1));
    }
}
