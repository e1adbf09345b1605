//! What is free and still backed by memory is bounded at every moment, on the cold paths and by no
//! thread of the heap's own.
//!
//! ```text
//! a slab is retired, a span or large block freed ... keep_bound: idle slots, spans, ranges
//! full lists or bundles go home .................... keep_slack: and free pages inside slabs
//!                                                    spilled: the rest of a cache, when the heap empties
//! ```
//! Each does one call of the source's at most: what one call takes is no less than what the frees
//! since the last one can have added. A large block that is freed pays for its own size.

use crate::cache::Cache;
use crate::geometry::SLOT;
use crate::heap::Heap;
use crate::policy;
use crate::registry::Registry;
use crate::source::Host;
use crate::sync::Ordering;

impl<H: Host, R: Registry> Heap<H, R> {
    /// Bytes that users hold, and what caches hold for them.
    pub(crate) fn in_use(&self) -> usize {
        self.pool.sums.out.get() + self.spans.in_use() + self.larges.held()
    }

    /// Bytes that are free in whole pieces and may still be backed: idle slots, free grains of
    /// spans and what lies in their bins, kept ranges.
    pub(crate) fn free_dirty(&self) -> usize {
        self.pool.sums.idle.get() + self.spans.dirty() + self.ranges.dirty()
    }

    /// Gives some of what is free back, if it is too much.
    #[inline]
    pub(crate) fn keep_bound(&self) {
        self.keep_bound_after(0);
    }

    /// The same after `size` bytes were freed at once, which lowers the bound by as much: as many calls
    /// of the source as give that much back.
    #[inline]
    pub(crate) fn keep_bound_after(&self, size: usize) {
        self.host.stirred();
        let mut left = size + 1;
        while left > 0 {
            let most = self.policy.kept(self.in_use());
            let gone = if self.free_dirty() > most { self.release_some(most) } else { 0 };
            left = if gone > 0 { left.saturating_sub(gone) } else { 0 };
        }
    }

    /// Gives back what one call of the source takes, of what there is most of, if that is more than `most`
    /// bytes and the allowance. Answers its bytes.
    #[cold]
    fn release_some(&self, most: usize) -> usize {
        if self.free_dirty() <= most.saturating_add(self.allowance()) {
            return 0;
        }
        let (idle, spans) = (self.pool.sums.idle.get(), self.spans.dirty());
        if self.ranges.dirty() > idle.max(spans) {
            return self.trim_ranges();
        }
        let gone = if idle >= spans {
            self.pool.find_dirty(SLOT).map_or(0, |id| self.purge_idle(id, u32::MAX))
        } else {
            self.release_some_spans()
        };
        self.gave(gone);
        gone
    }

    /// Gives free pages of a slab back, if slabs have too many. What is in use just became less, so the
    /// bound on the rest did, too.
    pub(crate) fn keep_slack(&self) {
        self.keep_bound();
        if self.has_slack() {
            self.gave(self.sift_some());
        }
    }

    fn has_slack(&self) -> bool {
        let most = self.policy.slack(self.in_use());
        let (slack, freed) = (self.pool.sums.slack(), self.sieve.since_in_vain());
        slack > most && freed > most / 4 && slack > most.saturating_add(self.allowance())
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
            let peak = self.ledger.peak.load(Ordering::Relaxed);
            self.regret.took(bytes, peak, self.host.millis());
        }
    }

    /// Bytes that may be kept beside the bound: see [`crate::regret`].
    pub(crate) fn allowance(&self) -> usize {
        self.regret.allowance(self.host.millis())
    }

    /// After full lists went home. A cache that only sends home, from a heap that is nearly empty,
    /// keeps little: a few blocks left in its lists would pin as many pages, or slabs.
    pub(crate) fn spilled(&self, cache: &mut Cache) {
        self.tell_bytes(&mut cache.behind.tallies);
        if cache.one_way > self.policy.one_way(self.pool.sums.out.get()) {
            cache.one_way = 0;
            self.flush(cache);
            cache.shorten(policy::SHORT);
            // What the lists pinned may be in as many slabs as they had blocks.
            for _ in 0..policy::SIFTS {
                if self.has_slack() {
                    self.gave(self.sift_some());
                }
            }
        }
        self.keep_slack();
    }
}
