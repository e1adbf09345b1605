//! The numbers that the back works by. Read on cold paths alone.

use crate::class::ClassId;

/// Bytes that one half of a list holds at most, and blocks.
const HALF_BYTES: usize = 32 << 10;
const HALF_BLOCKS: usize = if cfg!(loom) { 2 } else { 256 };
/// Bytes that a refill carves at once, so that a small program touches no page it does not need;
/// and blocks.
const BATCH_BYTES: usize = 4 << 10;
const BATCH_BLOCKS: usize = if cfg!(loom) { 2 } else { 64 };

/// How the back behaves.
pub(crate) struct Policy {
    /// Stage 1 (pooled slabs of the class) before stage 0.5 (idle slots still committed).
    pub(crate) pooled_first: bool,
}

impl Policy {
    pub(crate) const fn new() -> Self {
        Self { pooled_first: true }
    }

    /// Blocks in one half of a class's list.
    pub(crate) fn half(&self, class: ClassId) -> u32 {
        (HALF_BYTES / class.size()).clamp(2, HALF_BLOCKS) as u32
    }

    /// Blocks that a refill carves.
    pub(crate) fn batch(&self, class: ClassId) -> u32 {
        (BATCH_BYTES / class.size()).clamp(1, BATCH_BLOCKS) as u32
    }
}
