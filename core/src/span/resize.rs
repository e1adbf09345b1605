//! Changing the length of a span where it stands.

use super::class::SpanClass;
use super::free::grain_at;
use super::superslab::{Span, SpanId};
use crate::heap::Heap;
use crate::registry::Registry;
use crate::source::Host;

impl<H: Host, R: Registry> Heap<H, R> {
    /// Whether a span of `size` bytes is what a request of this size and alignment gets.
    pub(crate) fn is_span_for(size: usize, asked: usize, align: usize) -> bool {
        SpanClass::of(size).is_for(asked, align)
    }

    /// Makes the live span at `address`, in superslab `number`, long enough for `new_size` bytes (2 MiB
    /// at most), and no longer than that asks for: by the grains behind it. False: they are in use,
    /// or no live span begins there; nothing has changed.
    pub(crate) fn resize_span(&self, address: usize, number: u32, new_size: usize) -> bool {
        let found = self.spans.superslab(number).and_then(|superslab| {
            let grain = grain_at(superslab, address)?;
            Some((superslab.span(grain), SpanId::new(number, grain)?))
        });
        let Some((Span::Live(old), id)) = found else { return false };
        let new = SpanClass::of(new_size);
        new == old || self.back.with(|back| back.spans.resize(&self.spans, id, old, new))
    }
}
