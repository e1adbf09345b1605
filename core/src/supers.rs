//! Superslabs come and go: stage 3 of a claim, and retirement.

use crate::arena::Range;
use crate::class::ClassId;
use crate::entry::Entry;
use crate::geometry::{SLOT, SLOT_SHIFT, SUPERSLAB, UNIT, UNIT_SHIFT};
use crate::heap::Heap;
use crate::registry::Registry;
use crate::source::Host;
use crate::superslab::{SlabId, Slots, SuperId, Superslab, Want, all_slots};
use core::ptr::NonNull;

impl<H: Host, R: Registry> Heap<H, R> {
    /// Stage 3: opens a new superslab and claims its first slots for a slab of `class`.
    #[cold]
    #[inline(never)]
    pub(crate) fn claim_fresh(&self, class: ClassId) -> Option<SlabId> {
        // A small heap starts with 1 MiB; from the second superslab on they are 2 MiB.
        let size =
            self.back.with(|back| if back.numbers.open().1 < UNIT { UNIT } else { SUPERSLAB });
        let range = self.take_prepared(size);
        // Where nothing more can be mapped, half as much may be left, or as well aligned.
        let range = range.or_else(|| if size > UNIT { self.take_prepared(UNIT) } else { None })?;
        let id = self.back.with(|back| back.numbers.take(&self.pool));
        let Some(superslab) = self.pool.make_superslab(id, &self.host, &self.ledger) else {
            self.back.with(|back| back.numbers.give(&self.pool, id));
            self.put_range(range);
            return None;
        };
        self.back.with(|back| back.numbers.count(range.size, true));
        let shape = (range.size >> SLOT_SHIFT) as u32;
        self.registry.set_number(range.base, range.size >> UNIT_SHIFT, id.0);
        self.registry.set_entries(range.base, shape as usize, Entry::IDLE.0);
        let idle = all_slots(shape) & !all_slots(class.slots());
        superslab.begin(0, class);
        let dirty = if range.dirty { idle } else { 0 };
        self.pool.sums.slabs.add(class.slots() as usize * SLOT);
        self.pool.sums.idle.add(dirty.count_ones() as usize * SLOT);
        superslab.marks.open(self.advise_opened(&range));
        if !range.dirty {
            self.ledger.opened(range.size);
            let size = class.slots() as usize * SLOT;
            self.losses.took(size);
            self.populate_fresh(range.base, size);
        }
        superslab.open(range.base, shape, Slots::new(idle, dirty));
        if idle != 0 {
            self.pool.raise_idle(id, range.dirty);
        }
        Some(SlabId::new(id, 0))
    }

    /// A range for a superslab of so many bytes, for which the registry has room.
    fn take_prepared(&self, size: usize) -> Option<Range> {
        let range = self.take_range(size, size)?;
        if self.registry.prepare(&self.host, &self.ledger, range.base, range.size) {
            return Some(range);
        }
        self.put_range(range);
        None
    }

    /// Gives the slots of an unused slab back; the caller made it unused. If that left the whole
    /// superslab idle, it is closed and goes to the page arena.
    #[cold]
    #[inline(never)]
    pub(crate) fn retire_slab(&self, slab: SlabId, class: ClassId) {
        let id = slab.superslab();
        let Some(superslab) = self.pool.superslab(id) else {
            return;
        };
        superslab.clear_pooled(class, slab.slot());
        if let Some(returned) = superslab.returned() {
            returned.clear(slab.slot(), class.capacity());
        }
        let base = superslab.slab_base(slab.slot());
        self.registry.set_entries(base, class.slots() as usize, Entry::IDLE.0);
        let holes = superslab.marks.forget_holes(slab.slot(), class.slots());
        if holes != 0 {
            superslab.marks.set_touched(class.run(slab.slot()), false);
        }
        self.pool.sums.holes.sub(holes);
        self.pool.sums.slabs.sub(class.slots() as usize * SLOT);
        let seen = self.pool.give_idle(slab, class.slots());
        self.close_superslab(id, seen);
    }

    /// Claims idle slots for `size` bytes of something else than a slab: four of them, or as few as hold
    /// that much. The registry's entries are the caller's to write.
    pub(crate) fn borrow_slots(&self, size: usize, want: Want) -> Option<Range> {
        let runs = [4, 2, 1].into_iter().filter(|&slots| slots as usize * SLOT >= size);
        for slots in runs {
            if let Some(slab) = self.pool.claim_slots(slots, want) {
                let superslab = self.pool.superslab(slab.superslab())?;
                // What spans leave free is purged without a look at what they are guests of.
                self.undo_huge(superslab);
                let base = superslab.slab_base(slab.slot());
                return Some(Range { base, size: slots as usize * SLOT, dirty: true });
            }
        }
        None
    }

    /// Gives borrowed slots back; their entries say that they are idle.
    pub(crate) fn give_slots(&self, base: usize, slots: u32) {
        let id = SuperId(self.registry.number(base));
        if let Some(superslab) = self.pool.superslab(id) {
            let slot = ((base - superslab.base()) >> SLOT_SHIFT) as u32;
            // Spans may have given back pages in them.
            superslab.marks.set_touched(all_slots(slots) << slot, false);
            let seen = self.pool.give_idle(SlabId::new(id, slot), slots);
            self.close_superslab(id, seen);
        }
    }

    /// Gives back the pages of a superslab's table of blocks that are home: of one that closes, none is, and a
    /// heap that was large once has one for each.
    fn drop_returned(&self, superslab: &Superslab) {
        let Some(returned) = superslab.returned().filter(|_| !self.policy.keeps_all()) else {
            return;
        };
        let size = size_of_val(returned).next_multiple_of(self.host.page_size());
        let base = core::ptr::from_ref(returned).expose_provenance();
        let start = NonNull::new(core::ptr::with_exposed_provenance_mut(base));
        // SAFETY: a table of its own pages. Blocks come home to no superslab that is closed, and others may
        // look, as the source allows.
        if start.is_some_and(|start| unsafe { !self.host.purge(start, size) }) {
            returned.clear_all();
        }
    }

    /// Closes a superslab if all of it is idle, and puts its memory into the page arena.
    pub(crate) fn close_superslab(&self, id: SuperId, seen: Slots) {
        let Some(superslab) = self.pool.superslab(id) else {
            return;
        };
        let raise = || self.pool.raise_idle(id, true);
        let Some((base, shape, dirty)) = superslab.close_if_idle(seen, raise) else {
            return;
        };
        let size = (shape as usize) << SLOT_SHIFT;
        self.forget_huge(superslab, base);
        self.pool.sums.idle.sub(dirty.count_ones() as usize * SLOT);
        self.registry.set_entries(base, shape as usize, Entry::FOREIGN.0);
        self.drop_returned(superslab);
        self.back.with(|back| {
            back.numbers.give(&self.pool, id);
            back.numbers.count(size, false);
        });
        self.caches.let_reacher_out();
        self.put_range(Range { base, size, dirty: dirty != 0 });
    }
}
