//! The way of a free between 32 KiB and 2 MiB.
//!
//! ```text
//! deallocate_span(ptr, number)
//! ├─ no live span begins there ... misuse: interior, double free or not ours
//! ├─ another size was stated ..... misuse: wrong size
//! └─ live -> cached by one CAS; a second free fails here
//!    ├─ the thread's cache keeps it; what leaves for it goes on
//!    ├─ the bins have room
//!    └─ its grains become free (the one lock); an empty superslab goes to the page arena
//! ```

use super::cache::SpanCache;
use super::class::{GRAIN, SpanClass};
use super::superslab::{Span, SpanId, SpanSuperslab};
use crate::arena::Range;
use crate::cache::Cache;
use crate::entry::Entry;
use crate::geometry::{SLOT, SUPERSLAB};
use crate::heap::Heap;
use crate::misuse::MisuseKind;
use crate::registry::Registry;
use crate::source::Host;

/// Bytes of hot spans that a thread may keep: about what a core's second-level cache holds, beyond
/// which being hot is worth little; and less where all threads together would keep too much.
const HOT_MOST: usize = 1 << 20;
const HOT_LEAST: usize = 64 << 10;
const HOT_ALL: usize = 16 << 20;

impl<H: Host, R: Registry> Heap<H, R> {
    /// Frees the span at `ptr`, whose registry entry names superslab `number`; `stated`: the size
    /// and alignment that it was asked for with, as the caller says. Wrong calls are reported.
    ///
    /// # Safety
    /// `cache` belongs to this heap and is not fresh; the user of the span, if one begins at
    /// `ptr`, gives it up.
    #[inline(never)]
    pub(crate) unsafe fn deallocate_span(
        &self,
        cache: &mut Cache,
        ptr: *mut u8,
        number: u32,
        stated: Option<(usize, usize)>,
    ) {
        let address = ptr.addr();
        let (size, align) = stated.unwrap_or((0, 1));
        let found = self.spans.superslab(number).and_then(|superslab| {
            let grain = grain_at(superslab, address)?;
            Some((superslab, grain, SpanId::new(number, grain)?))
        });
        let Some((superslab, grain, id)) = found else {
            return self.misuse(MisuseKind::NotOurs, address, size, 0);
        };
        let Span::Live(class) = superslab.span(grain) else {
            return self.misuse_span(superslab, grain, address, size);
        };
        if address % GRAIN != 0 {
            return self.misuse(MisuseKind::Interior, address, size, class.size());
        }
        let wrong = !class.is_for(size, align) || address & align.wrapping_sub(1) != 0;
        if stated.is_some() && wrong {
            return self.misuse(MisuseKind::WrongSize, address, size, class.size());
        }
        if !superslab.catch(grain, class) {
            return self.misuse(MisuseKind::DoubleFree, address, size, class.size());
        }
        if cache.is_live() {
            let most = self.caches.share(HOT_ALL).clamp(HOT_LEAST, HOT_MOST);
            cache.behind.spans.put(id, class, most, |id, class| self.store_span(id, class));
        } else {
            self.store_span(id, class);
        }
    }

    /// Reports a pointer at which no live span begins.
    #[cold]
    fn misuse_span(&self, superslab: &SpanSuperslab, grain: usize, address: usize, size: usize) {
        let (kind, block) = match superslab.span(grain) {
            Span::Cached(class) => (MisuseKind::DoubleFree, class.size()),
            _ if superslab.free().contains(grain) => (MisuseKind::DoubleFree, 0),
            _ => (MisuseKind::Interior, 0),
        };
        self.misuse(kind, address, size, block);
    }

    /// Passes a cached span on: to the bins, or back into its superslab.
    fn store_span(&self, id: SpanId, class: SpanClass) {
        if !self.spans.bins.put(id, class, self.spans.held()) {
            self.give_span(id, class);
        }
        self.keep_bound();
    }

    /// Makes the grains of a cached span free. The bound is the caller's to keep, once, however many he
    /// gives.
    #[cold]
    pub(super) fn give_span(&self, id: SpanId, class: SpanClass) {
        let mut huge = false;
        let empty = self.back.with(|back| {
            let forget = |range: &_| huge = self.forget_spans(id.number(), range);
            back.spans.give(&self.spans, id, class, forget)
        });
        if let Some(range) = empty {
            self.return_spans(range, huge);
        }
    }

    /// Clears the registry's entries of a superslab that is no more. Answers whether it was asked to lie
    /// on a huge page. Its number is not yet another's.
    pub(super) fn forget_spans(&self, number: u32, range: &Range) -> bool {
        let after = if range.size < SUPERSLAB { Entry::IDLE } else { Entry::FOREIGN };
        self.registry.set_entries(range.base, range.size / SLOT, after.0);
        self.spans.superslab(number).is_some_and(SpanSuperslab::take_huge)
    }

    /// Gives the memory of a superslab that is no more back: to the page arena, or, a guest's, to the
    /// superslab in whose slots it stood. `huge`: it was asked to lie on a huge page.
    pub(super) fn return_spans(&self, range: Range, huge: bool) {
        self.forget_huge_spans(&range, huge);
        if range.size < SUPERSLAB {
            self.give_slots(range.base, (range.size / SLOT) as u32);
        } else {
            self.put_range(range);
        }
    }

    /// Passes the hot spans of a cache on, all of them.
    pub(crate) fn flush_spans(&self, spans: &mut SpanCache) {
        self.shorten_spans(spans, 0);
    }

    /// Passes hot spans of a cache on until at most `most` bytes are left.
    pub(crate) fn shorten_spans(&self, spans: &mut SpanCache, most: usize) {
        while spans.bytes() > most {
            let Some((id, class)) = spans.pop() else { return };
            self.store_span(id, class);
        }
    }

    /// Puts all that the bins hold back into the superslabs.
    pub(crate) fn drain_bins(&self) {
        self.spans.bins.drain(|id, class| self.give_span(id, class));
    }
}

/// The grain of a superslab that an address lies in.
pub(super) fn grain_at(superslab: &SpanSuperslab, address: usize) -> Option<usize> {
    let base = superslab.base();
    let offset = address.wrapping_sub(base);
    (base != 0 && offset < superslab.size()).then_some(offset / GRAIN)
}
