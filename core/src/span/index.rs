//! Which superslab has room for a span: best fit, under the one lock.
//!
//! Superslabs are listed by the largest span that they have room for. So the first superslab of
//! the lowest list that is not empty fits, and fits best; within it the lowest place is taken,
//! which keeps its low end packed. Superslabs without room for any span are in no list.

use super::bits::Bits;
use super::class::{GRAIN, GRAINS, SPAN_CLASSES, SpanClass};
use super::superslab::{Span, SpanId, SpanSuperslab};
use super::table::Spans;
use crate::arena;
use crate::extent::Extent;
use crate::geometry::{CHUNK_SUPERS, SLOT};
use crate::hints::bits;
use crate::sync::{Ordering, const_fn};

/// Superslabs that a search for an aligned place looks at, at most: there, a list is a hint alone.
const PROBES: usize = 32;

/// The lists that guests can be in: of up to four slots.
const GUESTS: u64 = u64::MAX >> (63 - SpanClass::of(4 * SLOT).0);

/// Changes a superslab, and the sum of what is loose with it.
fn book<T>(
    spans: &Spans<impl Extent>,
    superslab: &SpanSuperslab,
    change: impl FnOnce(&SpanSuperslab) -> T,
) -> T {
    let before = superslab.loose();
    let changed = change(superslab);
    spans.loose.add(superslab.loose());
    spans.loose.sub(before);
    changed
}

/// A span as it was cut.
pub(super) struct Cut {
    pub(super) id: SpanId,
    /// Some of it may not read zero.
    pub(super) dirty: bool,
}

/// A number for a new superslab, or what must be made before there is one.
pub(super) enum Number {
    Ready(u32),
    NeedsChunk(usize),
}

/// The part of the spans that the lock guards.
pub(crate) struct SpanIndex {
    /// First superslab of each list: number + 1.
    heads: [u32; SPAN_CLASSES],
    /// Lists that are not empty.
    filled: u64,
    /// First vacant number + 1; the list runs through the descriptors.
    vacant: u32,
    /// Numbers that were ever used.
    used: u32,
}

impl SpanIndex {
    const_fn! {
        pub(crate) fn new() -> Self {
            Self { heads: [0; SPAN_CLASSES], filled: 0, vacant: 0, used: 0 }
        }
    }

    /// A number that no superslab has, with a descriptor behind it.
    pub(super) fn take_number(&mut self, spans: &Spans<impl Extent>) -> Number {
        let vacant = self.vacant.checked_sub(1);
        if let Some((number, superslab)) = vacant.and_then(|n| Some((n, spans.superslab(n)?))) {
            self.vacant = superslab.next.load(Ordering::Relaxed);
            return Number::Ready(number);
        }
        if spans.superslab(self.used).is_none() {
            return Number::NeedsChunk(self.used as usize / CHUNK_SUPERS);
        }
        self.used += 1;
        Number::Ready(self.used - 1)
    }

    /// Cuts a span at a multiple of `align` grains from the superslab that fits best.
    pub(super) fn cut(
        &mut self,
        spans: &Spans<impl Extent>,
        class: SpanClass,
        align: usize,
    ) -> Option<Cut> {
        let mut probes = PROBES;
        let fitting = self.filled & u64::MAX << class.0;
        // Guests begin at any slot: for more alignment than that they come last.
        let guests = if align * GRAIN > SLOT { fitting & GUESTS } else { 0 };
        for list in bits(fitting & !guests).chain(bits(guests)) {
            let mut next = self.heads[list as usize];
            while let Some(number) = next.checked_sub(1) {
                let superslab = spans.superslab(number)?;
                let placed = superslab.base() % (align * GRAIN) == 0;
                let fit = superslab.free().first_fit(class.grains(), align).filter(|_| placed);
                if let Some(grain) = fit {
                    return self.cut_at(spans, number, grain, class);
                }
                probes -= 1;
                if probes == 0 {
                    return None;
                }
                next = superslab.next.load(Ordering::Relaxed);
            }
        }
        None
    }

    /// Takes a new superslab in and cuts its first span.
    pub(super) fn adopt(
        &mut self,
        spans: &Spans<impl Extent>,
        number: u32,
        class: SpanClass,
    ) -> Option<Cut> {
        let superslab = spans.superslab(number)?;
        book(spans, superslab, SpanSuperslab::adopt);
        spans.count_superslab(superslab, true);
        self.cut_at(spans, number, 0, class)
    }

