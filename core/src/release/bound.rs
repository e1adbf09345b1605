//! What is free and still backed by memory is bounded at every moment, on the cold paths and by no
//! thread of the heap's own.
//!
//! ```text
//! a slab is retired, a span's grains become free ... keep_bound: idle slots, spans, ranges
//! full lists or bundles go home, a cache ends ...... the same, for less is in use now; and
//!                                                    keep_slack: free pages inside slabs
//!                                                    spilled: the rest of a cache, when the heap empties
//! a large block is freed ........................... keep_whole_bound: both
//! ```
//! But for the last each does one call of the source's at most: what one call takes is about as much
//! as the frees since the last one can have added.
//!
//! Where the host has a thread for it, that is pressed before the bound is reached and gives back (`keep`);
//! calls which free do so only if it comes too late: at the bound itself, and for free pages inside slabs once
//! as much came free again as slabs may have.

use crate::cache::Cache;
use crate::geometry::SUPERSLAB;
use crate::heap::Heap;
use crate::policy;
use crate::registry::Registry;
use crate::source::Host;

/// The last part of the bound: from there on a thread of the host's, if there is one, gives back.
const SOONER: usize = 8;
/// The last part of the bound, and that on slack, which it leaves free then.
const LATER: usize = 4;
/// Superslabs that it looks through before it does something else, at most.
const LOOKED_THROUGH: u32 = 16 * policy::SIFTS;

/// From where on the thread is pressed.
fn sooner(most: usize) -> usize {
    most / SOONER * (SOONER - 1)
}

/// Where memory lies that is free in whole pieces.
enum Kind {
    Idle,
    Spans,
    Ranges,
}

/// The sums by which a heap keeps its bound, in bytes: for tests.
#[cfg(any(test, feature = "validate"))]
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Balance {
    /// Blocks of slabs that are out, as far as caches have told: exact once every cache has ended.
    pub out: isize,
    /// What users and caches hold, slabs, spans and large.
    pub in_use: usize,
    /// What is free in whole pieces and may still be backed.
    pub free: usize,
    /// Of `free`, what lies in pages in which live spans are as well: it cannot go back.
    pub pinned: usize,
    /// What of `free` may be there, beside the allowance: as much as is in use, and some MiB at least.
    pub most: usize,
    /// What may be kept beside that, because it was missed before.
    pub allowance: usize,
}

impl<H: Host, R: Registry> Heap<H, R> {
    /// The sums by which the bound is kept, now.
    #[cfg(any(test, feature = "validate"))]
    pub fn balance(&self) -> Balance {
        let in_use = self.in_use();
        Balance {
            out: self.pool.sums.out.signed(),
            in_use,
            free: self.free_dirty(),
            pinned: self.spans.pinned(self.host.page_size()),
            most: self.policy.kept(in_use),
            allowance: self.allowance(),
        }
    }

