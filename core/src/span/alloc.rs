//! The way of an allocation between 32 KiB and 2 MiB.
//!
//! ```text
//! allocate_span
//! ├─ the thread's cache has one of the class ........ one store to its word
//! ├─ the bins have one .............................. the same
//! └─ cut (the one lock)
//!    ├─ best fit over the superslabs
//!    ├─ none: the bins go back into the superslabs, best fit again
//!    └─ none: a new superslab, in idle slots of slabs or from the page arena
//! ```

use super::class::{GRAIN, SpanClass};
use super::index::{Cut, Number};
use super::superslab::{Span, SpanId};
use crate::cache::Cache;
use crate::entry::Entry;
use crate::geometry::{SLOT, SUPERSLAB};
use crate::heap::Heap;
use crate::registry::Registry;
use crate::source::Host;
use crate::superslab::Want;
use core::ptr::null_mut;

impl<H: Host, R: Registry> Heap<H, R> {
    /// Allocates a span. Size and alignment are 2 MiB at most. Null: out of memory.
    ///
    /// # Safety
    /// `cache` belongs to this heap and is not fresh.
    #[inline(never)]
    pub(crate) unsafe fn allocate_span(
        &self,
        cache: &mut Cache,
        size: usize,
        align: usize,
        zeroed: bool,
    ) -> *mut u8 {
        debug_assert!(size <= SUPERSLAB && align <= SUPERSLAB);
        let class = SpanClass::of(size);
        let cut = match self.take_cached(cache, class, align) {
            Some(id) => Some(Cut { id, dirty: true }),
            None => self.cut_span(class, align.div_ceil(GRAIN)),
        };
        let Some((cut, (superslab, grain))) = cut.and_then(|cut| {
            let place = self.spans.place(cut.id)?;
            Some((cut, place))
        }) else {
            return null_mut();
        };
        let start = superslab.start(grain);
        if !cut.dirty {
            self.took(class.size());
        }
        if zeroed && cut.dirty {
            // SAFETY: the span is ours, and no shorter.
            unsafe { start.write_bytes(0, size) };
        }
        start
    }

    /// A span that is cached, by the thread or in the bins, for its user; without waiting.
    #[inline(always)]
    fn take_cached(&self, cache: &mut Cache, class: SpanClass, align: usize) -> Option<SpanId> {
        // Cached spans begin at any grain.
        if align > GRAIN {
            return None;
        }
        let cached = cache.behind.spans.take(class).or_else(|| self.spans.bins.take(class));
        if let Some((superslab, grain)) = cached.and_then(|id| self.spans.place(id)) {
            superslab.set_span(grain, Span::Live(class));
        }
        cached
    }

    /// As [`allocate_span`](Self::allocate_span), without waiting: what is cached, or null.
    pub(crate) fn allocate_span_now(
        &self,
        cache: &mut Cache,
        size: usize,
        align: usize,
    ) -> *mut u8 {
        let cached = self.take_cached(cache, SpanClass::of(size), align);
        let place = cached.and_then(|id| self.spans.place(id));
        place.map_or(null_mut(), |(superslab, grain)| superslab.start(grain))
    }

    /// Cuts a span at a multiple of `align` grains.
    #[cold]
    #[inline(never)]
    fn cut_span(&self, class: SpanClass, align: usize) -> Option<Cut> {
        let cut = || self.back.with(|back| back.spans.cut(&self.spans, class, align));
        if let Some(cut) = cut() {
            return Some(cut);
        }
        // What the bins hold may make room, and costs less than a new superslab.
        if self.spans.bins.bytes() > 0 {
            self.drain_bins();
            if let Some(cut) = cut() {
                return Some(cut);
            }
        }
        // While it failed, another thread may have given back what it was purging.
        self.cut_fresh(class, align).or_else(cut)
    }

    /// Opens a new superslab and cuts its first span. Rather than take a new range, it is a guest in
    /// idle slots that were touched before: what slabs left, and nothing else would use.
    fn cut_fresh(&self, class: SpanClass, align: usize) -> Option<Cut> {
        let guests = align * GRAIN <= SLOT && self.spans.has_room_for_guests();
        let guest = |want| if guests { self.borrow_slots(class.size(), want) } else { None };
        // Where nothing more can be mapped, any idle slot will do.
        let range = guest(Want::Dirty)
            .or_else(|| self.take_range(SUPERSLAB, SUPERSLAB))
            .or_else(|| guest(Want::Any))?;
        let prepared = self.registry.prepare(&self.host, &self.ledger, range.base, range.size);
        let number = if prepared { self.take_span_number() } else { None };
        let Some((number, superslab)) = number.and_then(|n| Some((n, self.spans.superslab(n)?)))
        else {
            self.return_spans(range, false);
            return None;
        };
        superslab.open(&range);
        if !range.dirty {
            self.ledger.opened(range.size);
        }
        superslab.set_huge(!superslab.is_guest() && self.advise_opened(&range));
        self.registry.set_entries(range.base, range.size / SLOT, Entry::span(number).0);
        self.back.with(|back| back.spans.adopt(&self.spans, number, class))
    }

    /// A number for a new superslab, its descriptor made if need be.
    fn take_span_number(&self) -> Option<u32> {
        loop {
            match self.back.with(|back| back.spans.take_number(&self.spans)) {
                Number::Ready(number) => return Some(number),
                Number::NeedsChunk(chunk) => {
                    self.ledger.table(&self.host, self.spans.cell(chunk)?)?;
                }
            }
        }
    }
}
