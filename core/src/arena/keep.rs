//! The arena's books: which ranges are kept, by age, and which of them goes next.
//!
//! Two rows, each from newest to oldest: aligned 2 MiB ranges, which any superslab can use, and all
//! others. Reuse takes the newest that fits best, eviction the oldest, others first.

use crate::geometry::SUPERSLAB;
use crate::ledger::Table;
use crate::sync::{AtomicPtr, AtomicUsize, Ordering, cells, const_fn};
use core::cell::UnsafeCell;

/// Nodes of a chunk.
const NODES: usize = if cfg!(loom) { 8 } else { 1024 };
/// Chunks at most: a million ranges, twice what a heap of 1 TiB of superslabs needs.
const NODE_CHUNKS: usize = if cfg!(loom) { 1 } else { 1024 };
/// Kept ranges that a search looks at, at most, from the newest on.
const PROBES: usize = 64;
/// Ranges that leave the arena in one hold of the lock, at most.
const BATCH: usize = 8;

/// Whole pages of the source's, free.
#[derive(Debug, PartialEq, Eq)]
pub(crate) struct Range {
    pub(crate) base: usize,
    pub(crate) size: usize,
    /// May hold something other than zeros.
    pub(crate) dirty: bool,
}

impl Range {
    pub(crate) fn start(&self) -> *mut u8 {
        core::ptr::with_exposed_provenance_mut(self.base)
    }

    /// Can take the place of any superslab.
    fn is_superslab(&self) -> bool {
        self.size == SUPERSLAB && self.base.is_multiple_of(SUPERSLAB)
    }
}

/// A kept range in its row. Node numbers are one more than their place; 0 is none.
#[derive(Clone, Copy)]
struct Node {
    base: usize,
    size: usize,
    newer: u32,
    older: u32,
    dirty: bool,
    /// The source refused to take it back.
    refused: bool,
}

const BLANK: Node = Node {
    base: 0,
    size: 0,
    newer: 0,
    older: 0,
    dirty: false,
    refused: false,
};

struct Chunk([UnsafeCell<Node>; NODES]);

// SAFETY: nodes are read and written through `Ranges::get` and `set` alone, which ask for the arena
// that the lock guards.
unsafe impl Sync for Chunk {}
// SAFETY: zero bytes are blank nodes.
unsafe impl Table for Chunk {
    #[cfg(loom)]
    fn blank() -> Self {
        Self([const { UnsafeCell::new(BLANK) }; NODES])
    }
}

/// The nodes of an [`Arena`]; one of each to a heap.
pub(crate) struct Ranges {
    chunks: [AtomicPtr<Chunk>; NODE_CHUNKS],
    /// Bytes kept, for readers without the lock.
    kept: AtomicUsize,
}

impl Ranges {
    const_fn! {
        pub(crate) fn new() -> Self {
            Self {
                chunks: cells!(AtomicPtr::new(core::ptr::null_mut()); NODE_CHUNKS),
                kept: AtomicUsize::new(0),
            }
        }
    }

    /// Where chunk `index` is, or is to be made.
    pub(super) fn cell(&self, index: usize) -> Option<&AtomicPtr<impl Table>> {
        self.chunks.get(index)
    }

    pub(super) fn kept(&self) -> usize {
        self.kept.load(Ordering::Relaxed)
    }

    fn chunk(&self, index: usize) -> Option<&Chunk> {
        // ORDERING: Acquire pairs with the Release in `Ledger::table`.
        let chunk = self.chunks.get(index)?.load(Ordering::Acquire);
        // SAFETY: published chunks are never unmapped.
        unsafe { chunk.as_ref() }
    }

    fn place(&self, number: u32) -> Option<&UnsafeCell<Node>> {
        let place = number.checked_sub(1)? as usize;
        Some(&self.chunk(place / NODES)?.0[place % NODES])
    }

    fn get(&self, _: &Arena, number: u32) -> Option<Node> {
        // SAFETY: the arena's borrow shows that the lock is held; `set` alone writes, and needs the
        // arena for itself.
        self.place(number).map(|place| unsafe { *place.get() })
    }

