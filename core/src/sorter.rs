//! Blocks of one class, sorted by slab.
//!
//! A counting sort: blocks that were freed in no order cost no mispredicted branch each, and those of
//! one slab come together however many slabs there are.

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
    /// They are not all of one slab.
    mixed: bool,
}

impl Sorter {
    pub(crate) const fn new() -> Self {
        Self { slabs: [0; SORTED], blocks: [0; SORTED], len: 0, mixed: false }
    }

    /// Adds the block at an address; there is room. False: no block begins there.
    #[inline(always)]
    pub(crate) fn add(&mut self, address: usize, measure: &Measure) -> bool {
        let Some((slab, index)) = measure.place(address) else { return false };
        let at = self.len % SORTED;
        (self.slabs[at], self.blocks[at]) = (slab, index);
        self.mixed |= slab != self.slabs[0];
        self.len = at + 1;
        true
    }

    /// Takes all blocks out: `each` gets a slab, and blocks of it.
    #[inline(always)]
    pub(crate) fn drain(&mut self, mut each: impl FnMut(u32, &[u16])) {
        let (len, mixed) = (core::mem::take(&mut self.len), core::mem::take(&mut self.mixed));
        let slabs = &self.slabs[..len];
        if !mixed {
            if len > 0 {
                each(slabs[0], &self.blocks[..len]);
            }
            return;
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
        let mut rest = &sorted.blocks[..len];
        for run in sorted.slabs[..len].chunk_by(|one, other| one == other) {
            let (blocks, behind) = rest.split_at(run.len());
            each(run[0], blocks);
            rest = behind;
        }
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
            let mut wanted = BTreeMap::<u32, Vec<u16>>::new();
            for &(slab, index) in &blocks {
                prop_assert!(sorter.add(slab * SLOT + index * class.size(), class.measure()));
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
            assert!(sorter.add((700 + at * 7 % 25) * SLOT + at * 64, class.measure()));
        }
        let mut runs = Vec::new();
        sorter.drain(|slab, blocks| runs.push((slab, blocks.len())));
        assert_eq!(runs.len(), 25);
        assert_eq!(runs.iter().map(|run| run.1).sum::<usize>(), SORTED);
    }

    #[test]
    fn what_begins_no_block_is_refused() {
        let class = ClassId::of(48);
        let mut sorter = Sorter::new();
        assert!(!sorter.add(SLOT + 16, class.measure()));
        // Behind the last block.
        assert!(!sorter.add(SLOT + SLOT / 48 * 48, class.measure()));
        sorter.drain(|_, _| panic!("nothing was added"));
    }
}
