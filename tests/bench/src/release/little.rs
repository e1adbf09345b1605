//! The little that a thread or a child process of the scenarios does: some small blocks.

use crate::alloc::Alloc;
use crate::random::Random;
use crate::release::blocks::Block;

/// Small blocks.
#[derive(Clone, Copy)]
pub(super) struct Little<const COUNT: usize>([Block; COUNT]);

impl<const COUNT: usize> Little<COUNT> {
    /// Blocks of 16 to 2,048 B, as many in each doubling, all written.
    pub(super) fn new<A: Alloc>(random: &mut Random) -> Self {
        Self(core::array::from_fn(|_| Block::new::<A>(random.log_between(16, 2048))))
    }

    /// Frees all of them.
    ///
    /// # Safety
    /// None was freed, in this process and by another copy.
    pub(super) unsafe fn free<A: Alloc>(self) {
        for block in self.0 {
            // SAFETY: the caller's promise.
            unsafe { block.free::<A>() };
        }
    }
}