    fn set(&self, _: &mut Arena, number: u32, change: impl FnOnce(&mut Node)) {
        if let Some(place) = self.place(number) {
            // SAFETY: as in `get`, and the borrow is exclusive.
            change(unsafe { &mut *place.get() });
        }
    }
}

/// What became of a request for a range.
pub(super) enum Taken {
    /// A kept one.
    Kept(Range),
    /// Nothing fits; a place for a fresh one is reserved.
    Reserved,
    /// There is no place left: this chunk must be made first.
    NeedsChunk(usize),
}

#[derive(Clone, Copy)]
struct Row {
    newest: u32,
    oldest: u32,
}

const SUPERSLABS: usize = 0;
const OTHERS: usize = 1;

/// The part of the arena that the lock guards.
pub(crate) struct Arena {
    rows: [Row; 2],
    /// Nodes that were used and are not, linked by `older`.
    vacant: u32,
    /// Nodes that were ever used.
    used: u32,
    capacity: u32,
    /// Ranges that there are, kept or handed out.
    reserved: u32,
}

impl Arena {
    const_fn! {
        pub(crate) fn new() -> Self {
            Self {
                rows: [Row { newest: 0, oldest: 0 }; 2],
                vacant: 0,
                used: 0,
                capacity: 0,
                reserved: 0,
            }
        }
    }

    /// A kept range for the request, or a place for one that is yet to be mapped; then also what
    /// has to leave until at most `bound` bytes are kept.
    pub(super) fn take(
        &mut self,
        ranges: &Ranges,
        size: usize,
        align: usize,
        bound: usize,
        victims: &mut Victims,
    ) -> Taken {
        if let Some(number) = self.find(ranges, size, align) {
            if let Some(range) = self.remove(ranges, number) {
                return Taken::Kept(range);
            }
        }
        if self.reserved == self.capacity {
            let chunk = self.capacity as usize / NODES;
            if ranges.chunk(chunk).is_none() {
                return Taken::NeedsChunk(chunk);
            }
            self.capacity += NODES as u32;
        }
        self.reserved += 1;
        self.evict(ranges, bound, victims);
        Taken::Reserved
    }

    /// Frees the places of ranges that are gone, or that were not mapped after all.
    pub(super) fn unreserve(&mut self, count: u32) {
        self.reserved -= count;
    }

    /// The node of the kept range that fits best: among the newest, the smallest.
    fn find(&self, ranges: &Ranges, size: usize, align: usize) -> Option<u32> {
        let row = if size == SUPERSLAB {
            SUPERSLABS
        } else {
            OTHERS
        };
        // A superslab must be exactly its size; of a large block the rest is just slack.
        let most = if size <= SUPERSLAB {
            size
        } else {
            size.saturating_add(size / 8)
        };
        let mut best: Option<(usize, u32)> = None;
        let mut number = self.rows[row].newest;
        for _ in 0..PROBES {
            let Some(node) = ranges.get(self, number) else {
                break;
            };
            let fits = (size..=most).contains(&node.size) && node.base.is_multiple_of(align);
            if fits && best.is_none_or(|(least, _)| node.size < least) {
                best = Some((node.size, number));
                if node.size == size {
                    break;
                }
            }
            number = node.older;
        }
        best.map(|(_, number)| number)
    }

    /// Keeps a range as the newest.
    pub(super) fn keep(&mut self, ranges: &Ranges, range: Range) {
        self.insert(ranges, range, false);
    }

    /// Keeps a range that the source refused: it is not offered again until
    /// [`forget_refusals`](Self::forget_refusals).
    pub(super) fn keep_refused(&mut self, ranges: &Ranges, range: Range) {
        self.insert(ranges, range, true);
    }

