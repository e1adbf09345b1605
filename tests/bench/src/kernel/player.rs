//! Plays traces on a heap.

use core::alloc::{GlobalAlloc, Layout};
use core::ptr::null_mut;
use std::time::{Duration, Instant};

use crate::kernel::trace::{Kind, Operation};

/// Every block is aligned to this, as most structs are.
pub(super) const ALIGN: usize = 8;

/// Operations between two looks at the clock.
const STRETCH: usize = 256;

/// How many operations ahead of its own the player's table is fetched.
const AHEAD: usize = 8;

/// A block, or none where the start is null.
#[derive(Clone, Copy)]
struct Held {
    start: *mut u8,
    size: u32,
}

/// Looks on at the calls of a player. The one of nothing costs nothing.
pub(super) trait Watch {
    /// Whether a block's bytes are looked at before it goes back. Where time is measured they are
    /// not: that would fetch lines for the allocators that need them next.
    const CHECKS: bool = false;
    /// Just before the allocator is called.
    #[inline(always)]
    fn before(&mut self) {}
    /// Just after.
    #[inline(always)]
    fn after(&mut self) {}
    /// It gave this block.
    #[inline(always)]
    fn given(&mut self, _start: *mut u8, _size: usize) {}
    /// This block is about to go back, or has gone back by being moved.
    #[inline(always)]
    fn returned(&mut self, _start: *mut u8) {}
}

impl Watch for () {}

/// The blocks of a run, and what failed.
pub(super) struct Player<'a, C, W = ()> {
    heap: &'a C,
    held: Vec<Held>,
    pub(super) watch: W,
    /// Allocations and reallocations asked for.
    pub(super) requests: u64,
    /// Those that the heap refused.
    pub(super) failed: u64,
}

// SAFETY: the blocks belong to the player, and what looks on is sent with it.
unsafe impl<C: Sync, W: Send> Send for Player<'_, C, W> {}

impl<'a, C: GlobalAlloc, W: Watch> Player<'a, C, W> {
    pub(super) fn new(heap: &'a C, slots: usize, watch: W) -> Self {
        let held = vec![Held { start: null_mut(), size: 0 }; slots];
        Self { heap, held, watch, requests: 0, failed: 0 }
    }

    pub(super) fn play_all(&mut self, operations: &[Operation]) {
        for (index, &operation) in operations.iter().enumerate() {
            if let Some(later) = operations.get(index + AHEAD) {
                self.fetch(later.slot);
            }
            self.play(operation);
        }
    }

    /// Fetches what is held in a slot: to wait for the player's own table is not what is measured.
    #[inline(always)]
    fn fetch(&self, slot: u32) {
        #[cfg(target_arch = "x86_64")]
        // SAFETY: a hint, which reads nothing; every x86-64 processor has it.
        unsafe {
            use core::arch::x86_64::{_MM_HINT_T0, _mm_prefetch};
            _mm_prefetch::<_MM_HINT_T0>(self.held.as_ptr().wrapping_add(slot as usize).cast());
        }
        #[cfg(not(target_arch = "x86_64"))]
        let _ = slot;
    }

    /// Plays until the end, or for `limit`; how many operations it was.
    pub(super) fn play_for(&mut self, operations: &[Operation], limit: Duration) -> usize {
        let start = Instant::now();
        let mut done = 0;
        for stretch in operations.chunks(STRETCH) {
            self.play_all(stretch);
            done += stretch.len();
            if start.elapsed() > limit {
                break;
            }
        }
        done
    }

    /// One operation. What has no block, for the heap refused it, is neither freed nor resized.
    #[inline(always)]
    pub(super) fn play(&mut self, operation: Operation) {
        let held = self.held[operation.slot as usize];
        match operation.kind {
            Kind::Alloc => self.alloc(operation),
            Kind::Free if !held.start.is_null() => self.free(operation, held),
            Kind::Resize if !held.start.is_null() => self.resize(operation, held),
            _ => {}
        }
    }

    #[inline(always)]
    fn alloc(&mut self, operation: Operation) {
        self.requests += 1;
        let layout = layout(operation.size);
        self.watch.before();
        // SAFETY: no size is 0.
        let start = unsafe { self.heap.alloc(layout) };
        self.watch.after();
        self.hold(operation, start);
    }

    #[inline(always)]
    fn free(&mut self, operation: Operation, held: Held) {
        held.check::<W>(operation.slot);
        self.watch.returned(held.start);
        self.watch.before();
        // SAFETY: the heap's block, freed once, with its own layout.
        unsafe { self.heap.dealloc(held.start, layout(held.size)) };
        self.watch.after();
        self.held[operation.slot as usize].start = null_mut();
    }

    #[inline(always)]
    fn resize(&mut self, operation: Operation, held: Held) {
        self.requests += 1;
        held.check::<W>(operation.slot);
        let size = operation.size as usize;
        self.watch.before();
        // SAFETY: the heap's block with its own layout; the size is not 0.
        let start = unsafe { self.heap.realloc(held.start, layout(held.size), size) };
        self.watch.after();
        if !start.is_null() {
            self.watch.returned(held.start);
            Held { start, ..held }.check_start::<W>(operation.slot);
        }
        self.hold(operation, start);
    }

    /// Writes to both ends of what the heap gave, and notes it.
    #[inline(always)]
    fn hold(&mut self, operation: Operation, start: *mut u8) {
        if start.is_null() {
            self.failed += 1;
            return;
        }
        let size = operation.size as usize;
        self.watch.given(start, size);
        let mark = mark(operation.slot);
        // SAFETY: the heap gave so many bytes.
        unsafe {
            start.write(mark);
            start.add(size - 1).write(mark);
        }
        self.held[operation.slot as usize] = Held { start, size: operation.size };
    }

    /// Frees every block.
    pub(super) fn free_all(&mut self) {
        for slot in 0..self.held.len() as u32 {
            self.play(Operation { kind: Kind::Free, slot, size: 0 });
        }
    }
}

impl Held {
    /// Nobody else wrote to the block.
    #[inline(always)]
    fn check<W: Watch>(self, slot: u32) {
        self.check_start::<W>(slot);
        // SAFETY: the block is live, of so many bytes.
        let end = || unsafe { self.start.add(self.size as usize - 1).read() };
        assert!(!W::CHECKS || end() == mark(slot), "another block's bytes at the end");
    }

    #[inline(always)]
    fn check_start<W: Watch>(self, slot: u32) {
        // SAFETY: the block is live, and no size is 0.
        let start = || unsafe { self.start.read() };
        assert!(!W::CHECKS || start() == mark(slot), "another block's bytes at the start");
    }
}

fn mark(slot: u32) -> u8 {
    slot as u8
}

#[inline(always)]
fn layout(size: u32) -> Layout {
    // SAFETY: the alignment is a power of two, and no size comes near an overflow.
    unsafe { Layout::from_size_align_unchecked(size as usize, ALIGN) }
}
