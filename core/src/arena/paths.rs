//! The ways of a range: taken, grown, put back, given back to the source.

use super::extents::Taken;
use super::nodes::Range;
use super::victims::Victims;
use crate::geometry::SUPERSLAB;
use crate::heap::Heap;
use crate::registry::Registry;
use crate::source::Host;
use crate::sync::Ordering;
use core::ptr::NonNull;

/// Bytes that may be kept however small the heap is: two superslabs.
pub(super) const KEPT_LEAST: usize = 2 * SUPERSLAB;
/// How many times what is in use may be kept when a range comes in. A live set whose blocks are
/// replaced at random swings, and what it frees seldom fits what it asks for next: with three in
/// place of eight, eight blocks of 2 to 16 MiB took three times the page faults. To give memory back
/// sooner is for time to decide, not for the instant.
pub(super) const KEPT: usize = 8;
/// The same, when more must be mapped. Lower, for then what is kept did not serve, and counts
/// towards the peak.
const KEPT_FRESH: usize = 1;
/// The largest range that may pass the bound while it is the newest: a buffer of a size that
/// programs take and free in a loop.
pub(super) const NEWEST_MOST: usize = 32 * SUPERSLAB;

/// Bytes that the arena may keep in a heap that uses `used` bytes.
pub(super) fn bound(used: usize, times: usize) -> usize {
    used.saturating_mul(times).max(KEPT_LEAST)
}

impl<H: Host, R: Registry> Heap<H, R> {
    /// Bytes that may be kept, not counting `more` that are about to be. Where a limit was set below
    /// what is mapped, nothing above it.
    fn kept_bound(&self, times: usize, more: usize) -> usize {
        let mapped = self.ledger.mapped.load(Ordering::Relaxed);
        let used = mapped.saturating_sub(self.kept() + more);
        bound(used, times).min(self.ledger.limit().saturating_sub(used))
    }

    /// A range of `size` bytes (whole slots) at a multiple of `align` (a slot at least): cut from a
    /// kept one, or fresh, which reads zero. `None`: out of memory.
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
            let bound = self.kept_bound(KEPT_FRESH, 0);
            let mut victims = Victims::new();
            let (ranges, registry) = (&self.ranges, &self.registry);
            let taken = self.back.with(|back| {
                let taken = back.arena.take(ranges, registry, size, align, grow);
                if !matches!(taken, Taken::Kept(_)) {
                    back.arena.evict(ranges, registry, bound, &mut victims);
                }
                taken
            });
            self.unmap_all(victims);
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
        Some(Range { base, size, dirty: true })
    }

    /// Maps the range for which a node is reserved; where the source has nothing left, once more
    /// after all that is kept went back.
    fn map_reserved(&self, size: usize, align: usize) -> Option<Range> {
        let map = || self.ledger.map(&self.host, size, align);
        let mapped = match map() {
            None if self.release_ranges(0) > 0 => map(),
            mapped => mapped,
        };
        if mapped.is_none() {
            self.back.with(|back| back.arena.unreserve(1));
        }
        let base = mapped?.as_ptr().expose_provenance();
        Some(Range { base, size, dirty: false })
    }

    /// Takes back a range that came from [`take_range`](Self::take_range) (a large one may have
    /// been remapped since); keeps it, or gives what is too much back to the source.
    #[cold]
    pub(crate) fn put_range(&self, range: Range) {
        let newest = range.size <= NEWEST_MOST && self.mapped() <= self.ledger.limit();
        let allowance = if newest { range.size } else { 0 };
        let limit = self.kept_bound(KEPT, range.size) + allowance;
        let mut victims = Victims::new();
        self.back.with(|back| {
            back.arena.keep(&self.ranges, &self.registry, range);
            back.arena.evict(&self.ranges, &self.registry, limit, &mut victims);
        });
        if !victims.is_empty() {
            self.unmap_all(victims);
            self.shrink_to(limit);
        }
    }

    /// Unmaps kept ranges until at most `keep` bytes are kept; answers the bytes unmapped.
    pub(crate) fn release_ranges(&self, keep: usize) -> usize {
        self.back.with(|back| back.arena.forget_refusals(&self.ranges));
        self.shrink_to(keep)
    }

    /// Gives back what is kept too much of, before more is mapped.
    pub(crate) fn trim_ranges(&self) {
        self.shrink_to(self.kept_bound(KEPT_FRESH, 0));
    }

    /// Unmaps kept ranges, but not those that the source refused before, until at most `limit`
    /// bytes are kept.
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
