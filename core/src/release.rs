//! Memory that is free now goes back to the source, on demand.

use crate::cache::Cache;
use crate::geometry::{SLOT, SLOTS};
use crate::heap::Heap;
use crate::registry::Registry;
use crate::source::Host;
use crate::superslab::{SuperId, Superslab};
use crate::sync::Ordering;
use core::ptr::NonNull;

/// What a purge came to.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Purged {
    /// Bytes given back: unmapped, or purged in place. Beside threads that map, a lower bound.
    pub bytes: usize,
    /// Bytes that are free in whole and still kept, because the source refused to take them.
    pub kept: usize,
}

impl<H: Host, R: Registry> Heap<H, R> {
    /// Gives back what is free now: the lists of `cache`, idle slots, kept spans and ranges. What
    /// lies in other threads' caches is not reached.
    pub fn purge(&self, cache: &mut Cache) -> Purged {
        let before = self.mapped();
        if cache.is_live() {
            self.flush(cache);
        }
        let purged = self.release_free();
        let unmapped = before.saturating_sub(self.mapped());
        Purged { bytes: purged + unmapped, kept: self.kept() }
    }

    /// Gives back what no cache holds: idle slots, free spans, kept ranges. Answers the bytes purged
    /// in place.
    pub(crate) fn release_free(&self) -> usize {
        let mut purged = self.release_spans();
        for (id, superslab) in self.pool.superslabs() {
            purged += self.purge_idle(id, superslab);
        }
        self.release_ranges(0);
        purged
    }

    /// Gives memory back that is free but of the wrong kind, before `size` bytes more are mapped: so
    /// the peak of a program that goes from one kind to another is that of the larger one. One
    /// superslab of either kind at most.
    pub(crate) fn make_way(&self, size: usize) {
        let least = (SLOT * SLOTS as usize / 8).min(size);
        if let Some(id) = self.pool.find_dirty(least) {
            if let Some(superslab) = self.pool.superslab(id) {
                self.purge_idle(id, superslab);
            }
        }
        self.purge_some_spans();
    }

    /// Purges the idle dirty slots of a superslab: claims them first, gives their pages back, and
    /// only then sets them idle again.
    fn purge_idle(&self, id: SuperId, superslab: &Superslab) -> usize {
        let claimed = superslab.claim_dirty();
        if claimed == 0 {
            return 0;
        }
        let (mut bytes, mut clean) = (0, 0);
        let mut slot = 0;
        while slot < SLOTS {
            let run = (claimed >> slot).trailing_ones().min(SLOTS - slot);
            if run > 0 {
                let mask = crate::superslab::all_slots(run) << slot;
                let size = run as usize * SLOT;
                let base = core::ptr::with_exposed_provenance_mut(superslab.slab_base(slot));
                let clean_now = NonNull::new(base).is_some_and(|base| {
                    // SAFETY: claimed, so nobody's but ours, and part of one mapping.
                    unsafe { self.ledger.purge(&self.host, base, size) }
                });
                if clean_now {
                    clean |= mask;
                    bytes += size;
                }
            }
            slot += run + 1;
        }
        let seen = superslab.give_idle(claimed, claimed & !clean);
        self.pool.raise_idle(id, claimed != clean);
        self.close_superslab(id, seen);
        bytes
    }

    /// Bytes that the heap holds from its source now.
    pub fn mapped(&self) -> usize {
        self.ledger.mapped.load(Ordering::Relaxed)
    }
}
