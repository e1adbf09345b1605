//! The holes of a region, listed by address in themselves, the list cut into stretches.
//!
//! ```text
//! table   | first | first | first | first |   largest | largest | largest | largest |
//!              |              `---.
//! region  |.. hole . hole .|......hole......|...............|....hole....|     a stretch each
//!              `-------^                                    next and size: in the hole
//! ```
//! A hole is in the list of the stretch in which it begins. A list is as short as a stretch, and one
//! without a hole of the size is passed over whole, so that neither a search nor a free walks through
//! the region as it would with one list.
//!
//! Links are numbers of grains; 0, where the region's head lies, is none.

use super::piece::{GRAIN, Piece};
use core::ptr::NonNull;

/// Grains of the shortest stretch, as a power of two: 4 KiB.
const SHORTEST: u32 = 9;

/// Most stretches.
const STRETCHES: u32 = 4096;

/// Holes that are compared: the smallest is taken of the first so many that fit, by address.
///
/// The smallest of all leaves slivers everywhere, the first one breaks up what would have served a
/// large request: at nine tenths of load both left more requests unserved.
const LOOK: u32 = 2;

/// Entries that a search passes over at once.
const CHUNK: usize = 8;

/// How a region is cut.
#[derive(Clone, Copy)]
pub(super) struct Cut {
    /// Grains of a stretch, as a power of two.
    shift: u32,
    stretches: u32,
}

impl Cut {
    /// For a region of so many grains.
    pub(super) const fn of(grains: u32) -> Self {
        let mut shift = SHORTEST;
        while grains >> shift >= STRETCHES {
            shift += 1;
        }
        Self { shift, stretches: (grains >> shift) + 1 }
    }

    /// Bytes of the table.
    pub(super) const fn table_bytes(self) -> usize {
        self.stretches as usize * 2 * size_of::<u32>()
    }
}

/// A place that holds a link: a stretch's first, or a hole's next.
#[derive(Clone, Copy)]
pub(super) struct Slot(NonNull<u32>);

impl Slot {
    #[inline(always)]
    fn get(self) -> u32 {
        // SAFETY: slots are made by `Holes`, in the table and in holes.
        unsafe { self.0.read() }
    }

    #[inline(always)]
    fn set(self, link: u32) {
        // SAFETY: as in `get`.
        unsafe { self.0.write(link) };
    }
}

/// What lies beside a block.
pub(super) struct Beside {
    /// The last hole before it.
    pub(super) before: Option<(Slot, Piece)>,
    /// The first one behind its start, if that begins no later than behind its end.
    pub(super) behind: Option<(Slot, Piece)>,
    /// Where a hole that begins where the block does is to be linked.
    place: Slot,
}

/// The holes of a region.
#[derive(Clone, Copy)]
pub(super) struct Holes {
    base: NonNull<u8>,
    table: NonNull<u32>,
    cut: Cut,
}

impl Holes {
    /// # Safety
    /// Grain 0 begins at `base`, the table has the bytes that the cut says, its links are of this
    /// region's holes, and nobody else writes to all these.
    #[inline(always)]
    pub(super) unsafe fn at(base: NonNull<u8>, table: NonNull<u32>, cut: Cut) -> Self {
        Self { base, table, cut }
    }

    /// The stretch in which a grain lies.
    #[inline(always)]
    pub(super) fn stretch(self, grain: u32) -> u32 {
        grain >> self.cut.shift
    }

    /// The slot of a stretch's first hole.
    #[inline(always)]
    fn first(self, stretch: u32) -> Slot {
        // SAFETY: within the table.
        Slot(unsafe { self.table.add(stretch as usize) })
    }

    /// Grains of each stretch's largest hole.
    #[inline(always)]
    fn largest(&mut self) -> &mut [u32] {
        let count = self.cut.stretches as usize;
        // SAFETY: the second half of the table.
        unsafe { core::slice::from_raw_parts_mut(self.table.add(count).as_ptr(), count) }
    }

    /// Grains of the largest hole.
    pub(super) fn largest_of_all(mut self) -> u32 {
        self.largest().iter().copied().max().unwrap_or(0)
    }

    #[inline(always)]
    fn word(self, hole: u32, index: usize) -> NonNull<u32> {
        // SAFETY: in a hole of this region.
        unsafe { self.base.add(hole as usize * GRAIN).cast::<u32>().add(index) }
    }

    #[inline(always)]
    fn next(self, hole: u32) -> Slot {
        Slot(self.word(hole, 0))
    }

    /// The hole that begins there.
    #[inline(always)]
    fn hole(self, start: u32) -> Piece {
        // SAFETY: a word of a hole.
        Piece { start, size: unsafe { self.word(start, 1).read() } }
    }

    #[inline(always)]
    fn write(self, hole: Piece, next: u32) {
        self.next(hole.start).set(next);
        // SAFETY: a word of a hole.
        unsafe { self.word(hole.start, 1).write(hole.size) };
    }

    /// The hole for a block of `size` grains: of the first in which it `fits`, the smallest.
    #[inline]
    pub(super) fn best(self, size: u32, fits: impl Fn(Piece) -> bool) -> Option<(Slot, Piece)> {
        let mut best: Option<(Slot, Piece)> = None;
        let mut looked = 0;
        let mut next = 0;
        while let Some(stretch) = self.next_stretch(next, size) {
            next = stretch + 1;
            let mut slot = self.first(stretch);
            while slot.get() != 0 {
                let hole = self.hole(slot.get());
                if hole.size >= size && fits(hole) {
                    if best.is_none_or(|(_, best)| hole.size < best.size) {
                        best = Some((slot, hole));
                    }
                    looked += 1;
                    if looked == LOOK || hole.size == size {
                        return best;
                    }
                }
                slot = self.next(hole.start);
            }
        }
        best
    }

