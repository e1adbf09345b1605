//! The fixed measures of a heap: slots, superslabs, chunks of descriptors.
//!
//! ```text
//! superslab, 1 or 2 MiB, aligned to its size
//! +--------+--------+--------+--------+-- - --+--------+
//! | slot 0 | slot 1 | slot 2 | slot 3 |       | slot n |   64 KiB each, n = 15 or 31
//! +--------+--------+--------+--------+-- - --+--------+
//!  slab of  a class  of 16 B   slab of two slots (8 to 16 KiB blocks), aligned to two
//! ```
//!
//! Under loom everything shrinks until rare paths are common: two classes, four blocks a slab, two
//! slots a superslab, two superslabs.

#[cfg(not(loom))]
mod measures {
    /// log2 of a slot's bytes: 64 KiB.
    pub(crate) const SLOT_SHIFT: u32 = 16;
    /// Slots of the small superslab (1 MiB).
    pub(crate) const SMALL_SLOTS: u32 = 16;
    /// Slots of the large superslab (2 MiB), and the width of its bitmaps.
    pub(crate) const SLOTS: u32 = 32;
    /// Superslabs whose descriptors share a chunk: the bits of one summary word.
    pub(crate) const CHUNK_SUPERS: usize = 64;
    /// Chunks at most in a heap over one window: 64 x 64 superslabs of 2 MiB are 8 GiB.
    pub(crate) const WINDOW_CHUNKS: usize = 64;
    pub(crate) use super::reach::*;
    /// Blocks of a slab at most; of 8 bytes, they fill half of its slot.
    pub(crate) const BLOCKS: usize = 4096;
    /// Cells of 64 bits in a line of the table of returned blocks.
    pub(crate) const LINE_CELLS: usize = 8;
    /// Full lists that a class keeps behind its hot one.
    pub(crate) const COLD_LISTS: usize = 4;
    /// Places of a cache's outbox.
    pub(crate) const OUTBOX_PLACES: usize = 64;
}

/// How far pointers reach.
#[cfg(all(not(loom), target_pointer_width = "64"))]
mod reach {
    /// Chunks at most: 8,192 x 64 superslabs of 2 MiB are 1 TiB.
    pub(crate) const CHUNKS: usize = 8192;
    /// log2 of the memory that one leaf of the registry covers: 4 GiB.
    pub(crate) const LEAF_SHIFT: u32 = 32;
    /// Leaves of the registry: 48 bits of address, and one more, so that the bound is a compare
    /// and not a second shift of the address.
    pub(crate) const LEAVES: usize = (1 << 16) + 1;
}

#[cfg(all(not(loom), target_pointer_width = "32"))]
mod reach {
    /// Chunks at most: 64 x 64 superslabs of 1 MiB are all 4 GiB.
    pub(crate) const CHUNKS: usize = 64;
    /// log2 of the memory that one leaf of the registry covers: 64 MiB, whose entries are a page.
    pub(crate) const LEAF_SHIFT: u32 = 26;
    /// Leaves of the registry: every address has one.
    pub(crate) const LEAVES: usize = 1 << (32 - LEAF_SHIFT);
}

#[cfg(loom)]
mod measures {
    pub(crate) const SLOT_SHIFT: u32 = 6;
    pub(crate) const SMALL_SLOTS: u32 = 2;
    pub(crate) const SLOTS: u32 = 2;
    pub(crate) const CHUNK_SUPERS: usize = 2;
    pub(crate) const WINDOW_CHUNKS: usize = 1;
    pub(crate) const CHUNKS: usize = 1;
    pub(crate) const LEAF_SHIFT: u32 = 9;
    pub(crate) const LEAVES: usize = 2;
    pub(crate) const BLOCKS: usize = 64;
    pub(crate) const LINE_CELLS: usize = 1;
    pub(crate) const COLD_LISTS: usize = 1;
    pub(crate) const OUTBOX_PLACES: usize = 2;
    /// Distance of two tracked links: the smallest block.
    pub(crate) const LINK_GRAIN: usize = 16;
    /// Tracked links: the models' memory ends at 1 KiB.
    pub(crate) const LINK_CELLS: usize = 64;
}

pub(crate) use measures::*;

/// Blocks of one slab that travel home together at most: with them a bundle fills two cache lines.
pub(crate) const BUNDLE: usize = 60;
/// Lines of returned blocks that a slab has at most.
pub(crate) const LINES: usize = BLOCKS / (64 * LINE_CELLS);
/// Bytes of a slot, and of the registry's grain.
pub(crate) const SLOT: usize = 1 << SLOT_SHIFT;
/// log2 of the smallest superslab: the grain of the map from address to superslab.
pub(crate) const UNIT_SHIFT: u32 = SLOT_SHIFT + SMALL_SLOTS.trailing_zeros();
/// Bytes of the smallest superslab (1 MiB).
pub(crate) const UNIT: usize = 1 << UNIT_SHIFT;
/// Superslabs of a window at most, and slots.
pub(crate) const WINDOW_SUPERS: usize = WINDOW_CHUNKS * CHUNK_SUPERS;
pub(crate) const WINDOW_SLOTS: usize = WINDOW_SUPERS * SLOTS as usize;
/// Bytes of the large superslab (2 MiB).
pub(crate) const SUPERSLAB: usize = SLOT * SLOTS as usize;

/// Rounds `size` up to a multiple of the power of two `align`; `None` past the end of addresses.
pub(crate) const fn round_up(size: usize, align: usize) -> Option<usize> {
    match size.checked_add(align - 1) {
        Some(sum) => Some(sum & !(align - 1)),
        None => None,
    }
}
