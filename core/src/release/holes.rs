//! Free pages inside slabs that are in use go back.
//!
//! Which blocks are home stands beside the heap, not in it: so the pages of blocks that are home can
//! be dropped, and what pins memory is a page for a live block, not a slab of 64 KiB. A slab is
//! claimed meanwhile, as for allocating from it, and given up again.

use crate::class::ClassId;
use crate::geometry::{SLOT, SLOTS};
use crate::heap::Heap;
use crate::hints::bits;
use crate::marks::{HOLE, SLOT_HOLES};
use crate::pool::claim_slab;
use crate::registry::Registry;
use crate::returned::Returned;
use crate::runs::Runs;
use crate::source::Host;
use crate::superslab::{SlabId, SuperId, Superslab};
use crate::sync::Ordering;
use crate::word::State;

/// Runs of pages that one call of the source gives back, at most: those of a slab of 64 pages, twice.
const RUNS: usize = 64;
/// Runs of a slab, at most.
const SLAB_RUNS: usize = 32;

/// Slabs that are claimed together, and what of them goes back in one call.
struct Batch {
    runs: Runs<RUNS>,
    /// Class of the slab at each slot, and its fresh holes.
    slabs: [(ClassId, u64); SLOTS as usize],
    /// Which slots have one.
    claimed: u32,
}

impl<H: Host, R: Registry> Heap<H, R> {
    /// Gives back free pages of the next slabs that have some, by one call of the source; looks at one
    /// superslab at most. Answers the bytes.
    #[cold]
    pub(crate) fn sift_some(&self) -> usize {
        let relaxed = Ordering::Relaxed;
        let id = SuperId(self.sieve.next.load(relaxed));
        let Some(superslab) = self.pool.superslab(id) else {
            // The end: from the start again, unless there is nothing.
            self.sieve.next.store(0, relaxed);
            if !self.sieve.found.swap(false, relaxed) {
                self.sieve.was_in_vain();
            }
            return 0;
        };
        let (bytes, rest) = self.sift_batch(id, superslab, u32::MAX);
        if bytes > 0 {
            self.sieve.found.store(true, relaxed);
        }
        if rest == 0 {
            self.sieve.next.store(id.0 + 1, relaxed);
        }
        bytes
    }

    /// Gives back the free pages of the pooled slabs at the slots `wanted`. Answers their bytes.
    // Its own frame: it is a large one.
    #[inline(never)]
    pub(crate) fn sift(&self, id: SuperId, superslab: &Superslab, mut wanted: u32) -> usize {
        let mut bytes = 0;
        while wanted != 0 {
            let (gone, rest) = self.sift_batch(id, superslab, wanted);
            bytes += gone;
            wanted = rest;
        }
        bytes
    }

    /// As [`sift`](Self::sift), as many of them as one call takes. Answers the bytes, and the slots that
    /// are left.
    fn sift_batch(&self, id: SuperId, superslab: &Superslab, mut wanted: u32) -> (usize, u32) {
        let mut batch =
            Batch { runs: Runs::new(), slabs: [(ClassId(0), 0); SLOTS as usize], claimed: 0 };
        while wanted != 0 && batch.runs.has_room(SLAB_RUNS) {
            let slot = wanted.trailing_zeros();
            wanted &= wanted - 1;
            self.claim_for_sifting(superslab, slot, &mut batch);
        }
        if !batch.runs.is_empty() {
            self.undo_huge(superslab);
        }
        // SAFETY: whole pages of one mapping each, of slabs that are claimed: every block in them is
        // home, and only the claimer could hand it out.
        let clean = !batch.runs.is_empty()
            && unsafe { self.ledger.purge_all(&self.host, batch.runs.as_slice()) };
        let mut bytes = 0;
        for slot in bits(u64::from(batch.claimed)) {
            let (class, fresh) = batch.slabs[slot as usize];
            if clean && fresh != 0 {
                let known = superslab.marks.holes(slot, class.slots());
                superslab.marks.set_holes(slot, class.slots(), known | fresh);
                let more = fresh.count_ones() as usize * HOLE;
                self.pool.sums.holes.add(more);
                bytes += more;
            }
            self.give_up(SlabId::new(id, slot), class);
        }
        (bytes, wanted)
    }

