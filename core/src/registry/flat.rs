//! The registry of a heap over one fixed region: a table in the program's own memory.

use super::sealed::Sealed;
use crate::extent::{Window, blank};
use crate::geometry::{
    SLOT, SLOT_SHIFT, SMALL_SLOTS, UNIT, UNIT_SHIFT, WINDOW_SLOTS, WINDOW_SUPERS,
};
use crate::ledger::Ledger;
use crate::source::PageSource;
use crate::steps;
use crate::sync::{AtomicU16, AtomicU32, AtomicUsize, Ordering, const_fn};

/// Entries for a region of `SLOTS` x 64 KiB. The window's start is set by the first range that
/// the heap maps or is given as a region, rounded down to 1 MiB; ranges outside are refused, as if
/// there were no memory.
///
/// `SLOTS` is 131,072 (8 GiB) at most, which the compiler checks. A heap's other tables are as small:
/// beside six bytes a slot they come to less than 6 KiB.
pub struct Flat<const SLOTS: usize> {
    /// First slot's number + 1; 0 until known.
    first: AtomicUsize,
    entries: [AtomicU32; SLOTS],
    /// One each MiB, so it needs only a sixteenth; stable Rust cannot divide in a type. But numbers
    /// of a window are short.
    numbers: [AtomicU16; SLOTS],
}

impl<const SLOTS: usize> Flat<SLOTS> {
    const_fn! {
        /// An empty registry.
        pub fn new() -> Self {
            Self::with_first(0)
        }
    }

    const_fn! {
        /// An empty registry for the region that begins in the MiB of `base`.
        pub fn starting_at(base: usize) -> Self {
            Self::with_first((base >> UNIT_SHIFT << UNIT_SHIFT >> SLOT_SHIFT) + 1)
        }
    }

    const_fn! {
        fn with_first(first: usize) -> Self {
            const {
                assert!(
                    cfg!(loom) || SLOTS <= WINDOW_SLOTS,
                    "a window has 131,072 slots (8 GiB) at most"
                );
            };
            Self {
                first: AtomicUsize::new(first),
                entries: blank!([AtomicU32; SLOTS]),
                numbers: blank!([AtomicU16; SLOTS]),
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
    type Extent = Window;

    #[inline(always)]
    fn lookup(&self, address: usize) -> Option<u32> {
        Some(self.entries.get(self.index(address))?.load(Ordering::Relaxed))
    }

    fn set_entries(&self, address: usize, slots: usize, entry: u32) {
        for slot in 0..slots {
            steps::word();
            if let Some(cell) = self.entries.get(self.index(address + slot * SLOT)) {
                cell.store(entry, Ordering::Relaxed);
            }
        }
    }

    #[inline]
    fn number(&self, address: usize) -> u32 {
        self.numbers
            .get(self.unit(address))
            .map_or(0, |number| number.load(Ordering::Relaxed).into())
    }

    fn set_number(&self, address: usize, units: usize, number: u32) {
        const { assert!(WINDOW_SUPERS <= 1 << u16::BITS) };
        for unit in 0..units {
            steps::word();
            if let Some(cell) = self.numbers.get(self.unit(address + unit * UNIT)) {
                cell.store(number as u16, Ordering::Relaxed);
            }
        }
    }

    fn admits(&self, address: usize, size: usize) -> bool {
        let start = (address >> UNIT_SHIFT << UNIT_SHIFT >> SLOT_SHIFT) + 1;
        // What reaches to the end of all addresses has none.
        let Some(end) = address.checked_add(size.max(1)) else {
            return false;
        };
        let last = end - 1;
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
