//! What is free and still backed by memory is bounded at every moment, on the cold paths and by no
//! thread of the heap's own.
//!
//! ```text
//! a slab is retired, a span's grains become free ... keep_bound: idle slots, spans, ranges
//! full lists or bundles go home .................... keep_slack: free pages inside slabs
//!                                                    spilled: the rest of a cache, when the heap empties
//! ```
//! Each does one call of the source's at most: what one call takes is no less than what the frees
//! since the last one can have added.

use crate::cache::Cache;
use crate::geometry::SLOT;
use crate::heap::Heap;
use crate::policy;
use crate::registry::Registry;
use crate::source::Host;

impl<H: Host, R: Registry> Heap<H, R> {
    /// Bytes that users hold, and what caches hold for them.
    pub(crate) fn in_use(&self) -> usize {
        self.pool.sums.out.get() + self.spans.held() + self.larges.held()
    }

    /// Bytes that are free in whole pieces and may still be backed: idle slots, free grains of
    /// spans and what lies in their bins, kept ranges.
    pub(crate) fn free_dirty(&self) -> usize {
        self.pool.sums.idle.get() + self.spans.dirty() + self.ranges.dirty()
    }

    /// Gives some of what is free back, if it is too much.
    #[inline]
    pub(crate) fn keep_bound(&self) {
        if self.free_dirty() > self.policy.kept(self.in_use()) {
            self.release_some();
        }
    }

    /// Gives back what one call of the source takes, of what there is most of.
    #[cold]
    fn release_some(&self) {
        let (idle, spans) = (self.pool.sums.idle.get(), self.spans.dirty());
        if idle >= spans && idle >= self.ranges.dirty() {
            if let Some(id) = self.pool.find_dirty(SLOT) {
                self.purge_idle(id, u32::MAX);
            }
        } else if spans >= self.ranges.dirty() {
            self.purge_some_spans();
        } else {
            self.trim_ranges();
        }
    }

    /// Gives free pages of a slab back, if slabs have too many.
    pub(crate) fn keep_slack(&self) {
        let slack = self.pool.sums.slack();
        let floor = self.sieve.floor(slack);
        if slack > floor + policy::slack(self.in_use()) {
            self.sift_some(slack);
        }
    }

    /// After full lists went home. A cache that only sends home, from a heap that is nearly empty,
    /// keeps little: a few blocks left in its lists would pin as many pages, or slabs.
    pub(crate) fn spilled(&self, cache: &mut Cache) {
        self.pool.sums.out.add(core::mem::take(&mut cache.tallies.out));
        if cache.one_way > policy::one_way(self.pool.sums.out.get()) {
            cache.one_way = 0;
            self.flush(cache);
            cache.shorten(policy::SHORT);
        }
        self.keep_slack();
    }
}