    fn insert(&mut self, ranges: &Ranges, range: Range, refused: bool) {
        let number = match ranges.get(self, self.vacant) {
            Some(node) => core::mem::replace(&mut self.vacant, node.older),
            None => {
                // Within capacity: every range was reserved before it was mapped.
                self.used += 1;
                self.used
            }
        };
        let row = row_of(&range);
        let older = core::mem::replace(&mut self.rows[row].newest, number);
        let Range { base, size, dirty } = range;
        ranges.set(self, number, |node| {
            *node = Node {
                base,
                size,
                newer: 0,
                older,
                dirty,
                refused,
            };
        });
        match older {
            0 => self.rows[row].oldest = number,
            older => ranges.set(self, older, |node| node.newer = number),
        }
        ranges.kept.fetch_add(size, Ordering::Relaxed);
    }

    fn remove(&mut self, ranges: &Ranges, number: u32) -> Option<Range> {
        let Node {
            base,
            size,
            newer,
            older,
            dirty,
            ..
        } = ranges.get(self, number)?;
        let range = Range { base, size, dirty };
        let row = row_of(&range);
        match newer {
            0 => self.rows[row].newest = older,
            newer => ranges.set(self, newer, |node| node.older = older),
        }
        match older {
            0 => self.rows[row].oldest = newer,
            older => ranges.set(self, older, |node| node.newer = newer),
        }
        let vacant = core::mem::replace(&mut self.vacant, number);
        ranges.set(self, number, |node| {
            *node = Node {
                older: vacant,
                ..BLANK
            }
        });
        ranges.kept.fetch_sub(size, Ordering::Relaxed);
        Some(range)
    }

    /// Takes out the oldest ranges, a batch at most, until at most `limit` bytes are kept.
    pub(super) fn evict(&mut self, ranges: &Ranges, limit: usize, victims: &mut Victims) {
        for row in [OTHERS, SUPERSLABS] {
            let mut number = self.rows[row].oldest;
            while ranges.kept() > limit && !victims.is_full() {
                let Some(node) = ranges.get(self, number) else {
                    break;
                };
                if !node.refused {
                    if let Some(range) = self.remove(ranges, number) {
                        victims.push(range);
                    }
                }
                number = node.newer;
            }
        }
    }

    /// Makes every kept range a candidate for the source again.
    pub(super) fn forget_refusals(&mut self, ranges: &Ranges) {
        for row in 0..self.rows.len() {
            let mut number = self.rows[row].newest;
            while let Some(node) = ranges.get(self, number) {
                ranges.set(self, number, |node| node.refused = false);
                number = node.older;
            }
        }
    }
}

fn row_of(range: &Range) -> usize {
    if range.is_superslab() {
        SUPERSLABS
    } else {
        OTHERS
    }
}

/// Ranges on their way out: what is picked under the lock and unmapped after it.
pub(super) struct Victims {
    ranges: [Option<Range>; BATCH],
    len: usize,
}

impl Victims {
    pub(super) const fn new() -> Self {
        Self {
            ranges: [const { None }; BATCH],
            len: 0,
        }
    }

    pub(super) fn is_empty(&self) -> bool {
        self.len == 0
    }

    fn is_full(&self) -> bool {
        self.len == BATCH
    }

    /// There is room: batches are never longer.
    pub(super) fn push(&mut self, range: Range) {
        self.ranges[self.len] = Some(range);
        self.len += 1;
    }
}

impl IntoIterator for Victims {
    type Item = Range;
    type IntoIter = core::iter::Flatten<core::array::IntoIter<Option<Range>, BATCH>>;

    fn into_iter(self) -> Self::IntoIter {
        self.ranges.into_iter().flatten()
    }
}

#[cfg(loom)]
impl Drop for Ranges {
    fn drop(&mut self) {
        self.chunks.iter().for_each(crate::ledger::drop_table);
    }
}

#[cfg(all(test, not(loom)))]
mod tests {
    use super::*;
    use std::boxed::Box;
    use std::vec::Vec;

    const MIB: usize = 1 << 20;

    fn books() -> (Ranges, Arena) {
        let ranges = Ranges::new();
        let nodes = core::array::from_fn(|_| UnsafeCell::new(BLANK));
        ranges.chunks[0].store(Box::leak(Box::new(Chunk(nodes))), Ordering::Relaxed);
        (ranges, Arena::new())
    }

