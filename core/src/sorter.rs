//! Blocks of one class, sorted by slab.
//!
//! A counting sort: blocks that were freed in no order cost no mispredicted branch each, and those of
//! one slab come together however many slabs there are.

use crate::class::Measure;

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
        slabs.iter().for_each(|&slab| ends[bucket(slab)] += 1);
        let mut end = 0;
        for count in &mut ends {
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
