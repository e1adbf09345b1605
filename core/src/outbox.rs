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

/// The table.
pub(crate) struct Outbox {
    places: [Place; OUTBOX_PLACES],
}

impl Outbox {
    pub(crate) const EMPTY: Self = Self {
        places: [const {
            Place {
                slab: 0,
                chain: None,
            }
        }; OUTBOX_PLACES],
    };

    /// Puts a block of class `class` in. Answers a chain that has to go home now, if any.
    #[inline]
    pub(crate) fn put(&mut self, block: Block, class: ClassId) -> Option<Chain> {
        let slab = (block.address() >> SLOT_SHIFT) as u32 & !(class.slots() - 1);
        // Slabs of up to four slots begin at multiples of four: fold the bits above in.
        let place = &mut self.places[(slab ^ slab >> 5) as usize % OUTBOX_PLACES];
        if place.slab == slab {
            if let Some(chain) = &mut place.chain {
                if chain.head_address() != block.address() {
                    chain.push(block);
                    return if chain.len() >= class.bundle() {
                        place.chain.take()
                    } else {
                        None
                    };
                }
            }
        }
        place.slab = slab;
        // An evicted chain goes home; so does one whose newest block is freed again, and the
        // slab's word tells.
        place.chain.replace(Chain::of(block))
    }

    /// Takes any chain out; `None` when the outbox is empty.
    pub(crate) fn take_any(&mut self) -> Option<Chain> {
        self.places.iter_mut().find_map(|place| place.chain.take())
    }

    /// Blocks inside, for the validator's sum.
    #[cfg(any(test, feature = "validate"))]
    pub(crate) fn len(&self) -> u32 {
        self.places
            .iter()
            .filter_map(|place| place.chain.as_ref())
            .map(Chain::len)
            .sum()
    }
}
