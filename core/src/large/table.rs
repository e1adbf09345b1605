//! Descriptors of large blocks, in tables that are never unmapped.

use crate::extent::{Array, Extent, Whole, blank};
use crate::layer::LayerStats;
use crate::ledger::{Table, published};
#[cfg(loom)]
use crate::sync::cells;
use crate::sync::{AtomicPtr, AtomicU32, AtomicUsize, Ordering, const_fn};

/// Descriptors of a chunk: 16 KiB, touched as far as used.
const DESCRIPTORS: usize = if cfg!(loom) { 1 } else { 512 };

/// The state of a block, in the low bit of its base: a user has it.
const LIVE: usize = 1;

/// The descriptor of a large block. Its fields belong to whoever holds the block; base and state
/// are one word, so that one CAS tells who may give it up. All accesses are Relaxed: a block goes
/// from thread to thread by its user's hand, a number and a range by the lock.
pub(crate) struct Large {
    /// Base | [`LIVE`]; the base alone: in the heap's hands; 0: nothing yet.
    word: AtomicUsize,
    /// Bytes that the user may use: whole pages.
    held: AtomicUsize,
    /// Bytes of the mapping.
    mapped: AtomicUsize,
    /// The next vacant number + 1.
    next: AtomicU32,
    /// 1: the registry had no room for it where it moved to; see [`Larges::unlisted`].
    unlisted: AtomicU32,
}

impl Large {
    #[cfg(loom)]
    fn blank() -> Self {
        Self {
            word: AtomicUsize::new(0),
            held: AtomicUsize::new(0),
            mapped: AtomicUsize::new(0),
            next: AtomicU32::new(0),
            unlisted: AtomicU32::new(0),
        }
    }

    /// Makes the descriptor that of a live block.
    pub(super) fn open(&self, base: usize, held: usize, mapped: usize) {
        self.held.store(held, Ordering::Relaxed);
        self.mapped.store(mapped, Ordering::Relaxed);
        self.word.store(base | LIVE, Ordering::Relaxed);
    }

    /// Takes a live block out of its user's hands. Of several callers one succeeds.
    pub(super) fn catch(&self, base: usize) -> bool {
        base & LIVE == 0
            && self
                .word
                .compare_exchange(base | LIVE, base, Ordering::Relaxed, Ordering::Relaxed)
                .is_ok()
    }

    /// Bytes that the live block at `base` holds; `None` if there is none.
    pub(super) fn live_at(&self, base: usize) -> Option<usize> {
        let word = self.word.load(Ordering::Relaxed);
        // Not `word == base | LIVE`: the address may be anything, odd for one.
        (word & LIVE != 0 && word & !LIVE == base).then(|| self.held())
    }

    /// Base of the live block, or of the last one; 0 for none.
    pub(super) fn base(&self) -> usize {
        self.word.load(Ordering::Relaxed) & !LIVE
    }

    pub(super) fn is_live(&self) -> bool {
        self.word.load(Ordering::Relaxed) & LIVE != 0
    }

    pub(super) fn held(&self) -> usize {
        self.held.load(Ordering::Relaxed)
    }

    pub(super) fn mapped(&self) -> usize {
        self.mapped.load(Ordering::Relaxed)
    }
}

pub(super) struct Chunk([Large; DESCRIPTORS]);

// SAFETY: zero bytes are descriptors of nothing.
unsafe impl Table for Chunk {
    #[cfg(loom)]
    fn blank() -> Self {
        Self(cells!(Large::blank(); DESCRIPTORS))
    }
}

/// The part of the large layer that is read without the lock.
pub(crate) struct Larges<E: Extent = Whole> {
    chunks: E::Larges<AtomicPtr<Chunk>>,
    count: AtomicUsize,
    held: AtomicUsize,
    mapped: AtomicUsize,
    /// Live blocks that moved to where the registry had no room for an entry and no memory to
    /// make some. They are found by walking the descriptors.
    unlisted: AtomicUsize,
}

impl<E: Extent> Larges<E> {
    const_fn! {
        pub(crate) fn new() -> Self {
            Self {
                chunks: blank!(E::Larges<AtomicPtr<Chunk>>),
                count: AtomicUsize::new(0),
                held: AtomicUsize::new(0),
                mapped: AtomicUsize::new(0),
                unlisted: AtomicUsize::new(0),
            }
        }
    }

    /// Where chunk `index` is, or is to be made.
    pub(super) fn cell(&self, index: usize) -> Option<&AtomicPtr<Chunk>> {
        self.chunks.as_slice().get(index)
    }

    fn chunk(&self, index: usize) -> Option<&Chunk> {
        published(self.chunks.as_slice().get(index)?)
    }

    /// A descriptor, if its chunk exists.
    pub(super) fn get(&self, number: u32) -> Option<&Large> {
        let number = number as usize;
        Some(&self.chunk(number / DESCRIPTORS)?.0[number % DESCRIPTORS])
    }

    /// Every descriptor that there is, with its number.
    pub(super) fn all(&self) -> impl Iterator<Item = (u32, &Large)> {
        let chunks = (0..).map_while(|index| self.chunk(index));
        (0..).zip(chunks.flat_map(|chunk| &chunk.0))
    }