    /// Claims the slab at a slot, if it is pooled and may have free pages; notes those.
    fn claim_for_sifting(&self, superslab: &Superslab, slot: u32, batch: &mut Batch) {
        let word = superslab.peek(slot);
        let class = word.class();
        if word.state() != State::Pooled || class.free_bytes(word.free()) < self.host.page_size() {
            return;
        }
        let Some(word) = claim_slab(superslab, class, slot) else { return };
        batch.claimed |= 1 << slot;
        let known = superslab.marks.holes(slot, class.slots());
        let free = superslab
            .returned()
            .map_or(0, |returned| free_pages(returned, slot, class, word.carved()));
        let fresh = whole_pages(free, self.host.page_size()) & !known;
        batch.slabs[slot as usize] = (class, fresh);
        let base = superslab.slab_base(slot);
        let mut left = fresh;
        while left != 0 {
            let start = left.trailing_zeros();
            let length = (left >> start).trailing_ones();
            left &= !(mask(length) << start);
            batch.runs.push(base + start as usize * HOLE, length as usize * HOLE);
        }
    }
}

/// The lowest bits.
fn mask(bits: u32) -> u64 {
    u64::MAX >> (64 - bits)
}

/// The 4 KiB pages of a slab in which every block is home or was never carved, a bit each.
fn free_pages(returned: &Returned, slot: u32, class: ClassId, carved: u32) -> u64 {
    let all = mask(class.slots() * SLOT_HOLES);
    let (mut used, size) = (0, class.size());
    for cell in 0..carved.div_ceil(64) {
        let carved_here = mask((carved - cell * 64).min(64));
        for bit in bits(!returned.cell_home(slot, cell) & carved_here) {
            let start = (cell * 64 + bit) as usize * size;
            let (first, last) = (start / HOLE, (start + size - 1) / HOLE);
            used |= mask((last - first) as u32 + 1) << first;
        }
        if used == all {
            return 0;
        }
    }
    !used & all
}

/// Of 4 KiB pages those that fill the source's pages.
fn whole_pages(free: u64, page: usize) -> u64 {
    let each = (page / HOLE).clamp(1, SLOT / HOLE) as u32;
    let starts = (0..64).step_by(each as usize);
    let whole = starts.map(|at| mask(each) << at).filter(|group| free & group == *group);
    whole.fold(0, |pages, group| pages | group)
}

#[cfg(all(test, not(loom)))]
mod tests {
    use super::*;

    #[test]
    fn pages_count_as_free_only_as_wholes_of_the_source_s() {
        let free = 0xffff_0000_0ff0_7f11;
        assert_eq!(whole_pages(free, 4096), free);
        assert_eq!(whole_pages(free, 16 << 10), 0xffff_0000_0ff0_0f00);
        assert_eq!(whole_pages(free, 64 << 10), 0xffff_0000_0000_0000);
    }

    #[test]
    fn a_block_keeps_every_page_that_it_touches() {
        // SAFETY: `Table` says that zero bytes are an empty one.
        let returned: std::boxed::Box<Returned> =
            std::boxed::Box::new(unsafe { core::mem::zeroed() });
        let class = ClassId::of(3072);
        let carved = class.capacity();
        assert_eq!(free_pages(&returned, 2, class, 0), mask(class.slots() * SLOT_HOLES));
        let all: std::vec::Vec<u16> = (0..carved as u16).collect();
        returned.set(2, &all, carved, |block| panic!("{block} was not out"));
        assert_eq!(free_pages(&returned, 2, class, carved), mask(class.slots() * SLOT_HOLES));
        // Taken again: block 1 is bytes 3072..6144, in pages 0 and 1.
        assert_eq!(returned.take(2, carved, 2, |_| ()), 2);
        assert_eq!(free_pages(&returned, 2, class, carved) & 0b111, 0b100);
    }
}
