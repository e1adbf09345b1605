//! Blocks of other owners' slabs on their way home, gathered by slab.
//!
//! A small direct-mapped table of short lists. A place that fills up, or is needed for another
//! slab, goes home as one list with one CAS: what crosses threads in bulk travels in bulk, and a
//! block never moves into a foreign cache.

use crate::block::{Block, Chain};
use crate::class::ClassId;
use crate::geometry::{OUTBOX_PLACES, SLOT_SHIFT};

/// Blocks of one slab; all-zero bytes are an empty place.
struct Place {
    /// First slot of the slab, as address / slot size: 32 bits do for 48 of address.
    slab: u32,
    chain: Option<Chain>,
}

/// What became of a block.
pub(crate) enum Put {
    Kept,
    /// So it was, but this chain has to go home now.
    GoesHome(Chain),
    /// It is here already.
    Twice,
}

/// The table.
pub(crate) struct Outbox {
    places: [Place; OUTBOX_PLACES],
}

impl Outbox {
    pub(crate) const EMPTY: Self =
        Self { places: [const { Place { slab: 0, chain: None } }; OUTBOX_PLACES] };

    /// Puts a block of class `class` in, unless it is the newest of its slab here already.
    #[inline]
    pub(crate) fn put(&mut self, block: Block, class: ClassId) -> Put {
        let slab = (block.address() >> SLOT_SHIFT) as u32 & !(class.slots() - 1);
        // The slots of two superslabs have places of their own; others are folded onto them.
        let place = &mut self.places[(slab ^ slab >> 6) as usize % OUTBOX_PLACES];
        if place.slab == slab {
            if let Some(chain) = &mut place.chain {
                if chain.head_address() == block.address() {
                    return Put::Twice;
                }
                // The newest block always stays: its second free would not be seen otherwise.
                if chain.len() < class.bundle() {
                    chain.push(block);
                    return Put::Kept;
                }
            }
        }
        place.slab = slab;
        let evicted = place.chain.replace(Chain::of(block));
        evicted.map_or(Put::Kept, Put::GoesHome)
    }

    /// Takes any chain out; `None` when the outbox is empty.
    pub(crate) fn take_any(&mut self) -> Option<Chain> {
        self.places.iter_mut().find_map(|place| place.chain.take())
    }
}
