//! Blocks go home: spill, outbox, and the end of a cache.
//!
//! Here the pointers that users handed in meet the slab they should belong to: an address inside a
//! block, or a block that is home already, is noticed at the latest now.

use crate::block::{Block, Chain, List};
use crate::cache::Cache;
use crate::class::ClassId;
use crate::entry::{Entry, Kind};
use crate::geometry::{SLOT_SHIFT, SLOTS};
use crate::heap::Heap;
use crate::misuse::MisuseKind;
use crate::registry::Registry;
use crate::source::Host;
use crate::superslab::{SlabId, SuperId, Superslab};

/// The slab that an address lies in.
pub(crate) struct Home<'a> {
    pub(crate) slab: SlabId,
    pub(crate) superslab: &'a Superslab,
    pub(crate) class: ClassId,
    pub(crate) base: usize,
    /// Blocks carved when the slab was looked up: for whoever holds a block, that one among them.
    carved: u32,
}

impl Home<'_> {
    /// Whether a block that was carved off this slab begins at `address`.
    fn begins(&self, address: usize) -> bool {
        let offset = address.wrapping_sub(self.base);
        self.class.index_of(offset).is_some_and(|index| index < self.carved)
    }
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
        Some(Home {
            slab: SlabId::new(id, slot),
            superslab,
            class,
            base,
            carved: superslab.peek(slot).carved(),
        })
    }

    /// The hot half becomes the cold half; what was the cold half goes home.
    #[inline(never)]
    pub(crate) fn spill(&self, cache: &mut Cache, class: ClassId) {
        let (hot, len) = cache.bin(class).take();
        let side = cache.side(class);
        let cold = core::mem::replace(&mut side.cold, hot);
        let cold_len = core::mem::replace(&mut side.cold_len, len);
        if !cold.is_empty() {
            side.sent += cold_len;
            cache.tallies.spills += 1;
            self.send_list_home(cold, cold_len);
        }
    }

    /// Sends the `len` blocks of a list home, consecutive blocks of one slab with one CAS.
    pub(crate) fn send_list_home(&self, mut list: List, len: u32) {
        let mut left = len;
        let mut next = list.pop();
        while left > 0 {
            let Some(block) = next else { return };
            left -= 1;
            let Some(home) = self.checked_home(&block) else {
                next = list.pop();
                continue;
            };
            let mut chain = Chain::of_tied(block);
            loop {
                next = list.pop();
                match next.take() {
                    Some(block) if left > 0 && home.begins(block.address()) => {
                        // SAFETY: the list had tied it behind the block before it.
                        unsafe { chain.follow(block) };
                        left -= 1;
                    }
                    other => {
                        next = other;
                        break;
                    }
                }
            }
            if left == 0 && next.is_some() {
                // More blocks than were pushed: the list runs in a circle. What is in it stays out:
                // counted twice, it could retire a slab that still has a user.
                let (address, size) = (chain.tail_address(), home.class.size());
                return self.misuse(MisuseKind::DoubleFree, address, 0, size);
            }
            self.arrive(&home, chain);
        }
    }

    /// Sends a chain that the outbox gathered home.
    pub(crate) fn send_chain_home(&self, chain: Chain) {
        let len = chain.len();
        self.send_list_home(chain.into_list(), len);
    }

    /// The home of a block that a user freed; reports one that has none.
    fn checked_home(&self, block: &Block) -> Option<Home<'_>> {
        let home = self.home_of(block.address()).filter(|home| home.begins(block.address()));
        if home.is_none() {
            self.not_a_block(block.address());
        }
        home
    }

    /// Reports a freed address that begins no block.
    #[cold]
    fn not_a_block(&self, address: usize) {
        match Entry(self.registry.entry(address)).kind() {
            Kind::Slab(class) => self.misuse(MisuseKind::Interior, address, 0, class.size()),
            _ => self.misuse(MisuseKind::DoubleFree, address, 0, 0),
        }
    }

    fn arrive(&self, home: &Home<'_>, mut chain: Chain) {
        match home.superslab.send_home(home.slab.slot(), home.class, &mut chain) {
            Ok(next) => self.proceed(next, home.slab, home.class),
            Err(_) => {
                let size = home.class.size();
                self.misuse(MisuseKind::DoubleFree, chain.head_address(), 0, size);
            }
        }
    }

    /// Sends one class's lists home and gives its slab up.
    pub(crate) fn flush_class(&self, cache: &mut Cache, class: ClassId) {
        let (hot, hot_len) = cache.bin(class).take();
        let side = cache.side(class);
        let (cold, cold_len) = (side.cold.take(), core::mem::take(&mut side.cold_len));
        let claimed = SlabId::decode(core::mem::take(&mut side.claimed));
        self.send_list_home(hot, hot_len);
        self.send_list_home(cold, cold_len);
        if let Some(slab) = claimed {
            self.give_up(slab, class);
        }
    }

    /// Empties a cache: lists, claimed slabs, outbox, spans.
    pub(crate) fn flush(&self, cache: &mut Cache) {
        while let Some(chain) = cache.outbox.take_any() {
            self.send_chain_home(chain);
        }
        for class in ClassId::all() {
            self.flush_class(cache, class);
        }
        self.flush_spans(cache);
        self.counters.take(&mut cache.tallies);
    }
}
