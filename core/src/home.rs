//! Blocks go home: spill, outbox, and the end of a cache.
//!
//! Here the pointers that users handed in meet the slab they should belong to: an address inside a
//! block, or a block that is home already, is noticed at the latest now.

use crate::block::Block;
use crate::cache::Cache;
use crate::class::ClassId;
use crate::cold::Cold;
use crate::entry::{Entry, Kind};
use crate::geometry::{COLD_LISTS, SLOT_SHIFT, SLOTS};
use crate::heap::Heap;
use crate::misuse::MisuseKind;
use crate::outbox::{Bundle, Refused};
use crate::registry::Registry;
use crate::sorter::{SORTED, Sorter};
use crate::source::Host;
use crate::superslab::{SlabId, SuperId, Superslab};

/// Blocks that are drawn off each of the lists before they are sorted.
const DRAWN: usize = SORTED / COLD_LISTS;

/// The slab that an address lies in.
pub(crate) struct Home<'a> {
    pub(crate) slab: SlabId,
    pub(crate) superslab: &'a Superslab,
    pub(crate) class: ClassId,
    pub(crate) base: usize,
}

impl<H: Host, R: Registry> Heap<H, R> {
    /// The slab at an address, if the registry says that there is one.
    pub(crate) fn home_of(&self, address: usize) -> Option<Home<'_>> {
        let Kind::Slab(class) = Entry(self.registry.entry(address)).kind() else {
            return None;
        };
        let id = SuperId(self.registry.number(address));
        let superslab = self.pool.superslab(id)?;
        let slot = (address.wrapping_sub(superslab.base()) >> SLOT_SHIFT) as u32;
        let slot = (slot % SLOTS) & !(class.slots() - 1);
        let base = superslab.slab_base(slot);
        Some(Home { slab: SlabId::new(id, slot), superslab, class, base })
    }

    /// The hot list becomes a cold one; where there are enough of those, they go home first. So the
    /// newest blocks stay, and stay without being walked.
    #[inline(never)]
    pub(crate) fn spill(&self, cache: &mut Cache, class: ClassId) {
        if let Some(lists) = cache.put_behind(class) {
            let bytes = lists.len() as usize * class.size();
            cache.side(class).sent += lists.len();
            cache.one_way += bytes;
            cache.tallies.spills += 1;
            cache.tallies.went_home(bytes);
            self.send_lists_home(lists, class);
            self.spilled(cache);
        }
    }

    /// Sends lists home, the blocks of one slab together.
    ///
    /// A list that a second free bent into a circle is walked no further than its length; blocks
    /// that come by twice are noticed.
    #[inline(never)]
    fn send_lists_home(&self, mut lists: Cold, class: ClassId) {
        let measure = class.measure();
        let mut sorter = Sorter::new();
        let mut drawn = [[0; DRAWN]; COLD_LISTS];
        while lists.len() > 0 {
            let counts = lists.draw(&mut drawn);
            for (list, count) in drawn.iter().zip(counts) {
                for &address in &list[..count] {
                    // 0 stands for what a torn list lacks.
                    if address != 0 && !sorter.add(address, measure) {
                        self.refuse(Refused::Interior, address, class);
                    }
                }
            }
            sorter.drain(|slab, blocks| self.deliver((slab as usize) << SLOT_SHIFT, class, blocks));
        }
    }

    /// Sends a block home that is kept nowhere.
    pub(crate) fn send_block_home(&self, block: Block, class: ClassId) {
        self.pool.sums.out.sub(class.size());
        let address = block.address();
        match class.measure().place(address) {
            Some((slab, index)) => self.deliver((slab as usize) << SLOT_SHIFT, class, &[index]),
            None => self.refuse(Refused::Interior, address, class),
        }
    }

    /// Reports a block that cannot travel.
    #[cold]
    pub(crate) fn refuse(&self, refused: Refused, address: usize, class: ClassId) {
        let kind = match refused {
            Refused::Twice => MisuseKind::DoubleFree,
            Refused::Interior => MisuseKind::Interior,
        };
        self.misuse(kind, address, 0, class.size());
    }

    /// Brings a bundle home.
    pub(crate) fn deliver_bundle(&self, bundle: &Bundle) {
        self.deliver(bundle.base(), bundle.class(), bundle.blocks());
    }

    /// Brings blocks of the slab at `base` home, and does what the slab then asks for.
    fn deliver(&self, base: usize, class: ClassId, blocks: &[u16]) {
        let Some(home) = self.home_of(base).filter(|home| home.class == class) else {
            return self.not_out(base, class, blocks.first().copied());
        };
        let arrival = home.superslab.send_home(home.slab.slot(), class, blocks);
        self.proceed(arrival.next, home.slab, class);
        if arrival.refused.is_some() {
            self.not_out(home.base, class, arrival.refused);
        }
    }

    /// Reports a block that a user freed and that was not out.
    #[cold]
    fn not_out(&self, base: usize, class: ClassId, block: Option<u16>) {
        let address = base + usize::from(block.unwrap_or(0)) * class.size();
        self.misuse(MisuseKind::DoubleFree, address, 0, class.size());
    }

    /// Sends one class's lists home and gives its slab up.
    pub(crate) fn flush_class(&self, cache: &mut Cache, class: ClassId) {
        let full = cache.put_behind(class);
        let side = cache.side(class);
        let (rest, claimed) = (side.cold.take(), core::mem::take(&mut side.claimed));
        for lists in full.into_iter().chain([rest]).filter(|lists| lists.len() > 0) {
            cache.tallies.went_home(lists.len() as usize * class.size());
            self.send_lists_home(lists, class);
        }
        if let Some(slab) = SlabId::decode(claimed) {
            self.give_up(slab, class);
        }
    }

    /// Empties a cache: lists, claimed slabs, outbox, spans.
    pub(crate) fn flush(&self, cache: &mut Cache) {
        let Cache { outbox, tallies, .. } = cache;
        outbox.drain(|bundle| {
            tallies.went_home(bundle.bytes());
            self.deliver_bundle(bundle);
        });
        for class in ClassId::all() {
            self.flush_class(cache, class);
        }
        self.flush_spans(cache);
        self.tell(cache);
    }

    /// Tells the heap what a cache tallied.
    pub(crate) fn tell(&self, cache: &mut Cache) {
        self.pool.sums.out.add(cache.tallies.out);
        self.counters.take(&mut cache.tallies);
    }
}
