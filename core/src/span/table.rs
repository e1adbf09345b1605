//! The part of the spans that is read without the lock: descriptors, bins, sums.

use super::bins::Bins;
use super::class::SpanClass;
use super::superslab::{SpanId, SpanSuperslab};
use crate::extent::{Array, Extent, Whole, blank};
use crate::geometry::CHUNK_SUPERS;
use crate::layer::LayerStats;
use crate::ledger::{Table, published};
#[cfg(loom)]
use crate::sync::cells;
use crate::sync::{AtomicPtr, AtomicUsize, Ordering, Sum, const_fn, mark};

/// Descriptors of 64 superslabs: 76 KiB, touched as far as used.
struct Chunk([SpanSuperslab; CHUNK_SUPERS]);

// SAFETY: zero bytes are closed descriptors.
unsafe impl Table for Chunk {
    #[cfg(loom)]
    fn blank() -> Self {
        Self(cells!(SpanSuperslab::blank(); CHUNK_SUPERS))
    }
}

/// The spans of a heap, the [`SpanIndex`](super::SpanIndex) behind the lock apart.
pub(crate) struct Spans<E: Extent = Whole> {
    chunks: E::Chunks<AtomicPtr<Chunk>>,
    pub(super) bins: Bins,
    /// Open superslabs. Written under the lock, like the sums below.
    superslabs: AtomicUsize,
    /// Bytes of those that are no guests.
    mapped: AtomicUsize,
    /// Spans cut, live or cached, and their bytes.
    spans: AtomicUsize,
    held: AtomicUsize,
    /// Bytes of free grains that are dirty.
    pub(super) loose: Sum,
    /// The superslab at which to look next for something loose.
    next: mark::AtomicU32,
}

impl<E: Extent> Spans<E> {
    const_fn! {
        pub(crate) fn new() -> Self {
            Self {
                chunks: blank!(E::Chunks<AtomicPtr<Chunk>>),
                bins: Bins::new(),
                superslabs: AtomicUsize::new(0),
                mapped: AtomicUsize::new(0),
                spans: AtomicUsize::new(0),
                held: AtomicUsize::new(0),
                loose: Sum::new(),
                next: mark::AtomicU32::new(0),
            }
        }
    }

    /// Where chunk `index` is, or is to be made.
    pub(super) fn cell(&self, index: usize) -> Option<&AtomicPtr<impl Table>> {
        self.chunks.as_slice().get(index)
    }

    fn chunk(&self, index: usize) -> Option<&Chunk> {
        published(self.chunks.as_slice().get(index)?)
    }

    /// The descriptor of a superslab, if its chunk exists.
    #[inline]
    pub(super) fn superslab(&self, number: u32) -> Option<&SpanSuperslab> {
        let number = number as usize;
        Some(&self.chunk(number / CHUNK_SUPERS)?.0[number % CHUNK_SUPERS])
    }

    /// Every descriptor that there is, open or not.
    pub(crate) fn superslabs(&self) -> impl Iterator<Item = (u32, &SpanSuperslab)> {
        let chunks = (0..).map_while(|index| self.chunk(index));
        (0..).zip(chunks.flat_map(|chunk| &chunk.0))
    }

    pub(super) fn count_superslab(&self, superslab: &SpanSuperslab, opened: bool) {
        count(&self.superslabs, 1, opened);
        let own = if superslab.is_guest() { 0 } else { superslab.size() };
        count(&self.mapped, own, opened);
    }

    pub(super) fn count_span(&self, class: SpanClass, cut: bool) {
        count(&self.spans, 1, cut);
        count(&self.held, class.size(), cut);
    }

    /// Bytes of spans that users and caches hold.
    pub(crate) fn in_use(&self) -> usize {
        self.held().saturating_sub(self.bins.bytes())
    }

    /// Bytes of spans that users, caches and bins hold.
    pub(super) fn held(&self) -> usize {
        self.held.load(Ordering::Relaxed)
    }

    #[cfg(any(test, feature = "validate"))]
    pub(super) fn spans(&self) -> usize {
        self.spans.load(Ordering::Relaxed)
    }

    /// Of the next `looks` superslabs, the one with the most bytes that are loose, in whole pages of `page`
    /// grains. Successive calls come by all.
    pub(super) fn loosest(&self, looks: u32, page: usize) -> Option<u32> {
        let first = self.next.load(Ordering::Relaxed);
        let descriptors = (first..first + looks).map_while(|n| Some((n, self.superslab(n)?)));
        let (mut seen, mut best) = (0, None);
        for (number, superslab) in descriptors {
            seen += 1;
            let loose = superslab.loose_pages(page);
            if loose > best.map_or(0, |(most, _)| most) {
                best = Some((loose, number));
            }
        }
        self.next.store(if seen < looks { 0 } else { first + looks }, Ordering::Relaxed);
        best.map(|(_, number)| number)
    }

    /// Bytes that are free, in pages in which live spans are as well.
    #[cfg(any(test, feature = "validate"))]
    pub(crate) fn pinned(&self, page: usize) -> usize {
        let open = self.superslabs().map(|(_, superslab)| superslab);
        open.map(|s| s.loose().saturating_sub(s.loose_pages(page.div_ceil(super::class::GRAIN))))
            .sum()
    }

    /// Bytes that are free and may still be backed: in superslabs, and in the bins.
    pub(crate) fn dirty(&self) -> usize {
        self.loose.get() + self.bins.bytes()
    }

    /// Whether numbers are left for guests, which may be as small as a slot: half of them all.
    pub(super) fn has_room_for_guests(&self) -> bool {
        self.superslabs.load(Ordering::Relaxed) < self.chunks.as_slice().len() * CHUNK_SUPERS / 2
    }

    pub(super) fn totals(&self) -> LayerStats {
        let count = self.superslabs.load(Ordering::Relaxed);
        LayerStats { mapped: self.mapped.load(Ordering::Relaxed), held: self.held(), count }
    }

    /// The superslab of a span that the caller holds, and its first grain.
    #[inline]
    pub(super) fn place(&self, id: SpanId) -> Option<(&SpanSuperslab, usize)> {
        Some((self.superslab(id.number())?, id.grain()))
    }
}

/// Changes a sum that is only ever written under the lock.
fn count(sum: &AtomicUsize, by: usize, up: bool) {
    let now = sum.load(Ordering::Relaxed);
    sum.store(if up { now + by } else { now - by }, Ordering::Relaxed);
}

#[cfg(loom)]
impl<E: Extent> Drop for Spans<E> {
    fn drop(&mut self) {
        self.chunks.as_slice().iter().for_each(crate::ledger::drop_table);
    }
}