    /// Bytes that users hold, and what caches hold for them.
    pub(crate) fn in_use(&self) -> usize {
        self.pool.sums.out.get() + self.spans.in_use() + self.larges.held()
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

    /// Bytes that may be free in whole pieces now, with what is allowed beside the bound.
    pub(crate) fn most_free(&self) -> usize {
        self.policy.kept(self.in_use()).saturating_add(self.allowance())
    }

    /// Gives some of what is free back, if it is too much: what one call of the source takes.
    #[inline]
    pub(crate) fn keep_bound(&self) {
        self.host.stirred();
        let most = self.policy.kept(self.note_use());
        if self.free_dirty() > sooner(most) {
            self.near_bound(most);
        }
    }

    /// Near the bound, a thread of the host's is told; beyond it the caller does the work.
    #[cold]
    fn near_bound(&self, most: usize) {
        let most = most.saturating_add(self.allowance());
        let free = self.free_dirty();
        if free > most {
            self.release_some(most);
        } else if free > sooner(most) {
            self.host.press();
        }
    }

    /// Gives back what is so much that calls which free would have to, or soon: for a thread of the host's
    /// that was [pressed](Host::press). Answers the bytes.
    pub fn keep(&self) -> usize {
        let less = |most: usize| most / LATER * (LATER - 1);
        let (mut gone, is_all) = self.sift_many(LOOKED_THROUGH, less);
        if is_all {
            // Only then: frees help while the thread is behind.
            self.sieve.look();
        }
        if self.free_dirty() <= sooner(self.most_free()) {
            return gone;
        }
        loop {
            let bytes = self.release_some(less(self.most_free()));
            if bytes == 0 {
                return gone;
            }
            gone += bytes;
        }
    }

    /// Keeps both bounds in as many calls as it takes: after much was freed at once, so that all that is
    /// in use may be far less than before.
    pub(crate) fn keep_whole_bound(&self) {
        self.sift_many(policy::SIFTS, |most| most);
        let most = self.policy.kept(self.note_use());
        while self.free_dirty() > most && self.release_some(self.most_free()) > 0 {}
    }

    /// Looks for free pages in so many superslabs, as long as slabs have more than a part of what they may have.
    /// Answers the bytes that went back, and whether slabs have no more than that.
    fn sift_many(&self, superslabs: u32, part: impl Fn(usize) -> usize) -> (usize, bool) {
        let mut gone = 0;
        for _ in 0..superslabs {
            if !self.has_slack(&part) {
                return (gone, true);
            }
            let bytes = self.sift_some();
            self.gave(bytes);
            gone += bytes;
        }
        (gone, false)
    }

    /// Gives back what one call of the source takes, of what there is most of, if more than `most`
    /// bytes are free. Where that cannot go back, of the next. Answers the bytes.
    #[cold]
    fn release_some(&self, most: usize) -> usize {
        let excess = self.free_dirty().saturating_sub(most);
        if excess == 0 {
            return 0;
        }
        // What is on its way back serves nobody: under a limit, others may need it meanwhile.
        let excess = if self.limit().is_some() { excess.min(SUPERSLAB) } else { excess };
        let mut kinds = [Kind::Idle, Kind::Spans, Kind::Ranges];
        let bytes = |kind: &Kind| match kind {
            Kind::Idle => self.pool.sums.idle.get(),
            Kind::Spans => self.spans.dirty(),
            Kind::Ranges => self.ranges.dirty(),
        };
        kinds.sort_unstable_by_key(|kind| core::cmp::Reverse(bytes(kind)));
        let gone = kinds.into_iter().map(|kind| match kind {
            Kind::Idle => self.purge_some_idle(excess),
            Kind::Spans => self.release_some_spans(excess),
            Kind::Ranges => self.trim_ranges(most),
        });
        let gone = gone.into_iter().find(|&bytes| bytes > 0).unwrap_or(0);
        self.gave(gone);
        gone
    }

    /// After blocks went home: keeps both bounds.
    pub(crate) fn keep_bounds(&self) {
        self.keep_slack();
        self.keep_bound();
    }

    /// Gives free pages of a slab back, if slabs have too many, and no thread of the host's is about to.
    fn keep_slack(&self) {
        if self.has_slack(|most| most) && (self.is_late() || !self.host.press()) {
            self.gave(self.sift_some());
        }
    }

    /// Whether slabs have more free pages than a part of what they may have.
    fn has_slack(&self, part: impl Fn(usize) -> usize) -> bool {
        let most = self.policy.slack(self.note_use());
        let (slack, freed) = (self.pool.sums.slack(), self.sieve.since_in_vain());
        let is_much = |most: usize| slack > part(most);
        is_much(most) && freed > most / 4 && is_much(most.saturating_add(self.allowance()))
    }

    /// Whether as much came free as slabs may have of free pages since a thread of the host's last looked.
    fn is_late(&self) -> bool {
        let most = self.policy.slack(self.in_use()).saturating_add(self.allowance());
        self.sieve.since_looked() > most
    }

    /// Notes what the bound made the heap give back.
    pub(crate) fn gave(&self, bytes: usize) {
        if bytes > 0 {
            self.regret.gave(bytes, self.host.millis());
        }
    }

    /// Notes that memory is handed out that is backed anew, and may have been given back before.
    #[inline]
    pub(crate) fn took(&self, bytes: usize) {
        self.losses.took(bytes);
        self.took_ahead(bytes);
    }

    /// The same of memory that is yet to be handed out.
    #[inline]
    pub(crate) fn took_ahead(&self, bytes: usize) {
        if bytes > 0 && self.regret.may_regret() {
            self.regret.took(bytes, self.host.millis(), self.host.decays());
        }
    }

    /// Bytes that may be kept beside the bound: see [`crate::regret`].
    pub(crate) fn allowance(&self) -> usize {
        self.regret.allowance(self.host.millis(), self.host.decays())
    }

    /// After full lists went home. A cache that only sends home, from a heap that is nearly empty,
    /// keeps little: a few blocks left in its lists would pin as many pages, or slabs. Of hot spans it
    /// keeps some part of what is in use.
    pub(crate) fn spilled(&self, cache: &mut Cache) {
        self.tell_bytes(&mut cache.behind.tallies);
        self.shorten_spans(&mut cache.behind.spans, self.policy.hot_spans(self.in_use()));
        let most = self.policy.one_way(self.pool.sums.out.get());
        // What a program that swings is allowed to keep it need not send home either.
        if cache.one_way > most && cache.one_way > most.saturating_add(self.allowance()) {
            cache.one_way = 0;
            self.flush(cache);
            cache.shorten(policy::SHORT);
            // What the lists pinned may be in as many slabs as they had blocks.
            self.sift_many(policy::SIFTS, |most| most);
        }
        self.keep_bounds();
    }
}
