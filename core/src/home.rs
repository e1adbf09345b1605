//! Blocks go home: spill, outbox, and the end of a cache.
//!
//! Here the pointers that users handed in meet the slab they should belong to: an address inside a
//! block, or a block that is home already, is noticed at the latest now.

use crate::block::{Block, List};
use crate::cache::{Behind, Cache, Tallies};
use crate::class::ClassId;
use crate::cold::Cold;
use crate::entry::{Entry, Kind};
use crate::geometry::{COLD_LISTS, SLOT_SHIFT, SLOTS};
use crate::heap::Heap;
use crate::misuse::MisuseKind;
use crate::outbox::{Bundle, Refused};
use crate::policy::SHORT;
use crate::registry::Registry;
use crate::sorter::{SORTED, Sorter};
use crate::source::Host;
use crate::steps;
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
    /// newest blocks stay, and stay without being walked. Lists that were shortened go home one by one.
    #[inline(never)]
    pub(crate) fn spill(&self, cache: &mut Cache, class: ClassId) {
        let full = cache.put_behind(class);
        self.trim(cache, class);
        let short = u32::from(cache.bin(class).limit) <= SHORT && SHORT < self.policy.limit(class);
        let full = full.or_else(|| short.then(|| cache.side(class).cold.take()));
        if let Some(lists) = full {
            let bytes = lists.len() as usize * class.size();
            let side = cache.side(class);
            side.sent += lists.len();
            if side.cold.trips.spilled(lists.len()) {
                self.counters.classes.take(class, &mut side.cold.trips);
            }
            cache.one_way += bytes;
            cache.behind.tallies.spills += 1;
            cache.behind.tallies.went_home(bytes);
            self.send_lists_home(lists, class);
            self.spilled(cache);
        }
    }

    /// Makes an empty hot list shorter, if the policy or the cache's share says so now. Longer it gets with
    /// the next refill.
    fn trim(&self, cache: &mut Cache, class: ClassId) {
        let first = self.policy.limit(class);
        if first < cache.bin(class).first.into() {
            cache.set_first(class, first);
        }
        if cache.grown != 0 {
            self.heed_share(cache);
        }
    }

    /// Sends lists home, the blocks of one slab together.
    ///
    /// A list that a second free bent into a circle is walked no further than its length; blocks
    /// that come by twice are noticed. Answers how many blocks there were.
    #[inline(never)]
    fn send_lists_home(&self, mut lists: Cold, class: ClassId) -> u32 {
        let measure = class.measure();
        let mut sorter = Sorter::new();
        let mut drawn = [[0; DRAWN]; COLD_LISTS];
        let mut sent = 0;
        while lists.len() > 0 {
            let counts = lists.draw(&mut drawn);
            for (list, count) in drawn.iter().zip(counts) {
                // A list that is shorter than it says, or torn, has fewer.
                sent += sorter.add(&list[..count], measure, |address| {
                    self.refuse(Refused::Interior, address, class);
                });
            }
            sorter.drain(|slab, blocks| self.deliver((slab as usize) << SLOT_SHIFT, class, blocks));
        }
        sent
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
        steps::word();
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
        self.put_behind(cache, class);
        self.empty_class(&mut cache.behind, class);
    }

    /// Makes the hot list a cold one; if there are too many, they go home first.
    fn put_behind(&self, cache: &mut Cache, class: ClassId) {
        if let Some(lists) = cache.put_behind(class) {
            cache.behind.tallies.went_home(lists.len() as usize * class.size());
            self.send_lists_home(lists, class);
        }
    }

    /// Sends one list home, of `len` blocks at most.
    pub(crate) fn send_list_home(
        &self,
        list: List,
        len: u32,
        class: ClassId,
        tallies: &mut Tallies,
    ) {
        let mut lists = Cold::EMPTY;
        lists.push(list, len);
        let sent = self.send_lists_home(lists, class);
        tallies.went_home(sent as usize * class.size());
    }

    fn empty_class(&self, behind: &mut Behind, class: ClassId) {
        let side = &mut behind.sides[usize::from(class.0)];
        self.counters.classes.take(class, &mut side.cold.trips);
        let (lists, claimed) = (side.cold.take(), core::mem::take(&mut side.claimed));
        if lists.len() > 0 {
            behind.tallies.went_home(lists.len() as usize * class.size());
            // Slabs that this leaves idle are weighed against what is in use then.
            self.tell_bytes(&mut behind.tallies);
            self.send_lists_home(lists, class);
        }
        if let Some(slab) = SlabId::decode(claimed) {
            self.give_up(slab, class);
        }
    }

    /// Empties a cache: lists, claimed slabs, outbox, spans.
    pub(crate) fn flush(&self, cache: &mut Cache) {
        for class in ClassId::all() {
            self.put_behind(cache, class);
        }
        self.empty(&mut cache.behind);
    }

    /// Empties what is behind a cache's hot lists.
    pub(crate) fn empty(&self, behind: &mut Behind) {
        let Behind { outbox, tallies, .. } = behind;
        outbox.drain(|bundle| {
            tallies.went_home(bundle.bytes());
            self.deliver_bundle(bundle);
        });
        for class in ClassId::all() {
            self.empty_class(behind, class);
        }
        self.flush_spans(&mut behind.spans);
        self.tell(&mut behind.tallies);
    }

    /// Tells the heap what a cache tallied.
    pub(crate) fn tell(&self, tallies: &mut Tallies) {
        self.tell_bytes(tallies);
        self.counters.take(tallies);
    }

    /// Of what a cache tallied, the bytes.
    pub(crate) fn tell_bytes(&self, tallies: &mut Tallies) {
        self.pool.sums.out.add(core::mem::take(&mut tallies.out));
        self.sieve.freed.add(core::mem::take(&mut tallies.home));
    }
}
