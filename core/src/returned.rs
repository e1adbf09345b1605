//! Which blocks of a slab are home: one bit each, beside the heap and not in it.
//!
//! ```text
//! table of a superslab, 16 KiB; a line is 64 bytes: 512 blocks of one slab
//! +---------+---------+- - -+---------+---------+---------+- - -
//! | slot 0  | slot 1  |     | slot 31 | slot 0  | slot 1  |
//! | 0..512  | 0..512  |     | 0..512  | 512..   | 512..   |
//! +---------+---------+- - -+---------+---------+---------+- - -
//! ```
//! To come home a block need not be touched: it may have left the processor's caches long ago. And
//! who fills a list from the bits writes its links, in the order of addresses, none of which waits
//! for another; a list that ran through the blocks would be read one cache miss after the other.
//!
//! Slabs share no line, and those of up to 512 blocks (128 B and more) share the first 2 KiB: of
//! the table as much is touched as is used.

use crate::geometry::{LINE_CELLS, LINES, SLOTS};
use crate::ledger::Table;
use crate::steps;
#[cfg(loom)]
use crate::sync::cells;
use crate::sync::{AtomicU64, Ordering};

/// Blocks of one cell.
const CELL: usize = 64;

/// The cell that a block's bit is in.
#[inline(always)]
const fn cell_of(block: u16) -> usize {
    block as usize / CELL
}

#[repr(align(64))]
struct Line([AtomicU64; LINE_CELLS]);

/// The bits of one superslab.
pub(crate) struct Returned {
    lines: [[Line; SLOTS as usize]; LINES],
}

// SAFETY: zero bits are blocks that are not home.
unsafe impl Table for Returned {
    #[cfg(loom)]
    fn blank() -> Self {
        Self {
            lines: cells!(cells!(Line(cells!(AtomicU64::new(0); LINE_CELLS)); SLOTS as usize); LINES),
        }
    }
}

impl Returned {
    fn cell(&self, slot: u32, cell: usize) -> &AtomicU64 {
        let line = &self.lines[cell / LINE_CELLS][slot as usize];
        &line.0[cell % LINE_CELLS]
    }

    /// Sets the bits of those of `blocks` that were carved, and calls `refuse` with one that was not,
    /// or whose bit was set before. Answers how many came home.
    pub(crate) fn set(
        &self,
        slot: u32,
        blocks: &[u16],
        carved: u32,
        mut refuse: impl FnMut(u16),
    ) -> u32 {
        let mut refused = 0;
        let mut refuse = |block| {
            refused += 1;
            refuse(block);
        };
        let mut rest = blocks;
        while let Some(cell) = rest.first().copied().map(cell_of) {
            let mut mask = 0;
            while let Some((&block, behind)) = rest.split_first() {
                if cell_of(block) != cell {
                    break;
                }
                steps::block();
                rest = behind;
                let bit = 1 << (usize::from(block) % CELL);
                if mask & bit != 0 || u32::from(block) >= carved {
                    refuse(block);
                } else {
                    mask |= bit;
                }
            }
            // ORDERING: Release hands the blocks, and what their users wrote, to the Acquire of
            // `take`.
            let before = self.cell(slot, cell).fetch_or(mask, Ordering::Release) & mask;
            crate::hints::bits(before).for_each(|bit| refuse((cell * CELL) as u16 + bit as u16));
        }
        blocks.len() as u32 - refused
    }

    /// Clears up to `most` of the set bits of the first `blocks` blocks, lowest first, and calls
    /// `each` with them. For the slab's claimer alone. Answers how many there were.
    pub(crate) fn take(&self, slot: u32, blocks: u32, most: u32, mut each: impl FnMut(u32)) -> u32 {
        let mut taken = 0;
        for at in 0..(blocks as usize).div_ceil(CELL) {
            let cell = self.cell(slot, at);
            let mut pick = cell.load(Ordering::Relaxed);
            steps::word();
            while taken + pick.count_ones() > most {
                steps::word();
                pick &= !(1 << pick.ilog2());
            }
            if pick == 0 {
                continue;
            }
            // ORDERING: Acquire pairs with the Release of `set`. Nobody else clears bits, so all of
            // `pick` is still set.
            cell.fetch_and(!pick, Ordering::Acquire);
            crate::hints::bits(pick).for_each(|bit| each((at * CELL) as u32 + bit));
            taken += pick.count_ones();
            if taken == most {
                break;
            }
        }
        taken
    }

