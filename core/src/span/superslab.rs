//! The descriptor of a span superslab.

use super::bits::{Bits, WORDS};
use super::class::{GRAIN, GRAINS, SpanClass};
use crate::arena::Range;
#[cfg(any(test, loom))]
use crate::sync::cells;
use crate::sync::mark::AtomicBool;
use crate::sync::{AtomicU16, AtomicU32, AtomicU64, AtomicUsize, Ordering};

/// A span: number of its superslab and first grain, from 1 up, so that 0 is none.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[repr(transparent)]
pub(crate) struct SpanId(core::num::NonZeroU32);

impl SpanId {
    /// `None` past the largest number that ids have room for: eight million superslabs.
    pub(crate) const fn new(number: u32, grain: usize) -> Option<Self> {
        if number >= u32::MAX / GRAINS as u32 {
            return None;
        }
        match core::num::NonZeroU32::new(number * GRAINS as u32 + grain as u32 + 1) {
            Some(id) => Some(Self(id)),
            None => None,
        }
    }

    pub(crate) const fn number(self) -> u32 {
        (self.0.get() - 1) / GRAINS as u32
    }

    pub(crate) const fn grain(self) -> usize {
        (self.0.get() - 1) as usize % GRAINS
    }

    /// The id as a number that is not 0.
    pub(crate) const fn encode(self) -> u32 {
        self.0.get()
    }

    pub(crate) const fn decode(number: u32) -> Option<Self> {
        match core::num::NonZeroU32::new(number) {
            Some(id) => Some(Self(id)),
            None => None,
        }
    }
}

/// What stands in the word of a grain.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Span {
    /// No span begins here.
    None,
    /// A user holds this span.
    Live(SpanClass),
    /// A store holds this span.
    Cached(SpanClass),
}

const LIVE: u16 = 1 << 8;
const CACHED: u16 = 2 << 8;

impl Span {
    const fn encode(self) -> u16 {
        match self {
            Self::None => 0,
            Self::Live(class) => LIVE | class.0 as u16,
            Self::Cached(class) => CACHED | class.0 as u16,
        }
    }

    const fn decode(word: u16) -> Self {
        let class = SpanClass(word as u8);
        match word & !0xff {
            LIVE => Self::Live(class),
            CACHED => Self::Cached(class),
            _ => Self::None,
        }
    }

    pub(crate) const fn class(self) -> Option<SpanClass> {
        match self {
            Self::None => None,
            Self::Live(class) | Self::Cached(class) => Some(class),
        }
    }
}

/// A span superslab, as far as it is not the spans themselves. Bitmaps and links are written under
/// the one lock, which orders them; words by whoever holds the span. So all accesses are Relaxed:
/// a span goes from thread to thread through a store or the lock, and those order it.
#[repr(C, align(64))]
pub(crate) struct SpanSuperslab {
    /// Address; 0 while closed.
    base: AtomicUsize,
    /// Neighbours in the index's list, or the next vacant number: numbers + 1.
    pub(super) next: AtomicU32,
    pub(super) previous: AtomicU32,
    /// The index's list that it is in: class + 1.
    pub(super) listed: AtomicU32,
    grains: AtomicU32,
    free: [AtomicU64; WORDS],
    /// Grains that may hold something other than zeros.
    dirty: [AtomicU64; WORDS],
    words: [AtomicU16; GRAINS],
    /// Whether grains were taken or given since the last round of decay.
    stirred: AtomicBool,
    /// Whether it was asked to lie on a huge page.
    huge: AtomicBool,
}

/// The whole pages of `page` grains in a run. Empty, but never backward, where there is none.
fn whole_pages(run: &core::ops::Range<usize>, page: usize) -> core::ops::Range<usize> {
    let (start, end) = (run.start.next_multiple_of(page), run.end / page * page);
    start..end.max(start)
}

fn load(cells: &[AtomicU64; WORDS]) -> Bits {
    Bits(core::array::from_fn(|word| cells[word].load(Ordering::Relaxed)))
}

fn store(cells: &[AtomicU64; WORDS], bits: &Bits) {
    cells.iter().zip(&bits.0).for_each(|(cell, bits)| cell.store(*bits, Ordering::Relaxed));
}

