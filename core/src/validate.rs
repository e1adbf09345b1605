//! The walk that checks every invariant of a heap: for tests.
//!
//! On each slab the conservation law (C4): **carved = held by users and caches + returned**. On each superslab: every slot is idle, or of exactly one slab. Above: what is pooled can
//! be found, the registry says what is there, and the bytes add up.

use crate::broken::Broken;
use crate::class::ClassId;
use crate::entry::{Entry, Kind};
use crate::geometry::{SLOT, SLOTS};
use crate::heap::Heap;
use crate::marks::HOLE;
use crate::registry::Registry;
use crate::source::Host;
use crate::superslab::{SlabId, SuperId, Superslab, all_slots};
use crate::sync::Ordering;
use crate::word::State;

/// What a walk over a sound heap counted.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Census {
    /// Blocks of slabs that users and caches hold.
    pub blocks: usize,
    /// Bytes of these.
    pub block_bytes: usize,
    /// Open superslabs.
    pub superslabs: usize,
    /// Slabs, claimed, pooled or full.
    pub slabs: usize,
    /// Bytes of idle slots.
    pub idle: usize,
}

impl<H: Host, R: Registry> Heap<H, R> {
    /// Checks every invariant. No other thread may use the heap meanwhile.
    pub fn validate(&self) -> Result<Census, Broken> {
        let mut census = Census::default();
        for (id, superslab) in self.pool.superslabs() {
            self.validate_superslab(id, superslab, &mut census)?;
        }
        let (open, bytes) = self.back.with(|back| back.numbers.open());
        if open as usize != census.superslabs {
            return Err(Broken {
                what: "superslabs open and numbers out differ",
                at: open as usize,
            });
        }
        self.validate_spans()
            .and_then(|()| self.validate_larges())
            .and_then(|()| self.validate_arena())
            .map_err(|what| Broken { what, at: 0 })?;
        self.validate_sums()?;
        let layers = self.span_stats().mapped + self.large_stats().mapped;
        let sum = bytes + layers + self.kept() + self.ledger.tables.load(Ordering::Relaxed);
        if sum != self.mapped() {
            return Err(Broken { what: "layers and mapped bytes differ", at: sum });
        }
        Ok(census)
    }

    /// Compares the pool's sums with its tables.
    fn validate_sums(&self) -> Result<(), Broken> {
        let (mut slabs, mut idle, mut holes) = (0, 0, 0);
        for (_, superslab) in self.pool.superslabs() {
            idle += superslab.slots().dirty().count_ones() as usize * SLOT;
            for slot in 0..SLOTS {
                let word = superslab.peek(slot);
                if word.state() != State::Unused {
                    let slots = word.class().slots();
                    slabs += slots as usize * SLOT;
                    holes += superslab.marks.holes(slot, slots).count_ones() as usize * HOLE;
                }
            }
        }
        let sums = &self.pool.sums;
        for (what, sum, counted) in [
            ("slots of slabs are miscounted", sums.slabs.get(), slabs),
            ("idle dirty slots are miscounted", sums.idle.get(), idle),
            ("holes are miscounted", sums.holes.get(), holes),
        ] {
            if sum != counted {
                return Err(Broken { what, at: sum });
            }
        }
        Ok(())
    }

    fn validate_superslab(
        &self,
        id: SuperId,
        superslab: &Superslab,
        census: &mut Census,
    ) -> Result<(), Broken> {
        let broken = |what| Err(Broken { what, at: id.0 as usize });
        let idle = superslab.slots().idle();
        let mut taken = 0;
        for slot in 0..SLOTS {
            let word = superslab.peek(slot);
            if word.state() == State::Unused {
                continue;
            }
            let slots = word.class().slots();
            let mask = all_slots(slots) << slot;
            if slot % slots != 0 || (taken | idle) & mask != 0 {
                return broken("a slot belongs to two slabs, or to one and to none");
            }
            taken |= mask;
            census.slabs += 1;
            self.validate_slab(SlabId::new(id, slot), superslab, census)?;
        }
        taken |= self.guests(id, superslab);
        if taken | idle == 0 {
            return Ok(()); // Closed, or never opened.
        }
        census.superslabs += 1;
        census.idle += idle.count_ones() as usize * SLOT;
        if taken | idle != all_slots(superslab.shape()) {
            return broken("a slot is neither idle nor of a slab");
        }
        for slot in 0..superslab.shape() {
            let address = superslab.slab_base(slot);
            if self.registry.number(address) != id.0 {
                return broken("the registry has another number");
            }
            if idle & 1 << slot != 0 && self.registry.entry(address) != Entry::IDLE.0 {
                return broken("an idle slot's entry is not idle");
            }
        }
        if idle != 0 && !self.pool.is_hinted(None, id) {
            return broken("idle slots that no search finds");
        }
        Ok(())
    }

    /// The slots in which spans are guests.
    fn guests(&self, id: SuperId, superslab: &Superslab) -> u32 {
        let is_guest = |slot: &u32| {
            let address = superslab.slab_base(*slot);
            let entry = Entry(self.registry.entry(address));
            matches!(entry.kind(), Kind::Span(_)) && self.registry.number(address) == id.0
        };
        (0..superslab.shape()).filter(is_guest).map(|slot| 1 << slot).sum()
    }

    fn validate_slab(
        &self,
        slab: SlabId,
        superslab: &Superslab,
        census: &mut Census,
    ) -> Result<(), Broken> {
        let (slot, word) = (slab.slot(), superslab.peek(slab.slot()));
        let (base, class) = (superslab.slab_base(slot), word.class());
        let broken = |what| Err(Broken { what, at: base });
        if word.carved() > class.capacity() || word.returned() > word.carved() {
            return broken("more carved than there is room for, or more returned than carved");
        }
        for of_slab in 0..class.slots() as usize {
            let entry = Entry(self.registry.entry(base + of_slab * SLOT));
            if entry.kind() != Kind::Slab(class) {
                return broken("the registry has another class");
            }
        }
        if word.state() == State::Pooled {
            let bit = superslab.pooled(class) & 1 << slot != 0;
            if !bit || !self.pool.is_hinted(Some(class), slab.superslab()) {
                return broken("a pooled slab that no search finds");
            }
            if word.returned() == word.carved() {
                return broken("a pooled slab that should have been retired");
            }
        }
        self.validate_returned(superslab, slot, class)?;
        let held = (word.carved() - word.returned()) as usize;
        census.blocks += held;
        census.block_bytes += held * class.size();
        Ok(())
    }

    /// Counts the returned blocks: carved ones, as many as the word says.
    fn validate_returned(
        &self,
        superslab: &Superslab,
        slot: u32,
        class: ClassId,
    ) -> Result<(), Broken> {
        let (at, word) = (superslab.slab_base(slot), superslab.peek(slot));
        let Some(returned) = superslab.returned() else {
            return Err(Broken { what: "an open superslab has no table of returned blocks", at });
        };
        if returned.count(slot, class.capacity()) != word.returned() {
            return Err(Broken { what: "returned blocks and their count differ", at });
        }
        if returned.count(slot, word.carved()) != word.returned() {
            return Err(Broken { what: "a block is returned that was never carved", at });
        }
        Ok(())
    }
}
