//! What the release of memory notes of a superslab's slots, in words that order nothing.
//!
//! *Aged*: a slot that was idle and dirty, or whose slab was pooled, when the last round of decay
//! came by. Who claims it clears the mark, so that one still marked at the next round has lain
//! untouched for the time between the two.
//!
//! *Holes*: pages of a slab that were given back while it was in nobody's hands, because every block
//! in them was home. They count as backed again when somebody claims the slab.
//!
//! *Touched*: a slot whose slab was carved to its end, and that was given to nobody else since. While it
//! is idle and dirty, all of its pages are backed; of a slot that is dirty alone, one at least.
//!
//! *Huge*: the source was asked for a huge page. *Dense*: for how many rounds in a row the superslab has
//! been worth one, and how many it takes.

use crate::geometry::{SLOT, SLOTS};
use crate::steps;
use crate::sync::Ordering;
use crate::sync::mark::{AtomicBool, AtomicU8, AtomicU16, AtomicU32};

/// Bytes that one bit of the holes stands for: the smallest page.
pub(crate) const HOLE: usize = 4096;
/// Holes of a slot.
pub(crate) const SLOT_HOLES: u32 = if SLOT < HOLE { 1 } else { (SLOT / HOLE) as u32 };

/// Rounds of decay that a superslab must have been dense before a huge page is asked for.
const DENSE_ROUNDS: u8 = 4;
/// Each time that it was for nothing, twice as many, up to that.
const DENSE_MOST: u8 = 64;

/// The marks of one superslab; all-zero bytes are none.
pub(crate) struct Marks {
    aged: AtomicU32,
    touched: AtomicU32,
    holes: [AtomicU16; SLOTS as usize],
    huge: AtomicBool,
    dense: AtomicU8,
    /// Rounds that it takes; 0 stands for the first number.
    needed: AtomicU8,
}

impl Marks {
    #[cfg(any(test, loom))]
    pub(crate) const fn new() -> Self {
        Self {
            aged: AtomicU32::new(0),
            touched: AtomicU32::new(0),
            holes: [const { AtomicU16::new(0) }; SLOTS as usize],
            huge: AtomicBool::new(false),
            dense: AtomicU8::new(0),
            needed: AtomicU8::new(0),
        }
    }

    /// Notes which slots lie idle or pooled now. Answers those of them that did so at the last
    /// call and were not claimed since.
    pub(crate) fn age(&self, lying: u32) -> u32 {
        self.aged.swap(lying, Ordering::Relaxed) & lying
    }

    /// Notes that slots were claimed.
    #[inline]
    pub(crate) fn claimed(&self, slots: u32) {
        if self.aged.load(Ordering::Relaxed) & slots != 0 {
            self.aged.fetch_and(!slots, Ordering::Relaxed);
        }
    }

    /// Notes that slots were touched to their end, or are so no more.
    pub(crate) fn set_touched(&self, slots: u32, touched: bool) {
        let before = self.touched.load(Ordering::Relaxed);
        if touched && before & slots != slots {
            self.touched.fetch_or(slots, Ordering::Relaxed);
        } else if !touched && before & slots != 0 {
            self.touched.fetch_and(!slots, Ordering::Relaxed);
        }
    }

    /// Whether all of some slots were.
    pub(crate) fn touched(&self, slots: u32) -> bool {
        self.touched.load(Ordering::Relaxed) & slots == slots
    }

    /// Notes that the superslab opens; whether a huge page was asked for.
    pub(crate) fn open(&self, huge: bool) {
        self.touched.store(0, Ordering::Relaxed);
        self.huge.store(huge, Ordering::Relaxed);
        self.dense.store(0, Ordering::Relaxed);
        self.needed.store(0, Ordering::Relaxed);
    }

    /// One round: notes whether the superslab is dense. Answers whether it was for long enough, and no
    /// huge page was asked for yet.
    pub(crate) fn dense(&self, dense: bool) -> bool {
        if !dense {
            self.dense.store(0, Ordering::Relaxed);
            return false;
        }
        let rounds = self.dense.load(Ordering::Relaxed).saturating_add(1);
        self.dense.store(rounds, Ordering::Relaxed);
        rounds >= self.needed.load(Ordering::Relaxed).max(DENSE_ROUNDS) && !self.is_huge()
    }