impl SpanSuperslab {
    /// A closed descriptor; in tables, zero bytes are that.
    #[cfg(any(test, loom))]
    pub(crate) fn blank() -> Self {
        Self {
            base: AtomicUsize::new(0),
            next: AtomicU32::new(0),
            previous: AtomicU32::new(0),
            listed: AtomicU32::new(0),
            grains: AtomicU32::new(0),
            free: cells!(AtomicU64::new(0); WORDS),
            dirty: cells!(AtomicU64::new(0); WORDS),
            words: cells!(AtomicU16::new(0); GRAINS),
            stirred: AtomicBool::new(false),
            huge: AtomicBool::new(false),
        }
    }

    /// Address of the superslab; stable for whoever holds a span in it.
    pub(crate) fn base(&self) -> usize {
        self.base.load(Ordering::Relaxed)
    }

    /// Grains in all: of a guest in the slots of a slab superslab fewer than 512.
    pub(crate) fn grains(&self) -> usize {
        self.grains.load(Ordering::Relaxed) as usize
    }

    /// Whether it stands in slots that belong to a slab superslab.
    pub(crate) fn is_guest(&self) -> bool {
        self.grains() < GRAINS
    }

    /// Bytes in all.
    pub(crate) fn size(&self) -> usize {
        self.grains() * GRAIN
    }

    /// Start of a span that the caller holds.
    pub(crate) fn start(&self, grain: usize) -> *mut u8 {
        core::ptr::with_exposed_provenance_mut(self.base() + grain * GRAIN)
    }

    pub(crate) fn span(&self, grain: usize) -> Span {
        Span::decode(self.words[grain].load(Ordering::Relaxed))
    }

    /// Writes the word of a span that the caller holds.
    pub(crate) fn set_span(&self, grain: usize, span: Span) {
        self.words[grain].store(span.encode(), Ordering::Relaxed);
    }

    /// Turns a live span into a cached one. Of several callers one succeeds.
    pub(crate) fn catch(&self, grain: usize, class: SpanClass) -> bool {
        self.turn(grain, Span::Live(class), Span::Cached(class))
    }

    /// Turns one state of a span into another. Of several callers one succeeds.
    pub(crate) fn turn(&self, grain: usize, from: Span, to: Span) -> bool {
        self.words[grain]
            .compare_exchange(from.encode(), to.encode(), Ordering::Relaxed, Ordering::Relaxed)
            .is_ok()
    }

    /// The free grains. Without the lock: a hint.
    pub(crate) fn free(&self) -> Bits {
        load(&self.free)
    }

    /// The grains that may not read zero. Without the lock: a hint.
    pub(crate) fn dirty(&self) -> Bits {
        load(&self.dirty)
    }

    /// Bytes of free grains that are dirty.
    pub(super) fn loose(&self) -> usize {
        self.free().meet(&self.dirty()).count() * GRAIN
    }

    /// The free grains that are dirty and fill whole pages of `page` grains, in runs of at least `least`.
    /// A page is free as a whole or not at all; what of it is dirty counts with the rest.
    pub(super) fn dirty_pages(&self, page: usize, least: usize) -> Bits {
        let (free, dirty) = (self.free(), self.dirty());
        let mut pages = Bits::NONE;
        for run in free.runs().filter(|run| run.len() >= least) {
            for start in whole_pages(&run, page).step_by(page) {
                if dirty.meets(start..start + page) {
                    pages.insert(start..start + page);
                }
            }
        }
        pages
    }

    /// Bytes that [`dirty_pages`](Self::dirty_pages) fills.
    pub(super) fn loose_pages(&self, page: usize) -> usize {
        if page == 1 { self.loose() } else { self.dirty_pages(page, 1).count() * GRAIN }
    }

    /// Whether every grain is free.
    pub(crate) fn is_empty(&self) -> bool {
        self.free() == Bits::first(self.grains())
    }

    /// Opens a closed descriptor over a range, no grain free yet: until it is adopted under the lock,
    /// who walks all descriptors must find nothing to take. Also touches the descriptor's pages
    /// ahead of the lock.
    pub(crate) fn open(&self, range: &Range) {
        let grains = range.size / GRAIN;
        let all = Bits::first(grains);
        self.grains.store(grains as u32, Ordering::Relaxed);
        store(&self.free, &Bits::NONE);
        store(&self.dirty, if range.dirty { &all } else { &Bits::NONE });
        self.set_span(grains - 1, Span::None);
        self.stirred.store(true, Ordering::Relaxed);
        self.base.store(range.base, Ordering::Relaxed);
    }