    fn cut_at(
        &mut self,
        spans: &Spans<impl Extent>,
        number: u32,
        grain: usize,
        class: SpanClass,
    ) -> Option<Cut> {
        let superslab = spans.superslab(number)?;
        let id = SpanId::new(number, grain)?;
        let cut = grain..grain + class.grains();
        let dirty = book(spans, superslab, |superslab| superslab.take(cut));
        superslab.set_span(grain, Span::Live(class));
        spans.count_span(class, true);
        self.relist(spans, number, superslab);
        Some(Cut { id, dirty })
    }

    /// Makes a live span longer or shorter where it stands. False: the grains behind it are in use, or
    /// it is not live any more; nothing has changed.
    pub(super) fn resize(
        &mut self,
        spans: &Spans<impl Extent>,
        id: SpanId,
        old: SpanClass,
        new: SpanClass,
    ) -> bool {
        let Some((superslab, grain)) = spans.place(id) else { return false };
        let (old_end, new_end) = (grain + old.grains(), grain + new.grains());
        let more = old_end..new_end.max(old_end);
        if new_end > superslab.grains()
            || !superslab.free().holds(more.clone())
            || !superslab.turn(grain, Span::Live(old), Span::Live(new))
        {
            return false;
        }
        book(spans, superslab, |superslab| {
            if new_end > old_end {
                superslab.take(more);
            } else {
                superslab.give(new_end..old_end, false);
            }
        });
        spans.count_span(old, false);
        spans.count_span(new, true);
        self.relist(spans, id.number(), superslab);
        true
    }

    /// Takes the grains of a cached span back. The superslab, if that left it empty: closed, and no
    /// longer known here; `forget` must clear the registry's entries for it.
    pub(super) fn give(
        &mut self,
        spans: &Spans<impl Extent>,
        id: SpanId,
        class: SpanClass,
        forget: impl FnOnce(&arena::Range),
    ) -> Option<arena::Range> {
        let (superslab, grain) = spans.place(id)?;
        superslab.set_span(grain, Span::None);
        spans.count_span(class, false);
        let grains = grain..grain + class.grains();
        book(spans, superslab, |superslab| superslab.give(grains, false));
        self.settle(spans, id.number(), superslab, forget)
    }

    /// Takes back what [`take_dirty`](Self::take_dirty) took; `clean`: it now reads zero. Otherwise as
    /// [`give`](Self::give).
    pub(super) fn give_back(
        &mut self,
        spans: &Spans<impl Extent>,
        number: u32,
        taken: &Bits,
        clean: bool,
        forget: impl FnOnce(&arena::Range),
    ) -> Option<arena::Range> {
        let superslab = spans.superslab(number)?;
        book(spans, superslab, |superslab| taken.runs().for_each(|run| superslab.give(run, clean)));
        self.settle(spans, number, superslab, forget)
    }

    /// Lists a superslab to which grains came back, or closes it if all of it is free.
    fn settle(
        &mut self,
        spans: &Spans<impl Extent>,
        number: u32,
        superslab: &SpanSuperslab,
        forget: impl FnOnce(&arena::Range),
    ) -> Option<arena::Range> {
        if !superslab.is_empty() {
            self.relist(spans, number, superslab);
            return None;
        }
        self.unlist(spans, superslab);
        spans.count_superslab(superslab, false);
        let range = book(spans, superslab, SpanSuperslab::close);
        forget(&range);
        superslab.next.store(self.vacant, Ordering::Relaxed);
        self.vacant = number + 1;
        Some(range)
    }

    /// A superslab with dirty pages of `page` grains in a free run of at least `least`: the one with the
    /// longest run, as far as a few looks tell.
    pub(super) fn find_dirty(
        &self,
        spans: &Spans<impl Extent>,
        page: usize,
        least: usize,
    ) -> Option<u32> {
        let mut probes = PROBES;
        let mut lists = self.filled;
        while lists != 0 {
            let list = lists.ilog2();
            let mut next = self.heads[list as usize];
            while let Some(number) = next.checked_sub(1) {
                let superslab = spans.superslab(number)?;
                if superslab.dirty_pages(page, least) != Bits::NONE {
                    return Some(number);
                }
                probes -= 1;
                if probes == 0 {
                    return None;
                }
                next = superslab.next.load(Ordering::Relaxed);
            }
            lists ^= 1 << list;
        }
        None
    }