    /// Notes that a huge page was asked for in vain, or came apart.
    pub(crate) fn trust_less(&self) {
        let needed = self.needed.load(Ordering::Relaxed).max(DENSE_ROUNDS);
        self.needed.store((2 * needed).min(DENSE_MOST), Ordering::Relaxed);
        self.dense.store(0, Ordering::Relaxed);
    }

    /// Whether a huge page was asked for.
    #[inline]
    pub(crate) fn is_huge(&self) -> bool {
        self.huge.load(Ordering::Relaxed)
    }

    pub(crate) fn set_huge(&self) {
        self.huge.store(true, Ordering::Relaxed);
    }

    /// Takes the mark away. Of several callers one gets it.
    pub(crate) fn take_huge(&self) -> bool {
        self.is_huge() && self.huge.swap(false, Ordering::Relaxed)
    }

    /// The holes of a slab of `slots` slots. For its claimer.
    pub(crate) fn holes(&self, slot: u32, slots: u32) -> u64 {
        (0..slots).map(|at| u64::from(self.slot(slot + at)) << (at * SLOT_HOLES)).sum()
    }

    /// Writes the holes of a slab that the caller has claimed.
    pub(crate) fn set_holes(&self, slot: u32, slots: u32, holes: u64) {
        for at in 0..slots {
            let part = (holes >> (at * SLOT_HOLES)) as u16;
            self.holes[(slot + at) as usize % SLOTS as usize].store(part, Ordering::Relaxed);
        }
    }

    /// Forgets the holes of a slab that the caller has claimed. Answers their bytes.
    pub(crate) fn forget_holes(&self, slot: u32, slots: u32) -> usize {
        let holes = self.holes(slot, slots);
        if holes != 0 {
            self.set_holes(slot, slots, 0);
        }
        holes.count_ones() as usize * HOLE
    }

    fn slot(&self, slot: u32) -> u16 {
        steps::word();
        self.holes[slot as usize % SLOTS as usize].load(Ordering::Relaxed)
    }
}

#[cfg(all(test, not(loom)))]
mod tests {
    use super::*;

    #[test]
    fn a_run_is_touched_only_if_all_of_it_is() {
        let marks = Marks::new();
        assert!(!marks.touched(0b0100));
        marks.set_touched(0b1100, true);
        marks.set_touched(0b0001, true);
        assert!(marks.touched(0b1100) && !marks.touched(0b0011));
        marks.set_touched(0b0110, false);
        assert!(marks.touched(0b1001) && !marks.touched(0b1100));
        marks.open(false);
        assert!(!marks.touched(0b0001));
    }

    #[test]
    fn what_lies_through_two_rounds_is_aged_unless_it_was_claimed() {
        let marks = Marks::new();
        assert_eq!(marks.age(0b0111), 0);
        marks.claimed(0b0010);
        assert_eq!(marks.age(0b1111), 0b0101);
        assert_eq!(marks.age(0b1110), 0b1110);
        assert_eq!(marks.age(0), 0);
    }

    #[test]
    fn holes_belong_to_the_slots_of_their_slab() {
        let marks = Marks::new();
        let holes = 0x8001_0000_0003_0001;
        marks.set_holes(4, 4, holes);
        assert_eq!(marks.holes(4, 4), holes);
        assert_eq!((marks.holes(3, 1), marks.holes(8, 1)), (0, 0));
        assert_eq!(marks.holes(7, 1), 0x8001);
        assert_eq!(marks.forget_holes(4, 4), 5 * HOLE);
        assert_eq!(marks.forget_holes(4, 4), 0);
    }

    #[test]
    fn who_thinned_out_must_stay_dense_for_longer() {
        let marks = Marks::new();
        let rounds = || (1..).find(|_| marks.dense(true)).unwrap();
        assert_eq!(rounds(), u32::from(DENSE_ROUNDS));
        marks.set_huge();
        assert!(!marks.dense(true), "asked for already");
        assert!(marks.take_huge() && !marks.take_huge());
        marks.trust_less();
        assert!(!marks.dense(false));
        assert_eq!(rounds(), u32::from(2 * DENSE_ROUNDS));
        (0..20).for_each(|_| marks.trust_less());
        assert_eq!(rounds(), u32::from(DENSE_MOST));
        marks.open(false);
        assert_eq!(rounds(), u32::from(DENSE_ROUNDS));
    }
}
