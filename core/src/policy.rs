//! The numbers that the back works by. Read on cold paths alone.

use crate::class::ClassId;

/// Bytes that one half of a list holds at most at first, and blocks. What goes home in such short
/// stretches is still in the CPU's caches when the list is walked.
const HALF_BYTES: usize = 16 << 10;
const HALF_BLOCKS: usize = if cfg!(loom) { 2 } else { 64 };
/// Blocks that one half may grow to.
const HALF_MOST: u32 = 2048;
/// Only lists of blocks up to this size grow: for larger ones the journey home costs little beside
/// their use, and what they would pin is worth more to other classes.
const GROWTH_SIZE: usize = 1 << 10;
/// Bytes by which all lists of a cache together may grow.
pub(crate) const GROWTH_BYTES: usize = 8 << 20;
/// Bytes that a refill carves at once, so that a small program touches no page it does not need;
/// and blocks.
const BATCH_BYTES: usize = 4 << 10;
const BATCH_BLOCKS: usize = if cfg!(loom) { 2 } else { 64 };

/// How the back behaves.
pub(crate) struct Policy {
    /// Stage 0.5 (idle slots still committed) before stage 1 (pooled slabs of the class). Like every
    /// field of a new heap, this one is zero: a heap that is a `static` then takes no room in the
    /// program's file, and of memory only the pages it uses.
    pub(crate) idle_first: bool,
}

impl Policy {
    pub(crate) const fn new() -> Self {
        Self { idle_first: false }
    }

    /// Blocks in one half of a class's list, to begin with.
    pub(crate) fn half(&self, class: ClassId) -> u32 {
        (HALF_BYTES / class.size()).clamp(1, HALF_BLOCKS) as u32
    }

    /// How many blocks to add to one half, so that the list would have kept the `sent` blocks that
    /// went home before it ran empty again. 0 where that is more than `budget` bytes allow: then a
    /// longer list would only delay the journey until its blocks are cold.
    pub(crate) fn growth(&self, class: ClassId, half: u32, sent: u32, budget: usize) -> u32 {
        if class.size() > GROWTH_SIZE {
            return 0;
        }
        let more = sent.div_ceil(5) + sent / 40;
        let fits = half + more <= HALF_MOST && 5 * more as usize * class.size() <= budget;
        if fits { more } else { 0 }
    }

    /// Blocks that a refill carves.
    pub(crate) fn batch(&self, class: ClassId) -> u32 {
        (BATCH_BYTES / class.size()).clamp(1, BATCH_BLOCKS) as u32
    }
}