    /// Takes the free dirty grains of a superslab that fill whole pages of `page` grains, in runs of at
    /// least `least`, so that they can be purged; they must come back by
    /// [`give_back`](Self::give_back).
    pub(super) fn take_dirty(
        &mut self,
        spans: &Spans<impl Extent>,
        number: u32,
        page: usize,
        least: usize,
    ) -> Bits {
        let Some(superslab) = spans.superslab(number) else {
            return Bits::NONE;
        };
        let taken = superslab.dirty_pages(page, least);
        if taken != Bits::NONE {
            book(spans, superslab, |superslab| {
                taken.runs().for_each(|run| _ = superslab.take(run))
            });
            self.relist(spans, number, superslab);
        }
        taken
    }

    /// Puts a superslab into the list that its free grains ask for.
    fn relist(&mut self, spans: &Spans<impl Extent>, number: u32, superslab: &SpanSuperslab) {
        let class = SpanClass::fitting(superslab.free().longest());
        let list = class.map_or(0, |class| u32::from(class.0) + 1);
        if list == superslab.listed.load(Ordering::Relaxed) {
            return;
        }
        self.unlist(spans, superslab);
        let Some(class) = class else { return };
        let head = core::mem::replace(&mut self.heads[usize::from(class.0)], number + 1);
        superslab.listed.store(list, Ordering::Relaxed);
        superslab.next.store(head, Ordering::Relaxed);
        superslab.previous.store(0, Ordering::Relaxed);
        if let Some(head) = head.checked_sub(1).and_then(|head| spans.superslab(head)) {
            head.previous.store(number + 1, Ordering::Relaxed);
        }
        self.filled |= 1 << class.0;
    }

    fn unlist(&mut self, spans: &Spans<impl Extent>, superslab: &SpanSuperslab) {
        let Some(list) = superslab.listed.load(Ordering::Relaxed).checked_sub(1) else {
            return;
        };
        let next = superslab.next.load(Ordering::Relaxed);
        let previous = superslab.previous.load(Ordering::Relaxed);
        if let Some(next) = next.checked_sub(1).and_then(|next| spans.superslab(next)) {
            next.previous.store(previous, Ordering::Relaxed);
        }
        match previous.checked_sub(1).and_then(|previous| spans.superslab(previous)) {
            Some(previous) => previous.next.store(next, Ordering::Relaxed),
            None => self.heads[list as usize] = next,
        }
        if self.heads[list as usize] == 0 {
            self.filled &= !(1 << list);
        }
        superslab.listed.store(0, Ordering::Relaxed);
    }

    /// Checks the lists, and that each open superslab is in the one that it belongs to.
    #[cfg(any(test, feature = "validate"))]
    pub(super) fn validate(&self, spans: &Spans<impl Extent>) -> Result<(), &'static str> {
        let mut listed = 0;
        for (list, &head) in self.heads.iter().enumerate() {
            if (head != 0) != (self.filled >> list & 1 != 0) {
                return Err("span index: the bitmap of lists differs from the lists");
            }
            let (mut previous, mut next) = (0, head);
            while let Some(number) = next.checked_sub(1) {
                let superslab = spans.superslab(number).ok_or("span index: a wild number")?;
                let fitting = SpanClass::fitting(superslab.free().longest());
                if fitting.map(|class| usize::from(class.0)) != Some(list) {
                    return Err("span index: a superslab is in the wrong list");
                }
                if superslab.previous.load(Ordering::Relaxed) != previous {
                    return Err("span index: a list's back link is wrong");
                }
                listed += 1;
                (previous, next) = (next, superslab.next.load(Ordering::Relaxed));
            }
        }
        let open = spans.superslabs().filter(|(_, superslab)| superslab.base() != 0);
        let (mut count, mut roomy, mut loose) = (0, 0, 0);
        for (_, superslab) in open {
            count += 1;
            loose += superslab.loose();
            roomy += usize::from(SpanClass::fitting(superslab.free().longest()).is_some());
        }
        match () {
            () if roomy != listed => Err("span index: a superslab with room is in no list"),
            () if loose != spans.loose.get() => Err("spans: what is loose is miscounted"),
            () if count != spans.totals().count => Err("spans: open superslabs are miscounted"),
            () => Ok(()),
        }
    }
}

const _: () = assert!(SPAN_CLASSES <= 64 && GRAINS.is_power_of_two());
