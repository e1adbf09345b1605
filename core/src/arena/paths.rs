//! The ways of a range: taken, grown, put back, given back to the source.

use super::extents::Taken;
use super::nodes::Range;
use super::victims::Victims;
use crate::heap::Heap;
use crate::registry::Registry;
use crate::source::Host;
use core::ptr::NonNull;

/// Rounds of decay after which a kept range is purged, and after which a purged one is unmapped.
const PURGED_AFTER: u32 = 2;
const UNMAPPED_AFTER: u32 = 20;

impl<H: Host, R: Registry> Heap<H, R> {
    /// Bytes of ranges that may be kept beside what else is free, not counting `more` that are about
    /// to be. Where a limit was set below what is mapped, nothing above it.
    fn kept_bound(&self, more: usize) -> usize {
        self.kept_within(self.most_free(), more)
    }

    /// The same, if `most` bytes may be free at most.
    fn kept_within(&self, most: usize, more: usize) -> usize {
        let others = self.pool.sums.idle.get() + self.spans.dirty();
        let unkept = self.mapped().saturating_sub(self.kept() + more);
        most.saturating_sub(others).min(self.ledger.limit().saturating_sub(unkept))
    }

    /// A range of `size` bytes (whole slots) at a multiple of `align` (a slot at least): cut from a
    /// kept one, or fresh. `None`: out of memory.
    #[cold]
    pub(crate) fn take_range(&self, size: usize, align: usize) -> Option<Range> {
        self.take_or_grow(size, align, false)
    }

    /// As [`take_range`](Self::take_range), for one whose contents do not matter: rather than a
    /// fresh one, a kept one that is too short, grown by the source.
    #[cold]
    pub(crate) fn take_any_range(&self, size: usize, align: usize) -> Option<Range> {
        self.take_or_grow(size, align, true)
    }

    fn take_or_grow(&self, size: usize, align: usize, mut grow: bool) -> Option<Range> {
        loop {
            let bound = self.kept_bound(0);
            let mut victims = Victims::new();
            let (ranges, registry) = (&self.ranges, &self.registry);
            let taken = self.back.with(|back| {
                let taken = back.arena.take(ranges, registry, size, align, grow);
                if !matches!(taken, Taken::Kept(_)) {
                    back.arena.evict(ranges, registry, bound, &mut victims);
                }
                taken
            });
            self.gave(self.unmap_all(victims));
            match taken {
                Taken::Kept(range) => return Some(range),
                Taken::Short(range) => {
                    if let Some(grown) = self.grow_range(range, size, align) {
                        return Some(grown);
                    }
                    grow = false;
                }
                Taken::Reserved => {
                    self.make_way(size);
                    self.heed_soft_limit(size);
                    return self.map_reserved(size, align);
                }
                Taken::NeedsChunk(chunk) => {
                    self.ledger.table(&self.host, self.ranges.cell(chunk)?)?;
                }
            }
        }
    }

    /// Remaps a range to `size` bytes; if that cannot be, it goes back to the arena.
    fn grow_range(&self, range: Range, size: usize, align: usize) -> Option<Range> {
        self.heed_soft_limit(size.saturating_sub(range.size));
        let grown = NonNull::new(range.start()).and_then(|base| {
            // SAFETY: the range left the arena under the lock, so that it is this thread's alone.
            // Where it is several mappings side by side the source can refuse.
            unsafe { self.ledger.remap(&self.host, base, range.size, size, align) }
        });
        let Some(base) = grown else {
            self.put_range(range);
            return None;
        };
        let base = base.as_ptr().expose_provenance();
        self.took(size.saturating_sub(range.size));
        Some(Range { base, size, dirty: true })
    }

    /// Maps the range for which a node is reserved; where the source has nothing left, once more
    /// after all that is kept went back.
    fn map_reserved(&self, size: usize, align: usize) -> Option<Range> {
        let map = || self.ledger.map_any(&self.host, size, align);
        let mapped = match map() {
            None if self.release_ranges(0) > 0 => map(),
            mapped => mapped,
        };
        if mapped.is_none() {
            self.back.with(|back| back.arena.unreserve(1));
        }
        let (start, zero) = mapped?;
        let base = start.as_ptr().expose_provenance();
        self.took_ahead(size);
        Some(Range { base, size, dirty: !zero })
    }

