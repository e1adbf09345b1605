//! Free spans go back to the source, on demand.

use super::bits::Bits;
use super::class::{GRAIN, GRAINS};
use crate::heap::Heap;
use crate::registry::Registry;
use crate::source::Host;
use core::ptr::NonNull;

/// Grains of a run that is worth a call to the system by itself: 128 KiB.
const LONG: usize = (128 << 10) / GRAIN;

/// Superslabs among which the one is sought that has most to give.
const LOOKS: u32 = 64;
/// Times that the search goes on where there is nothing.
const ROWS: u32 = 16;

impl<H: Host, R: Registry> Heap<H, R> {
    /// Empties the bins, and purges what is free then: empty superslabs are in the page arena
    /// after this, free pages of others are given back. Answers the bytes purged in place.
    pub(crate) fn release_spans(&self) -> usize {
        self.drain_bins();
        let open = self.spans.superslabs().filter(|(_, superslab)| superslab.base() != 0);
        open.map(|(number, _)| self.purge_span_superslab(number, 1)).sum()
    }

    /// Gives back what one call of the source takes, of what is free in spans: the bins count as that if
    /// they hold most of it. Answers the bytes purged.
    pub(crate) fn release_some_spans(&self) -> usize {
        if self.spans.bins.bytes() > self.spans.loose.get() {
            self.drain_bins();
        }
        let most = (0..ROWS).find_map(|_| self.spans.loosest(LOOKS));
        most.map_or(0, |number| self.purge_span_superslab(number, 1))
    }

    /// Purges one superslab's long free runs, if there is one with some. Answers their bytes.
    pub(crate) fn purge_long_spans(&self) -> usize {
        let page = self.host.page_size().div_ceil(GRAIN);
        let found = self.back.with(|back| back.spans.find_dirty(&self.spans, page, LONG));
        found.map_or(0, |number| self.purge_span_superslab(number, LONG))
    }

    /// One round of decay: empties the bins if nobody used them since the last one, and purges the
    /// superslabs that nobody touched. Answers the bytes purged in place.
    pub(crate) fn decay_spans(&self) -> usize {
        if !self.spans.bins.settle() {
            self.drain_bins();
        }
        let open = self.spans.superslabs().filter(|(_, superslab)| superslab.base() != 0);
        let still = open.filter(|(_, superslab)| !superslab.settle() && superslab.loose() > 0);
        still.map(|(number, _)| self.purge_span_superslab(number, 1)).sum()
    }

    /// Purges the free dirty pages of a superslab, in runs of at least `least` grains: claims them
    /// first, gives them back, and only then sets them free again.
    fn purge_span_superslab(&self, number: u32, least: usize) -> usize {
        let page = self.host.page_size().div_ceil(GRAIN);
        let taken = self.back.with(|back| {
            // Closed, or closed and opened anew, since it was looked at: nothing dirty is free.
            back.spans.take_dirty(&self.spans, number, page, least)
        });
        let Some(superslab) = self.spans.superslab(number) else {
            return 0;
        };
        if taken == Bits::NONE {
            return 0;
        }
        let mut runs = [(NonNull::dangling(), 0); GRAINS / 2];
        let mut count = 0;
        for run in taken.runs() {
            if let Some(start) = NonNull::new(superslab.start(run.start)) {
                runs[count] = (start, run.len() * GRAIN);
                count += 1;
            }
        }
        // SAFETY: the grains were free and were claimed under the lock: whole pages of one mapping
        // that nobody uses.
        let clean = unsafe { self.ledger.purge_all(&self.host, &runs[..count]) };
        let empty = self.back.with(|back| {
            let forget = |range: &_| self.forget_spans(range);
            back.spans.give_back(&self.spans, number, &taken, clean, forget)
        });
        if let Some(range) = empty {
            self.return_spans(range);
        }
        if clean { taken.count() * GRAIN } else { 0 }
    }
}
