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

    /// As [`in_use`](Self::in_use), where some of it was or is about to be freed: high points are noted.
    #[inline]
    pub(crate) fn note_use(&self) -> usize {
        let used = self.in_use();
        self.regret.used(used);
        used
    }

    /// Bytes that are free in whole pieces and may still be backed: idle slots, free grains of
    /// spans and what lies in their bins, kept ranges.
    pub(crate) fn free_dirty(&self) -> usize {
        self.pool.sums.idle.get() + self.spans.dirty() + self.ranges.dirty()
    }

    /// Gives some of what is free back, if it is too much.
    #[inline]
    pub(crate) fn keep_bound(&self) {
        let most = self.policy.kept(self.note_use());
        if self.free_dirty() > most {
            self.release_some(most);
        }
    }

    /// Gives back what one call of the source takes, of what there is most of, if more than `most`
    /// bytes and the allowance are free.
    #[cold]
    fn release_some(&self, most: usize) {
        if self.free_dirty() <= most.saturating_add(self.allowance()) {
            return;
        }
        let (idle, spans) = (self.pool.sums.idle.get(), self.spans.dirty());
        if idle >= spans && idle >= self.ranges.dirty() {
            if let Some(id) = self.pool.find_dirty(SLOT) {
                self.gave(self.purge_idle(id, u32::MAX));
            }
        } else if spans >= self.ranges.dirty() {
            self.gave(self.purge_some_spans());
        } else {
            self.trim_ranges();
        }
    }

    /// Gives free pages of a slab back, if slabs have too many.
    pub(crate) fn keep_slack(&self) {
        let (used, slack) = (self.note_use(), self.pool.sums.slack());
        let most = self.sieve.floor(slack) + policy::slack(used);
        if slack > most && slack > most.saturating_add(self.allowance()) {
            self.gave(self.sift_some(slack));
        }
    }

    /// Notes what the bound made the heap give back.
    pub(crate) fn gave(&self, bytes: usize) {
        if bytes > 0 {
            self.regret.gave(bytes, self.host.millis());
        }
    }

    /// Notes that memory is backed anew that may have been given back before.
    #[inline]
    pub(crate) fn took(&self, bytes: usize) {
        if bytes > 0 && self.regret.may_regret() {
            self.regret.took(bytes, self.host.millis());
        }
    }

    /// Bytes that may be kept beside the bound: see [`crate::regret`].
    pub(crate) fn allowance(&self) -> usize {
        self.regret.allowance(self.host.millis())
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
