//! Memory that is free goes back to the source.
//!
//! | what | how |
//! |---|---|
//! | `bound` | on the cold paths, at every moment: what is free and still backed is at most as much as is in use |
//! | `decay` | in rounds, by a thread or a timer of the host's: what lay untouched for a while |
//! | `purge` | on demand: all of it |
//! | `holes` | inside slabs that are in use: free pages |
//! | `idle` | idle slots, of several superslabs together |
//! | `huge` | before part of a huge page goes back, it comes apart |
//!
//! Free memory is dirty first, then purged (its pages are gone, its addresses kept), then unmapped.
//! What is to be purged is claimed first, as for use; so no lock is held over a call of the source.

mod bound;
mod decay;
mod holes;
mod huge;
mod idle;

#[cfg(any(test, feature = "validate"))]
pub use bound::Balance;
pub use decay::Decayed;

use crate::cache::Cache;
use crate::geometry::{SLOT, SLOTS};
use crate::heap::Heap;
use crate::registry::Registry;
use crate::source::Host;
use crate::sync::Ordering;

/// What a purge came to.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Purged {
    /// Bytes given back: unmapped, or purged in place. Beside threads that map, a lower bound.
    pub bytes: usize,
    /// Bytes that are free in whole and still kept, because the source refused to take them.
    pub kept: usize,
    /// Bytes that are free, but in pages in which live blocks are as well.
    pub pinned: usize,
    /// Caches that were not reached: their owners were at work in the heap, or the host has no
    /// [barrier](Host::barrier).
    pub caches: usize,
    /// Bytes in the lists of these, about; where the host has no barrier this is not known, and 0.
    pub cached: usize,
}

impl<H: Host, R: Registry> Heap<H, R> {
    /// Gives back what is free now: what lies in `cache` and, where the host has a
    /// [barrier](Host::barrier), in other threads' caches; idle slots, free pages of slabs, kept spans
    /// and ranges. No other thread waits for more than its own cache to be emptied.
    pub fn purge(&self, cache: &mut Cache) -> Purged {
        let before = self.mapped();
        self.enter(cache);
        if cache.is_live() {
            self.flush(cache);
        }
        self.leave(cache);
        let gathered = self.gather(cache, false);
        let purged = self.release_free();
        let unmapped = before.saturating_sub(self.mapped());
        let others = self.caches.count().saturating_sub(usize::from(cache.is_live()));
        Purged {
            bytes: purged + unmapped,
            kept: self.kept(),
            pinned: self.pool.sums.slack(),
            caches: if H::REACHES { gathered.active } else { others },
            cached: gathered.bytes,
        }
    }

    /// Gives back what is free now, as [`purge`](Self::purge) does, from a thread without a cache: when the
    /// machine or the container is short of memory. Answers the bytes given back.
    pub fn relieve(&self) -> usize {
        let before = self.mapped();
        self.gather(core::ptr::null(), false);
        let purged = self.release_free();
        purged + before.saturating_sub(self.mapped())
    }

    /// Caches that are in use: about as many threads have used the heap and not ended.
    pub fn living_caches(&self) -> usize {
        self.caches.count()
    }

    /// Whether the heap gives back, by itself, what is free and too much: on, in a new heap. Off, it
    /// keeps all until a [`purge`](Self::purge), a round of [`decay`](Self::decay), or a limit.
    pub fn set_release(&self, on: bool) {
        self.policy.set_release(on);
    }

    /// Whether a cache's lists grow with their traffic: on, in a new heap. Off, no call sends more blocks
    /// home than the lists have at first, whatever went before; so the longest free is shorter, and a
    /// program that swings far in small blocks slower.
    pub fn set_growth(&self, on: bool) {
        self.policy.set_growth(on);
    }

    /// Gives back what no cache holds: idle slots, free spans, kept ranges. Answers the bytes purged
    /// in place.
    #[cold]
    #[inline(never)]
    pub(crate) fn release_free(&self) -> usize {
        let mut purged = self.release_spans();
        for (id, superslab) in self.pool.superslabs() {
            purged += self.sift(id, superslab, u32::MAX);
            purged += self.purge_idle(id, u32::MAX);
        }
        self.release_ranges(0);
        purged
    }

    /// Gives memory back that is free but of the wrong kind, before `size` bytes more are mapped: so
    /// the peak of a program that goes from one kind to another is that of the larger one. One
    /// superslab of either kind at most.
    pub(crate) fn make_way(&self, size: usize) {
        if self.policy.keeps_all() {
            return;
        }
        let least = (SLOT * SLOTS as usize / 8).min(size);
        if let Some(id) = self.pool.find_dirty(least) {
            self.gave(self.purge_idle(id, u32::MAX));
        }
        self.gave(self.purge_long_spans());
    }

    /// Bytes that the heap holds from its source now.
    pub fn mapped(&self) -> usize {
        self.ledger.mapped.load(Ordering::Relaxed)
    }
}
