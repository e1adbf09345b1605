//! Free spans go back to the source, on demand.

use super::bits::Bits;
use super::class::{GRAIN, GRAINS};
use crate::heap::Heap;
use crate::registry::Registry;
use crate::runs::Runs;
use crate::source::Host;

/// Grains of a run that is worth a call to the system by itself: 128 KiB.
const LONG: usize = (128 << 10) / GRAIN;

/// Superslabs among which the one is sought that has most to give.
const LOOKS: u32 = 64;
/// Times that the search goes on where there is nothing.
const ROWS: u32 = 16;

/// Superslabs from which one call takes, at most.
const TOGETHER: usize = 8;
/// Runs of one superslab, at most, and of all of them.
const RUNS_EACH: usize = GRAINS / 2;
const RUNS: usize = RUNS_EACH + 64;

/// Pages that are claimed to be given back together.
struct Batch {
    runs: Runs<RUNS>,
    /// Superslabs, and which grains of each.
    taken: [(u32, Bits); TOGETHER],
    count: usize,
}

impl Batch {
    const fn new() -> Self {
        Self { runs: Runs::new(), taken: [(0, Bits::NONE); TOGETHER], count: 0 }
    }

    fn has_room(&self) -> bool {
        self.count < TOGETHER && self.runs.has_room(RUNS_EACH)
    }
}

impl<H: Host, R: Registry> Heap<H, R> {
    /// Empties the bins, and purges what is free then: empty superslabs are in the page arena
    /// after this, free pages of others are given back. Answers the bytes purged in place.
    pub(crate) fn release_spans(&self) -> usize {
        self.drain_bins();
        let open = self.spans.superslabs().filter(|(_, superslab)| superslab.base() != 0);
        open.map(|(number, _)| self.purge_span_superslab(number, 1)).sum()
    }

    /// Gives back `wanted` bytes of what is free in spans, or what a batch takes: the bins
    /// count as that if they hold most of it. Answers the bytes purged.
    // Its own frame: it is a large one.
    #[inline(never)]
    pub(crate) fn release_some_spans(&self, wanted: usize) -> usize {
        let mut drained = self.spans.bins.bytes() > self.spans.loose.get();
        if drained {
            self.drain_bins();
        }
        let page = self.host.page_size().div_ceil(GRAIN);
        let mut batch = const { Batch::new() };
        while batch.runs.bytes() < wanted && batch.has_room() {
            let most = (0..ROWS).find_map(|_| self.spans.loosest(LOOKS, page));
            if most.is_some_and(|number| self.take_dirty_spans(number, 1, &mut batch)) {
                continue;
            }
            if drained {
                break;
            }
            self.drain_bins();
            drained = true;
        }
        self.purge_taken_spans(&batch)
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

    /// Purges the free dirty pages of a superslab, in runs of at least `least` grains. Answers the bytes.
    #[inline(never)]
    fn purge_span_superslab(&self, number: u32, least: usize) -> usize {
        let mut batch = const { Batch::new() };
        self.take_dirty_spans(number, least, &mut batch);
        self.purge_taken_spans(&batch)
    }

    /// Claims the free dirty pages of a superslab, in runs of at least `least` grains, to be purged.
    /// `false`: there are none.
    fn take_dirty_spans(&self, number: u32, least: usize, batch: &mut Batch) -> bool {
        let page = self.host.page_size().div_ceil(GRAIN);
        let Some(superslab) = self.spans.superslab(number) else {
            return false;
        };
        // Closed, or closed and opened anew, since it was looked at: nothing dirty is free.
        let taken = self.back.with(|back| back.spans.take_dirty(&self.spans, number, page, least));
        if taken == Bits::NONE {
            return false;
        }
        // While grains of it are taken, the superslab cannot close.
        self.undo_huge_spans(superslab);
        let base = superslab.base();
        taken.runs().for_each(|run| batch.runs.push(base + run.start * GRAIN, run.len() * GRAIN));
        batch.taken[batch.count] = (number, taken);
        batch.count += 1;
        true
    }

    /// Gives back what was claimed, and only then sets it free again. Answers the bytes purged.
    fn purge_taken_spans(&self, batch: &Batch) -> usize {
        if batch.runs.is_empty() {
            return 0;
        }
        // SAFETY: the grains were free and were claimed under the lock: whole pages of one mapping
        // each, that nobody uses.
        let clean = unsafe { self.ledger.purge_all(&self.host, batch.runs.as_slice()) };
        for (number, taken) in &batch.taken[..batch.count] {
            let mut huge = false;
            let empty = self.back.with(|back| {
                let forget = |range: &_| huge = self.forget_spans(*number, range);
                back.spans.give_back(&self.spans, *number, taken, clean, forget)
            });
            if let Some(range) = empty {
                self.return_spans(range, huge);
            }
        }
        if clean { batch.runs.bytes() } else { 0 }
    }
}