    /// Clears every bit of a slab of `blocks` blocks that is nobody's but the caller's.
    pub(crate) fn clear(&self, slot: u32, blocks: u32) {
        for at in 0..(blocks as usize).div_ceil(CELL) {
            let cell = self.cell(slot, at);
            steps::word();
            // Reading first: pages of the table that were never written stay untouched.
            if cell.load(Ordering::Relaxed) != 0 {
                // ORDERING: Relaxed: the slot is given back with Release after this.
                cell.store(0, Ordering::Relaxed);
            }
        }
    }

    /// The same of every slab, where nobody knows what the bits are.
    pub(crate) fn clear_all(&self) {
        let most = (LINES * LINE_CELLS * CELL) as u32;
        (0..SLOTS).for_each(|slot| self.clear(slot, most));
    }

    /// The bits of 64 blocks that are home, for who has claimed the slab: those blocks stay there.
    pub(crate) fn cell_home(&self, slot: u32, cell: u32) -> u64 {
        // ORDERING: Acquire pairs with the Release of `set`: what users did to the blocks is done.
        self.cell(slot, cell as usize).load(Ordering::Acquire)
    }

    /// Whether a block is home. A look that orders nothing.
    pub(crate) fn contains(&self, slot: u32, block: u32) -> bool {
        let cell = self.cell(slot, block as usize / CELL);
        cell.load(Ordering::Relaxed) >> (block as usize % CELL) & 1 != 0
    }

    /// How many of the first `blocks` blocks are home.
    #[cfg(any(test, feature = "validate"))]
    pub(crate) fn count(&self, slot: u32, blocks: u32) -> u32 {
        (0..blocks).filter(|&block| self.contains(slot, block)).count() as u32
    }
}

#[cfg(all(test, not(loom)))]
mod tests {
    use super::*;
    use std::boxed::Box;
    use std::vec::Vec;

    fn table() -> Box<Returned> {
        // SAFETY: `Table` says that zero bytes are an empty one.
        Box::new(unsafe { core::mem::zeroed() })
    }

    fn take(table: &Returned, slot: u32, most: u32) -> Vec<u32> {
        let mut taken = Vec::new();
        let count = table.take(slot, 4096, most, |block| taken.push(block));
        assert_eq!(count as usize, taken.len());
        taken
    }

    #[test]
    fn blocks_come_back_once_lowest_first() {
        let table = table();
        let none = |block| panic!("{block} was not home");
        assert_eq!(table.set(31, &[700, 64, 63, 4095, 0, 1], 4096, none), 6);
        assert_eq!(table.count(31, 4096), 6);
        assert!(table.contains(31, 64) && !table.contains(30, 64) && !table.contains(31, 65));
        assert_eq!(take(&table, 30, 9), []);
        assert_eq!(take(&table, 31, 3), [0, 1, 63]);
        assert_eq!(take(&table, 31, 1), [64]);
        assert_eq!(take(&table, 31, 9), [700, 4095]);
        assert_eq!(take(&table, 31, 9), []);
    }

    #[test]
    fn what_is_home_or_was_never_out_is_named_and_not_counted() {
        let table = table();
        let mut twice = Vec::new();
        assert_eq!(table.set(3, &[5, 6, 5], 1000, |block| twice.push(block)), 2);
        assert_eq!(table.set(3, &[900, 6, 1000], 1000, |block| twice.push(block)), 1);
        assert_eq!(twice, [5, 6, 1000]);
        assert_eq!(table.count(3, 4096), 3);
    }

    #[test]
    fn a_cleared_slab_is_empty_and_its_neighbours_are_not() {
        let table = table();
        for slot in 2..5 {
            table.set(slot, &[0, 511, 512, 4095], 4096, |_| ());
        }
        table.clear(3, 4096);
        assert_eq!([2, 3, 4].map(|slot| table.count(slot, 4096)), [4, 0, 4]);
    }
}
