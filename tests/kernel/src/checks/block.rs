//! A block that knows what was written into it.

use super::random::Random;
use crate::heaps::HEAP;
use alloc::alloc::{alloc, dealloc, handle_alloc_error};
use core::alloc::Layout;
use hakmem_core::{AllocError, Request};

/// A block of the global allocator, filled to its last byte. It is not freed when it is dropped.
pub(super) struct Block {
    pub(super) start: *mut u8,
    pub(super) layout: Layout,
    seed: u64,
}

// SAFETY: it owns what it points to, and any CPU may free what another allocated.
unsafe impl Send for Block {}

impl Block {
    /// A block of a random size, up to `largest` bytes.
    pub(super) fn random(random: &mut Random, largest: usize) -> Self {
        let layout = Self::layout(random, largest);
        // SAFETY: the size is not zero.
        let start = unsafe { alloc(layout) };
        if start.is_null() {
            handle_alloc_error(layout);
        }
        Self::fill(start, layout, random.number())
    }

    /// The same, where one can be had without waiting.
    pub(super) fn at_once(random: &mut Random, largest: usize) -> Option<Self> {
        let layout = Self::layout(random, largest);
        match HEAP.allocate(Request::new(layout).now()) {
            Ok(start) => Some(Self::fill(start.cast().as_ptr(), layout, random.number())),
            Err(AllocError::WouldWait) => None,
            Err(error) => panic!("{layout:?}: {error}"),
        }
    }

    /// A random layout, up to `largest` bytes and aligned to 64 at most.
    pub(super) fn layout(random: &mut Random, largest: usize) -> Layout {
        let align = 1 << random.below(7);
        Layout::from_size_align(random.size(largest), align).expect("a small layout")
    }

    /// Writes to the whole of what was just allocated.
    pub(super) fn fill(start: *mut u8, layout: Layout, seed: u64) -> Self {
        assert_eq!(start.addr() % layout.align(), 0, "misaligned for {layout:?}");
        let block = Self { start, layout, seed };
        let (words, rest) = block.parts();
        for at in 0..words {
            // SAFETY: within the block, whose alignment may be less than a word's.
            unsafe { start.cast::<u64>().add(at).write_unaligned(seed ^ at as u64) };
        }
        for at in rest {
            // SAFETY: within the block.
            unsafe { start.add(at).write(seed as u8) };
        }
        block
    }

    /// Checks that everything is there still.
    pub(super) fn check(&self) {
        let (words, rest) = self.parts();
        let word = |at| {
            // SAFETY: within the block, all of which was written.
            unsafe { self.start.cast::<u64>().add(at).read_unaligned() }
        };
        // SAFETY: as above.
        let byte = |at| unsafe { self.start.add(at).read() };
        let whole = (0..words).all(|at| word(at) == self.seed ^ at as u64) && { rest }
            .all(|at| byte(at) == self.seed as u8);
        assert!(whole, "a block of {:?} at {:p} was written over", self.layout, self.start);
    }

    /// Checks it, and gives it back.
    pub(super) fn check_and_free(self) {
        self.check();
        // SAFETY: it came from there with this layout, and is owned.
        unsafe { dealloc(self.start, self.layout) };
    }

    fn parts(&self) -> (usize, core::ops::Range<usize>) {
        let size = self.layout.size();
        (size / 8, size / 8 * 8..size)
    }
}
