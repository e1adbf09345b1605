//! Looks at the spans: sizes, sums, descriptions, and the walk that checks them.

use super::class::GRAIN;
use super::free::grain_at;
use super::superslab::Span;
use crate::heap::Heap;
use crate::layer::LayerStats;
use crate::registry::Registry;
use crate::source::Host;

impl<H: Host, R: Registry> Heap<H, R> {
    /// Bytes of the live span that begins at `address`, in superslab `number`.
    pub(crate) fn span_size_at(&self, address: usize, number: u32) -> Option<usize> {
        let superslab = self.spans.superslab(number)?;
        let grain = grain_at(superslab, address)?;
        match superslab.span(grain) {
            Span::Live(class) if address % GRAIN == 0 => Some(class.size()),
            _ => None,
        }
    }

    /// What the span layer holds.
    pub(crate) fn span_stats(&self) -> LayerStats {
        self.spans.totals()
    }

    /// Base and size of the span or the free run that an address in superslab `number` lies in, and
    /// whether a user holds it. Reads tables only, without the lock: may be asked from a signal
    /// handler.
    pub(crate) fn describe_span(
        &self,
        address: usize,
        number: u32,
    ) -> Option<(usize, usize, bool)> {
        let superslab = self.spans.superslab(number)?;
        let grain = grain_at(superslab, address)?;
        let at = |grain: usize| superslab.base() + grain * GRAIN;
        if let Some(run) = superslab.free().runs().find(|run| run.contains(&grain)) {
            return Some((at(run.start), run.len() * GRAIN, false));
        }
        let spans = (0..=grain).rev().map(|start| (start, superslab.span(start)));
        let (start, span) = spans.clone().find(|(_, span)| *span != Span::None)?;
        let class = span.class()?;
        let live = matches!(span, Span::Live(_));
        (grain < start + class.grains()).then_some((at(start), class.size(), live))
    }

    /// Checks every superslab's words against its bitmap, and the sums. Needs a heap at rest.
    #[cfg(any(test, feature = "validate"))]
    pub(crate) fn validate_spans(&self) -> Result<(), &'static str> {
        self.back.with(|back| back.spans.validate(&self.spans))?;
        let (mut count, mut held) = (0, 0);
        for (_, superslab) in self.spans.superslabs() {
            let free = superslab.free();
            let closed = superslab.base() == 0;
            if !closed && superslab.is_empty() {
                return Err("spans: an empty superslab was not given back");
            }
            let mut inside = 0;
            for grain in 0..superslab.grains() {
                let word = superslab.span(grain);
                match (word.class(), free.contains(grain)) {
                    (Some(_), _) if closed => return Err("spans: a span in a closed superslab"),
                    (Some(_), true) => return Err("spans: a span begins in free grains"),
                    (Some(_), false) if grain < inside => return Err("spans: two spans overlap"),
                    (Some(class), false) => {
                        inside = grain + class.grains();
                        count += 1;
                        held += class.size();
                    }
                    (None, true) if grain < inside => {
                        return Err("spans: a grain of a span is free");
                    }
                    (None, false) if grain >= inside && !closed => {
                        return Err("spans: a grain is neither free nor in a span");
                    }
                    (None, _) => {}
                }
            }
            if inside > superslab.grains() {
                return Err("spans: a span passes the end of its superslab");
            }
        }
        if (count, held) != (self.spans.spans(), self.spans.held()) {
            return Err("spans: the sums differ from the spans");
        }
        if self.spans.bins.bytes() > held {
            return Err("spans: the bins count more than there is");
        }
        Ok(())
    }
}