    /// Notes whether the superslab that was opened was asked to lie on a huge page.
    pub(crate) fn set_huge(&self, huge: bool) {
        self.huge.store(huge, Ordering::Relaxed);
    }

    /// Takes the note away. Of several callers one gets it.
    pub(crate) fn take_huge(&self) -> bool {
        self.huge.swap(false, Ordering::Relaxed)
    }

    /// Whether the superslab is open, and was asked to lie on a huge page.
    pub(crate) fn is_huge(&self) -> bool {
        self.base() != 0 && self.huge.load(Ordering::Relaxed)
    }

    /// Makes every grain free.
    pub(crate) fn adopt(&self) {
        store(&self.free, &Bits::first(self.grains()));
    }

    /// Closes a superslab whose grains are all free.
    pub(crate) fn close(&self) -> Range {
        debug_assert!(self.is_empty());
        let range =
            Range { base: self.base(), size: self.size(), dirty: self.dirty() != Bits::NONE };
        store(&self.free, &Bits::NONE);
        self.base.store(0, Ordering::Relaxed);
        range
    }

    /// Takes free grains. Answers whether any of them was dirty; now all count as such.
    pub(crate) fn take(&self, grains: core::ops::Range<usize>) -> bool {
        let (mut free, mut dirty) = (self.free(), self.dirty());
        let was_dirty = dirty.meets(grains.clone());
        free.remove(grains.clone());
        dirty.insert(grains);
        store(&self.free, &free);
        store(&self.dirty, &dirty);
        self.stirred.store(true, Ordering::Relaxed);
        was_dirty
    }

    /// Whether grains were taken or given since the last call.
    pub(super) fn settle(&self) -> bool {
        self.stirred.swap(false, Ordering::Relaxed)
    }

    /// Gives grains back; `clean` where they now read zero.
    pub(crate) fn give(&self, grains: core::ops::Range<usize>, clean: bool) {
        let mut free = self.free();
        free.insert(grains.clone());
        store(&self.free, &free);
        self.stirred.store(true, Ordering::Relaxed);
        if clean {
            let mut dirty = self.dirty();
            dirty.remove(grains);
            store(&self.dirty, &dirty);
        }
    }
}

#[cfg(all(test, not(loom)))]
mod tests {
    use super::*;
    use crate::geometry::SUPERSLAB;

    #[test]
    fn words_and_ids_come_apart_as_they_were_put_together() {
        for class in [0, 1, 47].map(SpanClass) {
            for span in [Span::None, Span::Live(class), Span::Cached(class)] {
                assert_eq!(Span::decode(span.encode()), span);
            }
        }
        for (number, grain) in [(0, 0), (0, 511), (1, 0), (524_287, 77)] {
            let id = SpanId::new(number, grain).unwrap();
            assert_eq!((id.number(), id.grain()), (number, grain));
            assert_eq!(SpanId::decode(id.encode()), Some(id));
        }
        assert_eq!(SpanId::new(u32::MAX / 512, 0), None);
        assert_eq!(SpanId::decode(0), None);
    }

    #[test]
    fn a_live_span_is_caught_once() {
        let superslab = SpanSuperslab::blank();
        let class = SpanClass(5);
        superslab.set_span(3, Span::Live(class));
        assert!(!superslab.catch(3, SpanClass(6)));
        assert!(superslab.catch(3, class));
        assert!(!superslab.catch(3, class));
        assert_eq!(superslab.span(3), Span::Cached(class));
    }

    #[test]
    fn what_is_known_to_be_zero_stays_known() {
        let superslab = SpanSuperslab::blank();
        superslab.open(&Range { base: SUPERSLAB, size: SUPERSLAB, dirty: false });
        superslab.adopt();
        assert!(!superslab.take(0..9));
        superslab.give(0..9, false);
        assert!(!superslab.take(9..20));
        assert!(superslab.take(8..9));
        superslab.give(8..20, true);
        assert!(!superslab.take(8..20));
        superslab.give(8..20, false);
        assert!(superslab.close().dirty);
    }
}