    /// Books a block that became live.
    pub(super) fn count(&self, held: usize, mapped: usize) {
        self.count.fetch_add(1, Ordering::Relaxed);
        self.held.fetch_add(held, Ordering::Relaxed);
        self.mapped.fetch_add(mapped, Ordering::Relaxed);
    }

    /// Unbooks a block that is live no more.
    pub(super) fn uncount(&self, held: usize, mapped: usize) {
        self.count.fetch_sub(1, Ordering::Relaxed);
        self.held.fetch_sub(held, Ordering::Relaxed);
        self.mapped.fetch_sub(mapped, Ordering::Relaxed);
    }

    /// Bytes of live blocks.
    pub(crate) fn held(&self) -> usize {
        self.held.load(Ordering::Relaxed)
    }

    pub(super) fn totals(&self) -> LayerStats {
        LayerStats {
            mapped: self.mapped.load(Ordering::Relaxed),
            held: self.held.load(Ordering::Relaxed),
            count: self.count.load(Ordering::Relaxed),
        }
    }

    /// Marks a block that the caller holds as one that the registry does not know.
    pub(super) fn set_unlisted(&self, large: &Large) {
        large.unlisted.store(1, Ordering::Relaxed);
        self.unlisted.fetch_add(1, Ordering::Relaxed);
    }

    /// Clears that mark; answers whether it was there.
    pub(super) fn take_unlisted(&self, large: &Large) -> bool {
        let unlisted = large.unlisted.load(Ordering::Relaxed) != 0;
        if unlisted {
            large.unlisted.store(0, Ordering::Relaxed);
            self.unlisted.fetch_sub(1, Ordering::Relaxed);
        }
        unlisted
    }

    pub(super) fn has_unlisted(&self) -> bool {
        self.unlisted.load(Ordering::Relaxed) != 0
    }
}

/// A number for a new block, or what must be made before there is one.
pub(super) enum Number {
    Ready(u32),
    NeedsChunk(usize),
}

/// The part of the large layer that the lock guards: which numbers are free.
pub(crate) struct LargeIndex {
    /// First vacant number + 1; the list runs through the descriptors.
    vacant: u32,
    /// Numbers that were ever used.
    used: u32,
}

impl LargeIndex {
    const_fn! {
        pub(crate) fn new() -> Self {
            Self { vacant: 0, used: 0 }
        }
    }

    /// A number that no block has, with a descriptor behind it.
    pub(super) fn take_number(&mut self, larges: &Larges<impl Extent>) -> Number {
        let vacant = self.vacant.checked_sub(1);
        if let Some((number, large)) = vacant.and_then(|n| Some((n, larges.get(n)?))) {
            self.vacant = large.next.load(Ordering::Relaxed);
            return Number::Ready(number);
        }
        if larges.get(self.used).is_none() {
            return Number::NeedsChunk(self.used as usize / DESCRIPTORS);
        }
        self.used += 1;
        Number::Ready(self.used - 1)
    }

    /// Makes a number vacant.
    pub(super) fn give_number(&mut self, larges: &Larges<impl Extent>, number: u32) {
        if let Some(large) = larges.get(number) {
            large.next.store(self.vacant, Ordering::Relaxed);
            self.vacant = number + 1;
        }
    }
}

#[cfg(loom)]
impl<E: Extent> Drop for Larges<E> {
    fn drop(&mut self) {
        self.chunks.as_slice().iter().for_each(crate::ledger::drop_table);
    }
}

#[cfg(all(test, not(loom)))]
mod tests {
    use super::*;
    use std::boxed::Box;

    fn table() -> Larges {
        let larges = <Larges>::new();
        // SAFETY: `Table` says that zero bytes are an empty chunk.
        let chunk = Box::new(unsafe { core::mem::zeroed::<Chunk>() });
        larges.chunks[0].store(Box::leak(chunk), Ordering::Relaxed);
        larges
    }

    #[test]
    fn a_block_is_caught_once_and_only_at_its_base() {
        let larges = table();
        let large = larges.get(0).unwrap();
        assert!(!large.catch(0x10000));
        large.open(0x10000, 8192, 12288);
        assert_eq!(large.live_at(0x11000), None);
        assert_eq!(large.live_at(0x10001), None);
        assert!(!large.catch(0x10001));
        assert_eq!(large.live_at(0x10000), Some(8192));
        assert!(!large.catch(0x20000));
        assert!(large.catch(0x10000));
        assert!(!large.catch(0x10000));
        assert!(!large.is_live());
        assert_eq!((large.base(), large.mapped()), (0x10000, 12288));
    }

    #[test]
    fn numbers_are_dense_and_reused() {
        let (larges, mut index) = (table(), LargeIndex::new());
        let take = |index: &mut LargeIndex| match index.take_number(&larges) {
            Number::Ready(number) => Ok(number),
            Number::NeedsChunk(chunk) => Err(chunk),
        };
        for number in 0..DESCRIPTORS as u32 {
            assert_eq!(take(&mut index), Ok(number));
        }
        assert_eq!(take(&mut index), Err(1));
        index.give_number(&larges, 7);
        index.give_number(&larges, 3);
        assert_eq!([take(&mut index), take(&mut index), take(&mut index)], [Ok(3), Ok(7), Err(1)]);
    }
}
