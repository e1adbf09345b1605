//! Blocks on their way home, gathered by slab.
//!
//! A small direct-mapped table of bundles. A place that fills up, or is needed for another slab,
//! goes home as one bundle: what crosses threads in bulk travels in bulk, and a block never moves
//! into a foreign cache.
//!
//! A bundle names its blocks by their index in the slab, so that they need not be touched.

use crate::block::Block;
use crate::class::ClassId;
use crate::geometry::{BUNDLE, SLOT_SHIFT};

/// Blocks of one slab; all-zero bytes are an empty bundle.
#[repr(C, align(64))]
pub(crate) struct Bundle {
    /// First slot of the slab, as address / slot size: 32 bits do for 48 of address.
    slab: u32,
    class: ClassId,
    len: u8,
    blocks: [u16; BUNDLE],
}

const _: () = assert!(size_of::<Bundle>() == 128);

/// Why a block cannot travel.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Refused {
    /// It is the newest of its slab here already.
    Twice,
    /// No block of its class begins there.
    Interior,
}

impl Bundle {
    const EMPTY: Self = Self { slab: 0, class: ClassId(0), len: 0, blocks: [0; BUNDLE] };

    fn begin(&mut self, slab: u32, class: ClassId, index: u16) {
        (self.slab, self.class, self.len) = (slab, class, 1);
        self.blocks[0] = index;
    }

    pub(crate) fn class(&self) -> ClassId {
        self.class
    }

    /// Address of the slab.
    pub(crate) fn base(&self) -> usize {
        (self.slab as usize) << SLOT_SHIFT
    }

    /// Bytes of the blocks.
    pub(crate) fn bytes(&self) -> usize {
        usize::from(self.len) * self.class.size()
    }

    /// Indices of the blocks in their slab.
    pub(crate) fn blocks(&self) -> &[u16] {
        &self.blocks[..usize::from(self.len)]
    }
}

/// A table of `N` bundles.
pub(crate) struct Outbox<const N: usize> {
    places: [Bundle; N],
}

impl<const N: usize> Outbox<N> {
    pub(crate) const EMPTY: Self = Self { places: [const { Bundle::EMPTY }; N] };

    /// Puts a block of class `class` in. What has to go home for it is handed to `deliver`.
    #[inline(always)]
    pub(crate) fn put(
        &mut self,
        block: Block,
        class: ClassId,
        deliver: impl FnOnce(&Bundle),
    ) -> Result<(), Refused> {
        let (slab, index) = class.measure().place(block.address()).ok_or(Refused::Interior)?;
        // The slots of two superslabs have places of their own; others are folded onto them.
        let bundle = &mut self.places[(slab ^ slab >> 6) as usize % N];
        let len = usize::from(bundle.len);
        if bundle.slab == slab && len > 0 {
            if bundle.blocks[len - 1] == index {
                return Err(Refused::Twice);
            }
            // The newest block always stays: its second free would not be seen otherwise.
            if len < class.bundle() as usize {
                bundle.blocks[len] = index;
                bundle.len += 1;
                return Ok(());
            }
        }
        if len > 0 {
            deliver(bundle);
        }
        bundle.begin(slab, class, index);
        Ok(())
    }

    /// Bytes of all blocks in it.
    pub(crate) fn bytes(&self) -> usize {
        self.places.iter().map(Bundle::bytes).sum()
    }

    /// Takes every bundle out.
    pub(crate) fn drain(&mut self, mut deliver: impl FnMut(&Bundle)) {
        for bundle in &mut self.places {
            if bundle.len > 0 {
                deliver(bundle);
                bundle.len = 0;
            }
        }
    }
}
