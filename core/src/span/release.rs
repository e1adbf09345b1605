//! Free spans go back to the source, on demand.

use super::bits::Bits;
use super::class::GRAIN;
use crate::heap::Heap;
use crate::registry::Registry;
use crate::source::Host;
use core::ptr::NonNull;

impl<H: Host, R: Registry> Heap<H, R> {
    /// Empties the bins, and purges what is free then: empty superslabs are in the page arena
    /// after this, free pages of others are given back. Answers the bytes purged in place.
    pub(crate) fn release_spans(&self) -> usize {
        self.drain_bins();
        let open = self.spans.superslabs().filter(|(_, superslab)| superslab.base() != 0);
        open.map(|(number, _)| self.purge_span_superslab(number)).sum()
    }

    /// Purges the free dirty pages of a superslab: claims them first, gives them back, and only
    /// then sets them free again.
    fn purge_span_superslab(&self, number: u32) -> usize {
        let page = self.host.page_size().div_ceil(GRAIN);
        let taken = self.back.with(|back| {
            // Closed, or closed and opened anew, since it was looked at: nothing dirty is free.
            back.spans.take_dirty(&self.spans, number, page)
        });
        let Some(superslab) = self.spans.superslab(number) else {
            return 0;
        };
        if taken == Bits::NONE {
            return 0;
        }
        let mut purged = 0;
        for run in taken.runs() {
            let size = run.len() * GRAIN;
            let clean = NonNull::new(superslab.start(run.start)).is_some_and(|start| {
                // SAFETY: the grains were free and were claimed under the lock: whole pages of one
                // mapping that nobody uses.
                unsafe { self.ledger.purge(&self.host, start, size) }
            });
            purged += if clean { size } else { 0 };
            let empty = self.back.with(|back| {
                let forget = |range: &_| self.forget_spans(range);
                back.spans.give_grains(&self.spans, number, run, clean, forget)
            });
            if let Some(range) = empty {
                self.put_range(range);
            }
        }
        purged
    }
}