    /// Takes back a range that came from [`take_range`](Self::take_range) (a large one may have
    /// been remapped since); keeps it, or gives what is too much back to the source.
    #[cold]
    pub(crate) fn put_range(&self, range: Range) {
        self.host.stirred();
        let limit = self.kept_bound(range.size);
        let mut victims = Victims::new();
        self.back.with(|back| {
            back.arena.keep(&self.ranges, &self.registry, range);
            back.arena.evict(&self.ranges, &self.registry, limit, &mut victims);
        });
        if !victims.is_empty() {
            let gone = self.unmap_all(victims);
            self.gave(gone + self.shrink_to(limit));
        }
    }

    /// Unmaps kept ranges until at most `keep` bytes are kept; answers the bytes unmapped.
    pub(crate) fn release_ranges(&self, keep: usize) -> usize {
        self.back.with(|back| back.arena.forget_refusals(&self.ranges));
        self.shrink_to(keep)
    }

    /// Unmaps what is kept too much of, if `most` bytes may be free at most; answers the bytes.
    pub(crate) fn trim_ranges(&self, most: usize) -> usize {
        self.shrink_to(self.kept_within(most, 0))
    }

    /// Unmaps kept ranges, but not those that the source refused before, until at most `limit`
    /// bytes are kept.
    #[inline(never)]
    pub(crate) fn shrink_to(&self, limit: usize) -> usize {
        let mut gone = 0;
        loop {
            let mut victims = Victims::new();
            self.back.with(|back| {
                back.arena.evict(&self.ranges, &self.registry, limit, &mut victims);
            });
            if victims.is_empty() {
                return gone;
            }
            gone += self.unmap_all(victims);
        }
    }

    /// One round of decay: purges the ranges that lay here for some rounds, and unmaps those that were
    /// purged long ago. Answers the bytes that were given back.
    pub(crate) fn decay_ranges(&self, rounds: u32) -> usize {
        let mut bytes = 0;
        self.back.with(|back| back.arena.begin_round(rounds));
        loop {
            let mut victims = Victims::new();
            self.back.with(|back| {
                let ages = (PURGED_AFTER, UNMAPPED_AFTER);
                back.arena.ripe(&self.ranges, &self.registry, ages, &mut victims);
            });
            if victims.is_empty() {
                return bytes;
            }
            let mut purged = Victims::new();
            for range in victims {
                if range.dirty {
                    bytes += self.purge_range(range);
                } else {
                    purged.push(range);
                }
            }
            self.unmap_all(purged);
        }
    }

    /// Purges a range that was taken out of the arena, and puts it back.
    fn purge_range(&self, mut range: Range) -> usize {
        let clean = NonNull::new(range.start()).is_some_and(|base| {
            // SAFETY: the range was kept, so nobody uses it, and it left the arena under the lock.
            unsafe { self.ledger.purge(&self.host, base, range.size) }
        });
        range.dirty = !clean;
        let size = if clean { range.size } else { 0 };
        self.back.with(|back| {
            if clean {
                back.arena.keep(&self.ranges, &self.registry, range);
            } else {
                back.arena.keep_refused(&self.ranges, &self.registry, range);
            }
        });
        size
    }

    /// Unmaps ranges that were taken out of the arena; refused ones return to it.
    fn unmap_all(&self, victims: Victims) -> usize {
        let mut refused = Victims::new();
        let (mut gone, mut count) = (0, 0);
        for range in victims {
            let unmapped = NonNull::new(range.start()).is_some_and(|base| {
                // SAFETY: the range was kept, so nobody uses it, and it left the arena under the
                // lock, so that nobody else can.
                unsafe { self.ledger.unmap(&self.host, base, range.size) }
            });
            if unmapped {
                gone += range.size;
                count += 1;
            } else {
                refused.push(range);
            }
        }
        if count > 0 || !refused.is_empty() {
            self.back.with(|back| {
                back.arena.unreserve(count);
                for range in refused {
                    back.arena.keep_refused(&self.ranges, &self.registry, range);
                }
            });
        }
        gone
    }

    /// Bytes that are free but kept.
    pub(crate) fn kept(&self) -> usize {
        self.ranges.kept()
    }

    /// Checks the arena's books. Needs a heap at rest.
    #[cfg(any(test, feature = "validate"))]
    pub(crate) fn validate_arena(&self) -> Result<(), &'static str> {
        self.back.with(|back| back.arena.validate(&self.ranges, &self.registry))
    }
}
