//! Ranges, and the nodes of those that are kept.

use super::extents::Arena;
use crate::extent::{Array, Extent, Whole, blank};
use crate::ledger::{Table, published};
use crate::sync::{AtomicPtr, AtomicUsize, Ordering, Sum, const_fn};
use core::cell::UnsafeCell;

/// Nodes of a chunk: 48 KiB, touched as far as used.
pub(super) const NODES: usize = if cfg!(loom) { 8 } else { 1024 };

/// Whole slots of the source's, and whoever has this has them.
#[derive(Debug, PartialEq, Eq)]
pub(crate) struct Range {
    pub(crate) base: usize,
    pub(crate) size: usize,
    /// May hold something other than zeros.
    pub(crate) dirty: bool,
}

impl Range {
    pub(crate) fn start(&self) -> *mut u8 {
        core::ptr::with_exposed_provenance_mut(self.base)
    }

    pub(super) fn end(&self) -> usize {
        self.base + self.size
    }

    /// Cuts the range at an address within it.
    pub(super) fn split_at(self, middle: usize) -> (Self, Self) {
        let Self { base, size, dirty } = self;
        let low = middle - base;
        (Self { base, size: low, dirty }, Self { base: middle, size: size - low, dirty })
    }
}

/// Neighbours in a list, by node number; 0 is none.
#[derive(Clone, Copy)]
pub(super) struct Links {
    pub(super) next: u32,
    pub(super) previous: u32,
}

pub(super) const UNLINKED: Links = Links { next: 0, previous: 0 };

/// A kept range. Numbers of nodes are one more than their place, so that 0 is none.
#[derive(Clone, Copy)]
pub(super) struct Node {
    pub(super) base: usize,
    pub(super) size: usize,
    /// By age; next is older.
    pub(super) age: Links,
    /// By size. Of a vacant node: the next vacant one.
    pub(super) bin: Links,
    pub(super) dirty: bool,
    /// The source refused to take it back.
    pub(super) refused: bool,
    /// The round of decay in which it came.
    pub(super) born: u32,
}

pub(super) const BLANK: Node =
    Node { base: 0, size: 0, age: UNLINKED, bin: UNLINKED, dirty: false, refused: false, born: 0 };

pub(super) struct Chunk([UnsafeCell<Node>; NODES]);

// SAFETY: nodes are read and written through `Ranges::get` and `set` alone, which ask for the arena
// that the lock guards.
unsafe impl Sync for Chunk {}
// SAFETY: zero bytes are blank nodes.
unsafe impl Table for Chunk {
    #[cfg(loom)]
    fn blank() -> Self {
        Self([const { UnsafeCell::new(BLANK) }; NODES])
    }
}

/// The nodes of an [`Arena`]; one of each to a heap.
pub(crate) struct Ranges<E: Extent = Whole> {
    chunks: E::Ranges<AtomicPtr<Chunk>>,
    /// Bytes kept. Written under the lock, for readers without it.
    kept: AtomicUsize,
    /// Of these, bytes of dirty ranges.
    dirty: Sum,
}

impl<E: Extent> Ranges<E> {
    const_fn! {
        pub(crate) fn new() -> Self {
            Self {
                chunks: blank!(E::Ranges<AtomicPtr<Chunk>>),
                kept: AtomicUsize::new(0),
                dirty: Sum::new(),
            }
        }
    }

    /// Where chunk `index` is, or is to be made.
    pub(super) fn cell(&self, index: usize) -> Option<&AtomicPtr<Chunk>> {
        self.chunks.as_slice().get(index)
    }

    pub(super) fn chunk(&self, index: usize) -> Option<&Chunk> {
        published(self.chunks.as_slice().get(index)?)
    }

    fn place(&self, number: u32) -> Option<&UnsafeCell<Node>> {
        let place = number.checked_sub(1)? as usize;
        Some(&self.chunk(place / NODES)?.0[place % NODES])
    }

    pub(super) fn get(&self, _: &Arena, number: u32) -> Option<Node> {
        // SAFETY: the arena's borrow shows that the lock is held; `set` alone writes, and needs the
        // arena for itself.
        self.place(number).map(|place| unsafe { *place.get() })
    }

    pub(super) fn set(&self, _: &mut Arena, number: u32, change: impl FnOnce(&mut Node)) {
        if let Some(place) = self.place(number) {
            // SAFETY: as in `get`, and the borrow is exclusive.
            change(unsafe { &mut *place.get() });
        }
    }

    pub(super) fn kept(&self) -> usize {
        self.kept.load(Ordering::Relaxed)
    }

    /// Bytes kept that may still be backed.
    pub(crate) fn dirty(&self) -> usize {
        self.dirty.get()
    }

    /// Books a range that came or left.
    pub(super) fn book(&self, _: &mut Arena, range: &Range, came: bool) {
        let (kept, dirty) = (self.kept(), if range.dirty { range.size } else { 0 });
        if came {
            self.dirty.add(dirty);
            self.kept.store(kept + range.size, Ordering::Relaxed);
        } else {
            self.dirty.sub(dirty);
            self.kept.store(kept - range.size, Ordering::Relaxed);
        }
    }
}

#[cfg(loom)]
impl<E: Extent> Drop for Ranges<E> {
    fn drop(&mut self) {
        self.chunks.as_slice().iter().for_each(crate::ledger::drop_table);
    }
}
