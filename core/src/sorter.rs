//! Blocks of one class, sorted by slab.
//!
//! A counting sort: blocks that were freed in no order cost no mispredicted branch each, and those of
//! one slab come together however many slabs there are. Blocks that were freed in some order come in long
//! runs of one slab, and are left in it.

use crate::class::Measure;
use crate::steps;

/// Blocks that are sorted at once.
pub(crate) const SORTED: usize = 256;
/// Slabs that surely come apart: those of 16 MiB.
const BUCKETS: usize = 256;

/// Blocks of one class, each as its slab and its index there.
pub(crate) struct Sorter {
    slabs: [u32; SORTED],
    blocks: [u16; SORTED],
    len: usize,
    /// Places where one block is of another slab than the one before it.
    turns: usize,
}

/// Runs are long enough to be left as they are, if one in so many blocks is a turn at most.
const LONG: usize = 16;

impl Sorter {
    pub(crate) const fn new() -> Self {
        Self { slabs: [0; SORTED], blocks: [0; SORTED], len: 0, turns: 0 }
    }

    /// Adds the blocks at some addresses, as far as there is room; 0 stands for none. Answers how many
    /// there were. `refuse` gets the addresses at which no block begins.
    #[inline(always)]
    pub(crate) fn add(
        &mut self,
        addresses: &[usize],
        measure: &Measure,
        mut refuse: impl FnMut(usize),
    ) -> u32 {
        // Copies: the compiler does not know that storing a block changes neither.
        let (measure, mut len) = (*measure, self.len);
        let mut none = 0;
        for &address in addresses {
            let at = len % SORTED;
            let Some((slab, index)) = measure.place(address).filter(|_| address != 0) else {
                none += u32::from(address == 0);
                if address != 0 {
                    refuse(address);
                }
                continue;
            };
            (self.slabs[at], self.blocks[at]) = (slab, index);
            self.turns += usize::from(slab != self.slabs[at.saturating_sub(1)]);
            len = at + 1;
        }
        self.len = len;
        addresses.len() as u32 - none
    }

    /// Takes all blocks out: `each` gets a slab, and blocks of it.
    #[inline(always)]
    pub(crate) fn drain(&mut self, each: impl FnMut(u32, &[u16])) {
        let (len, turns) = (core::mem::take(&mut self.len), core::mem::take(&mut self.turns));
        let slabs = &self.slabs[..len];
        if turns * LONG <= len {
            return runs(slabs, &self.blocks[..len], each);
        }
        let bucket = |slab: u32| slab as usize % BUCKETS;
        let mut ends = [0u16; BUCKETS];
        slabs.iter().for_each(|&slab| {
            steps::block();
            ends[bucket(slab)] += 1;
        });
        let mut end = 0;
        for count in &mut ends {
            steps::word();
            end += *count;
            *count = end;
        }
        let mut sorted = Self::new();
        for (&slab, &block) in slabs.iter().zip(&self.blocks).rev() {
            let end = &mut ends[bucket(slab)];
            *end -= 1;
            let at = usize::from(*end) % SORTED;
            (sorted.slabs[at], sorted.blocks[at]) = (slab, block);
        }
        runs(&sorted.slabs[..len], &sorted.blocks[..len], each);
    }
}

/// Calls `each` with each run of blocks of one slab.
#[inline(always)]
fn runs(slabs: &[u32], mut blocks: &[u16], mut each: impl FnMut(u32, &[u16])) {
    for run in slabs.chunk_by(|one, other| one == other) {
        let (these, behind) = blocks.split_at(run.len());
        each(run[0], these);
        blocks = behind;
    }
}

#[cfg(all(test, not(loom)))]
mod tests {
    use super::*;
    use crate::class::ClassId;
    use crate::geometry::SLOT;
    use proptest::prelude::*;
    use std::collections::BTreeMap;
    use std::vec::Vec;

    proptest! {
        #[test]
        fn blocks_come_out_by_slab(
            size in 1usize..1024,
            blocks in proptest::collection::vec((1usize..400, 0usize..64), 0..=SORTED),
        ) {
            let class = ClassId::of(size);
            let mut sorter = Sorter::new();
            let refuse = |address| panic!("{address} begins a block");
            let mut wanted = BTreeMap::<u32, Vec<u16>>::new();
            for &(slab, index) in &blocks {
                let address = [slab * SLOT + index * class.size()];
                prop_assert_eq!(sorter.add(&address, class.measure(), refuse), 1);
                wanted.entry(slab as u32).or_default().push(index as u16);
            }
            let mut found = BTreeMap::<u32, Vec<u16>>::new();
            sorter.drain(|slab, blocks| found.entry(slab).or_default().extend_from_slice(blocks));
            // In the order in which they came.
            prop_assert_eq!(found, wanted);
            sorter.drain(|_, _| panic!("it is empty"));
        }
    }

    #[test]
    fn slabs_within_16_mib_come_out_once_each() {
        let class = ClassId::of(64);
        let mut sorter = Sorter::new();
        for at in 0..SORTED {
            let address = [(700 + at * 7 % 25) * SLOT + at * 64];
            assert_eq!(sorter.add(&address, class.measure(), |_| panic!("it is one")), 1);
        }
        let mut runs = Vec::new();
        sorter.drain(|slab, blocks| runs.push((slab, blocks.len())));
        assert_eq!(runs.len(), 25);
        assert_eq!(runs.iter().map(|run| run.1).sum::<usize>(), SORTED);
    }

    #[test]
    fn long_runs_are_left_as_they_came() {
        let class = ClassId::of(64);
        let mut sorter = Sorter::new();
        let slabs = [9, 7, 9];
        let blocks = slabs.map(|slab| core::array::from_fn::<_, 64, _>(|at| slab * SLOT + at * 64));
        for blocks in &blocks {
            assert_eq!(sorter.add(blocks, class.measure(), |_| panic!("it is one")), 64);
        }
        let mut runs = Vec::new();
        sorter.drain(|slab, blocks| runs.push((slab as usize, blocks.to_vec())));
        let all: Vec<u16> = (0..64).collect();
        assert_eq!(runs, slabs.map(|slab| (slab, all.clone())));
    }

    #[test]
    fn what_begins_no_block_is_refused() {
        let class = ClassId::of(48);
        let mut sorter = Sorter::new();
        // Inside a block, no address, and behind the last block.
        let wrong = [SLOT + 16, 0, SLOT + SLOT / 48 * 48];
        let mut refused = Vec::new();
        assert_eq!(sorter.add(&wrong, class.measure(), |address| refused.push(address)), 2);
        assert_eq!(refused, [wrong[0], wrong[2]]);
        sorter.drain(|_, _| panic!("nothing was added"));
    }
}
