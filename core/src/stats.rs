//! What a heap holds and did, as typed numbers.

use crate::cache::Cache;
use crate::class::{CLASSES, ClassId};
use crate::geometry::SLOTS;
use crate::heap::Heap;
use crate::layer::LayerStats;
use crate::registry::Registry;
use crate::source::Host;
use crate::sync::Ordering;
use crate::word::State;

/// The slabs of one class.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct ClassStats {
    /// Bytes of a block.
    pub size: usize,
    /// Slabs.
    pub slabs: usize,
    /// Blocks that the slabs have room for.
    pub capacity: usize,
    /// Blocks carved so far: held by users and caches, or returned.
    pub carved: usize,
    /// Of these, blocks that are home.
    pub returned: usize,
}

/// A heap in numbers. Taken without stopping anyone: under traffic the parts may be of slightly
/// different moments.
#[derive(Clone, Copy, Debug)]
pub struct Stats {
    /// Bytes held from the source now, tables included.
    pub mapped: usize,
    /// The most that `mapped` ever was.
    pub mapped_peak: usize,
    /// The most that `mapped` may be, where there is a limit.
    pub limit: Option<usize>,
    /// Bytes of tables that are never unmapped.
    pub tables: usize,
    /// Bytes free in the page arena.
    pub kept: usize,
    /// Bytes that users and caches hold, as far as caches have told.
    pub in_use: usize,
    /// Bytes that are free in whole pieces and may still be backed: idle slots, free spans, kept ranges.
    pub dirty: usize,
    /// Bytes that are free inside slabs and may still be backed.
    pub slack: usize,
    /// Bytes that may be kept beside the bound, because their like was missed.
    pub allowance: usize,
    /// Blocks of up to 32 KiB.
    pub slabs: LayerStats,
    /// Blocks of up to 2 MiB.
    pub spans: LayerStats,
    /// Mappings of their own.
    pub large: LayerStats,
    /// The classes, smallest first.
    pub classes: [ClassStats; CLASSES],
    /// Claims that each stage of the pool served: 0, 0.5, 1, 2, 3. Of a living cache the
    /// counts of `refills`, `spills` and `sent_home` arrive with its next claim.
    pub stages: [u64; 5],
    /// Times a list was filled from behind.
    pub refills: u64,
    /// Times that a class had too many full lists, and sent them home.
    pub spills: u64,
    /// Times a place of an outbox went home.
    pub sent_home: u64,
    /// Calls of the source's `map` and `remap`.
    pub maps: u64,
    /// Calls of the source's `unmap`.
    pub unmaps: u64,
    /// Calls of the source's `purge`.
    pub purges: u64,
    /// Bytes that these dropped.
    pub purged: usize,
    /// Superslabs that the source was asked to back with huge pages, now.
    pub huge: usize,
}

impl<H: Host, R: Registry> Heap<H, R> {
    /// Bytes of free blocks that slabs and spans count as held: what is in `cache`, and of spans in
    /// the bins.
    pub(crate) fn cached(&self, cache: &Cache) -> (usize, usize) {
        let lists = ClassId::all().map(|class| {
            let blocks: u32 = cache.lists(class).map(|(_, len)| len).sum();
            blocks as usize * class.size()
        });
        let slabs = lists.sum::<usize>() + cache.behind.outbox.bytes();
        let bins = self.span_stats().held.saturating_sub(self.spans.in_use());
        (slabs, cache.behind.spans.bytes() + bins)
    }

    /// The heap in numbers. Reads tables only; allocates nothing.
    pub fn stats(&self) -> Stats {
        let mut classes = [ClassStats::default(); CLASSES];
        for (class, id) in classes.iter_mut().zip(ClassId::all()) {
            class.size = id.size();
        }
        for (_, superslab) in self.pool.superslabs() {
            for word in (0..SLOTS).map(|slot| superslab.peek(slot)) {
                if word.state() != State::Unused {
                    let class = &mut classes[usize::from(word.class().0) % CLASSES];
                    class.slabs += 1;
                    class.capacity += word.class().capacity() as usize;
                    class.carved += word.carved() as usize;
                    class.returned += word.returned() as usize;
                }
            }
        }
        let held = classes.iter().map(|class| (class.carved - class.returned) * class.size).sum();
        let (count, mapped) = self.back.with(|back| back.numbers.open());
        let relaxed = Ordering::Relaxed;
        Stats {
            mapped: self.ledger.mapped.load(relaxed),
            mapped_peak: self.ledger.peak.load(relaxed),
            limit: self.limit(),
            tables: self.ledger.tables.load(relaxed),
            kept: self.kept(),
            in_use: self.in_use(),
            dirty: self.free_dirty(),
            slack: self.pool.sums.slack(),
            allowance: self.allowance(),
            slabs: LayerStats { mapped, held, count: count as usize },
            spans: self.span_stats(),
            large: self.large_stats(),
            classes,
            stages: core::array::from_fn(|stage| self.counters.stages[stage].load(relaxed)),
            refills: self.counters.refills.load(relaxed),
            spills: self.counters.spills.load(relaxed),
            sent_home: self.counters.sent_home.load(relaxed),
            maps: self.ledger.maps.load(relaxed),
            unmaps: self.ledger.unmaps.load(relaxed),
            purges: self.ledger.purges.load(relaxed),
            purged: self.ledger.purged.load(relaxed),
            huge: self.huge_count(),
        }
    }
}