    /// Each stretch and the size of its largest hole.
    #[cfg(any(test, feature = "validate"))]
    pub(super) fn stretches(mut self) -> impl Iterator<Item = (u32, u32)> {
        let all = 0..self.cut.stretches;
        all.map(move |stretch| (stretch, self.largest()[stretch as usize]))
    }

    /// The holes of a stretch.
    pub(super) fn list(self, stretch: u32) -> impl Iterator<Item = Piece> {
        let hole = move |slot: Slot| Some(slot.get()).filter(|at| *at != 0).map(|at| self.hole(at));
        let first = hole(self.first(stretch));
        core::iter::successors(first, move |last| hole(self.next(last.start)))
    }

    /// Grains of a stretch, as a power of two.
    #[cfg(any(test, feature = "validate"))]
    pub(super) fn shift(self) -> u32 {
        self.cut.shift
    }

    /// The first stretch from this one on with a hole of `size` grains.
    #[inline]
    fn next_stretch(mut self, from: u32, size: u32) -> Option<u32> {
        let stretches = self.cut.stretches;
        let mut rest = self.largest().get(from as usize..)?;
        while let Some((chunk, behind)) = rest.split_first_chunk::<CHUNK>() {
            // No branch for each, so that they can be compared together.
            if chunk.iter().fold(false, |found, largest| found | (*largest >= size)) {
                break;
            }
            rest = behind;
        }
        let passed = rest.iter().position(|largest| *largest >= size)?;
        Some(stretches - (rest.len() - passed) as u32)
    }

    /// What lies beside a block.
    #[inline]
    pub(super) fn beside(self, block: Piece) -> Beside {
        let stretch = self.stretch(block.start);
        let mut before = None;
        let mut place = self.first(stretch);
        let mut at = place.get();
        while at != 0 && at <= block.start {
            before = Some(place);
            place = self.next(at);
            at = place.get();
        }
        let before = before.or_else(|| self.last_before(stretch));
        let behind =
            if at != 0 { Some(place) } else { self.first_within(stretch + 1, block.end()) };
        let hole = |slot: Slot| (slot, self.hole(slot.get()));
        Beside { before: before.map(hole), behind: behind.map(hole), place }
    }

    /// The last hole before a stretch.
    fn last_before(self, stretch: u32) -> Option<Slot> {
        let mut slot = (0..stretch).rev().map(|it| self.first(it)).find(|it| it.get() != 0)?;
        loop {
            let next = self.next(slot.get());
            if next.get() == 0 {
                return Some(slot);
            }
            slot = next;
        }
    }

    /// The first hole in a stretch or those behind it, up to the one with `end` in it.
    #[inline]
    fn first_within(self, stretch: u32, end: u32) -> Option<Slot> {
        let last = self.stretch(end).min(self.cut.stretches - 1);
        (stretch..=last).map(|it| self.first(it)).find(|it| it.get() != 0)
    }

    /// Links a hole that touches no other.
    pub(super) fn insert(self, hole: Piece) {
        self.insert_at(self.beside(hole).place, hole);
    }

    #[inline(always)]
    fn insert_at(self, place: Slot, hole: Piece) {
        self.write(hole, place.get());
        place.set(hole.start);
        self.grown(hole);
    }

    /// Unlinks the hole in a slot.
    #[inline]
    pub(super) fn remove(self, slot: Slot, hole: Piece) {
        slot.set(self.next(hole.start).get());
        self.shrunk(hole);
    }

    /// Leaves of the hole in a slot what begins at `start`.
    #[inline]
    pub(super) fn cut_low(self, slot: Slot, hole: Piece, start: u32) {
        let rest = Piece::between(start, hole.end());
        let next = self.next(hole.start).get();
        if self.stretch(start) == self.stretch(hole.start) {
            self.write(rest, next);
            slot.set(start);
            self.shrunk(hole);
        } else {
            slot.set(next);
            self.shrunk(hole);
            // Where the hole was, there is no other.
            self.insert_at(self.first(self.stretch(start)), rest);
        }
    }

    /// Makes a hole of a block and of what touches it.
    #[inline]
    pub(super) fn free(self, block: Piece, beside: Beside) {
        let mut end = block.end();
        if let Some((slot, hole)) = beside.behind.filter(|(_, hole)| hole.start == end) {
            self.remove(slot, hole);
            end = hole.end();
        }
        match beside.before {
            Some((_, hole)) if hole.end() == block.start => {
                let all = Piece::between(hole.start, end);
                self.write(all, self.next(hole.start).get());
                self.grown(all);
            }
            _ => self.insert_at(beside.place, Piece::between(block.start, end)),
        }
    }

    /// A hole became as large as this.
    #[inline(always)]
    fn grown(mut self, hole: Piece) {
        let stretch = self.stretch(hole.start) as usize;
        let largest = &mut self.largest()[stretch];
        *largest = hole.size.max(*largest);
    }

    /// A hole that was so large is smaller, or gone.
    #[inline(always)]
    fn shrunk(mut self, hole: Piece) {
        let stretch = self.stretch(hole.start);
        if self.largest()[stretch as usize] == hole.size {
            let largest = self.list(stretch).map(|hole| hole.size).max();
            self.largest()[stretch as usize] = largest.unwrap_or(0);
        }
    }
}