    fn take(ranges: &Ranges, arena: &mut Arena, size: usize, align: usize) -> Option<usize> {
        match arena.take(ranges, size, align, usize::MAX, &mut Victims::new()) {
            Taken::Kept(range) => Some(range.base),
            Taken::Reserved => None,
            Taken::NeedsChunk(_) => unreachable!("one chunk is there"),
        }
    }

    fn evict(ranges: &Ranges, arena: &mut Arena, limit: usize) -> Vec<usize> {
        let mut victims = Victims::new();
        arena.evict(ranges, limit, &mut victims);
        victims.into_iter().map(|range| range.base).collect()
    }

    fn keep(ranges: &Ranges, arena: &mut Arena, base: usize, size: usize) {
        assert_eq!(take(ranges, arena, 7 * SUPERSLAB, 1), None);
        arena.keep(
            ranges,
            Range {
                base,
                size,
                dirty: true,
            },
        );
    }

    #[test]
    fn superslabs_match_exactly_and_large_ranges_within_an_eighth() {
        let (ranges, mut arena) = books();
        keep(&ranges, &mut arena, 2 * MIB, 2 * MIB);
        keep(&ranges, &mut arena, 16 * MIB, 9 * MIB);
        keep(&ranges, &mut arena, 32 * MIB, 8 * MIB + 65536);
        assert_eq!(take(&ranges, &mut arena, MIB, MIB), None);
        assert_eq!(take(&ranges, &mut arena, 7 * MIB, 65536), None);
        assert_eq!(take(&ranges, &mut arena, 8 * MIB, 65536), Some(32 * MIB));
        assert_eq!(take(&ranges, &mut arena, 8 * MIB, 32 * MIB), None);
        assert_eq!(take(&ranges, &mut arena, 8 * MIB, 65536), Some(16 * MIB));
        assert_eq!(take(&ranges, &mut arena, 2 * MIB, 2 * MIB), Some(2 * MIB));
        assert_eq!(ranges.kept(), 0);
    }

    #[test]
    fn the_oldest_leave_first_and_superslabs_last() {
        let (ranges, mut arena) = books();
        for at in 1..=4 {
            keep(&ranges, &mut arena, at * 64 * MIB, 2 * MIB);
            keep(&ranges, &mut arena, at * 64 * MIB + 32 * MIB, 3 * MIB);
        }
        assert_eq!(evict(&ranges, &mut arena, 14 * MIB), [96 * MIB, 160 * MIB]);
        assert_eq!(
            evict(&ranges, &mut arena, 6 * MIB),
            [224 * MIB, 288 * MIB, 64 * MIB]
        );
        assert_eq!(evict(&ranges, &mut arena, 6 * MIB), []);
        assert_eq!(ranges.kept(), 6 * MIB);
    }

    #[test]
    fn refused_ranges_stay_usable_and_are_offered_again_only_when_asked() {
        let (ranges, mut arena) = books();
        keep(&ranges, &mut arena, 2 * MIB, 2 * MIB);
        let mut victims = Victims::new();
        arena.evict(&ranges, 0, &mut victims);
        for range in victims {
            arena.keep_refused(&ranges, range);
        }
        assert_eq!(evict(&ranges, &mut arena, 0), []);
        arena.forget_refusals(&ranges);
        assert_eq!(evict(&ranges, &mut arena, 0), [2 * MIB]);
    }

    #[test]
    fn no_range_is_mapped_without_a_place_to_keep_it() {
        let (ranges, mut arena) = books();
        for _ in 0..NODES {
            assert_eq!(take(&ranges, &mut arena, 4 * MIB, 4096), None);
        }
        let full = arena.take(&ranges, 4 * MIB, 4096, 0, &mut Victims::new());
        assert!(matches!(full, Taken::NeedsChunk(1)));
        arena.unreserve(1);
        assert_eq!(take(&ranges, &mut arena, 4 * MIB, 4096), None);
    }
}
