//! The page arena: whole ranges (superslabs, large mappings) that are free but kept mapped.
//!
//! What was touched once is worth keeping: backing a page anew costs more than anything the heap
//! does itself. What is kept is bounded twice. When a range comes in, older ones go until the rest
//! fits [`kept_bound`]; the newest may pass it, so that a program that takes and frees one large
//! buffer over and over does not map it each time. When a range must be mapped afresh, that
//! allowance ends first: memory is given back before more is asked for, and the peak stays honest.
//!
//! Nodes stand in a [`Ranges`] table of the heap's. A place for a range is reserved when it is
//! mapped, so that a range can always be taken back, and no table grows under the lock.
//!
//! *Contract*: `reserved = kept ranges + ranges handed out <= capacity`.

mod keep;

pub(crate) use keep::{Arena, Range, Ranges};
use keep::{Taken, Victims};

use crate::geometry::SUPERSLAB;
use crate::heap::Heap;
use crate::registry::Registry;
use crate::source::Host;
use crate::sync::Ordering;
use core::ptr::NonNull;

/// Bytes that may be kept however small the heap is: two superslabs.
const KEPT_LEAST: usize = 2 * SUPERSLAB;
/// Above that, one part in so many of what is mapped may be kept.
const KEPT_PART: usize = 8;
/// The largest range that may pass the bound while it is the newest: a buffer of a size that
/// programs take and free in a loop.
const NEWEST_MOST: usize = 32 * SUPERSLAB;

/// Bytes that the arena may keep in a heap of `mapped` bytes.
fn kept_bound(mapped: usize) -> usize {
    (mapped / KEPT_PART).max(KEPT_LEAST)
}

impl<H: Host, R: Registry> Heap<H, R> {
    fn kept_bound(&self) -> usize {
        kept_bound(self.ledger.mapped.load(Ordering::Relaxed))
    }

    /// A range of at least `size` bytes (whole pages) at a multiple of `align` (a page at least): a
    /// kept one, or a fresh one, which reads zero. Superslabs match exactly; a kept large range may
    /// be an eighth longer. `None`: out of memory, and nothing has changed.
    #[cold]
    pub(crate) fn take_range(&self, size: usize, align: usize) -> Option<Range> {
        loop {
            let bound = self.kept_bound();
            let mut victims = Victims::new();
            let taken = self.back.with(|back| {
                back.arena
                    .take(&self.ranges, size, align, bound, &mut victims)
            });
            match taken {
                Taken::Kept(range) => return Some(range),
                Taken::Reserved => {
                    self.unmap_all(victims);
                    return self.map_reserved(size, align);
                }
                Taken::NeedsChunk(chunk) => {
                    self.ledger.table(&self.host, self.ranges.cell(chunk)?)?;
                }
            }
        }
    }

    /// Maps the range for which a place is reserved; where the source has nothing left, once more
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
        Some(Range {
            base,
            size,
            dirty: false,
        })
    }

    /// Takes back a range that came from [`take_range`](Self::take_range) (a large one may have
    /// been remapped since); keeps it, or gives what is too much back to the source.
    #[cold]
    pub(crate) fn put_range(&self, range: Range) {
        let bound = self.kept_bound();
        let limit = bound
            + if range.size <= NEWEST_MOST {
                range.size
            } else {
                0
            };
        self.back.with(|back| back.arena.keep(&self.ranges, range));
        self.shrink_to(limit);
    }

    /// Unmaps kept ranges until at most `keep` bytes are kept; answers the bytes unmapped.
    pub(crate) fn release_ranges(&self, keep: usize) -> usize {
        self.back
            .with(|back| back.arena.forget_refusals(&self.ranges));
        self.shrink_to(keep)
    }

    /// Unmaps kept ranges, but not those that the source refused before, until at most `limit`
    /// bytes are kept.
    fn shrink_to(&self, limit: usize) -> usize {
        let mut gone = 0;
        loop {
            let mut victims = Victims::new();
            self.back
                .with(|back| back.arena.evict(&self.ranges, limit, &mut victims));
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
                    back.arena.keep_refused(&self.ranges, range);
                }
            });
        }
        gone
    }

    /// Bytes that are free but kept.
    pub(crate) fn kept(&self) -> usize {
        self.ranges.kept()
    }
}
