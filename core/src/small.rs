//! The engine of the embedded profile: a heap for little memory, from some hundred bytes on.
//!
//! ```text
//! region   | head, table | block | block | hole | block |   hole   | block | ...
//! ```
//! Blocks stand side by side in multiples of 8 bytes and have no headers: who frees one says how
//! large it is. A region costs its head and 8 bytes for each 4 KiB; the heap itself costs three words.
//! There are no atomics: one user at a time, by `&mut`.
//!
//! | concept | file |
//! |---|---|
//! | the measure: grains, pieces | `piece` |
//! | free memory: lists of holes by address, and the search | `holes` |
//! | a region: head, table, addresses | `region` |
//! | blocks made of holes, and holes of blocks | `blocks` |
//! | growing, shrinking and sliding in place | `resize` |
//!
//! # Why neither slots of size classes nor `linked_list_allocator`
//!
//! Both were the plan. In a small region nothing may be set aside: of 8 KiB, 128 bytes more for
//! tables mean a tenth more failed requests at nine tenths of load, and half-empty slots are far more.
//! And whoever passes requests on to an allocator that takes the first hole fails at least as often as
//! that. Requests that failed in 20 traces of 100,000 operations (kernel-like sizes, a tenth of them
//! resizes, 90 % of the region live), statics and tables taken from the region:
//!
//! | | 8 KiB | 64 KiB | 1 MiB |
//! |---|---|---|---|
//! | `linked_list_allocator` | 38,074 | 10,313 | 1,377 |
//! | talc 5 | 133,096 | 17,580 | 2,618 |
//! | lists by size, a bit for each 8 bytes of the region, best fit | 34,428 | 11,099 | 1,832 |
//! | a tree of holes by address and size, best of the first 8 that fit | 27,027 | 8,840 | 1,018 |
//! | **lists by address in stretches, best of the first 2 that fit** | 26,803 | 8,454 | 1,047 |
//!
//! By a model without any tables, of 8 KiB, 64 KiB and 1 MiB: the first that fits 35,455, 10,038 and
//! 1,354; the smallest of all that fit 29,809, 10,822 and 1,506; the smallest of the first four 29,245,
//! 8,784 and 1,039. The tree finds neighbours in fewer steps, yet took twice as long in every region up
//! to 64 MiB: its steps are branches that nobody can predict. Some freed blocks kept by size in front of it, for
//! the next request of theirs, saved that time again, and cost 13,567, 4,801 and 771 failed requests of
//! ten traces in place of 13,337, 4,204 and 538: what is kept joins no hole.
//!
//! # What is caught
//!
//! | mistake | when |
//! |---|---|
//! | a pointer outside every region, or into a region's head | at once |
//! | a second free, as long as the memory has not been handed out again | at once |
//! | a size that reaches into free memory or out of the region | at once |
//! | an address that is no multiple of 8, or of the alignment that is stated | at once |
//! | a pointer into a live block; another wrong size | no |
//!
//! # Steps
//!
//! A free walks the list of one stretch, which has at most 256 holes up to 16 MiB and twice as many for
//! each doubling from there, and passes over stretches without a hole on either side. An allocation
//! passes over each stretch without room once (4,096 at most, eight at a time) and walks the lists of
//! two that have it; of more where an alignment above 8 is hard to meet.

mod blocks;
mod holes;
mod piece;
mod region;
mod resize;
mod stats;
#[cfg(all(test, not(loom)))]
mod tests;
#[cfg(any(test, feature = "validate"))]
mod validate;

pub use stats::SmallStats;

use crate::misuse::{Call, Misuse, MisuseKind};
use crate::region::RegionError;
use core::ptr::null_mut;
use holes::Beside;
use piece::{Need, Piece, bytes};
use region::{Memory, Region};

/// A heap for little memory, over regions that it is given: see the module.
///
/// ```
/// use hakmem_core::SmallHeap;
///
/// #[repr(align(8))]
/// struct Memory([u8; 8 << 10]);
/// static mut MEMORY: Memory = Memory([0; 8 << 10]);
///
/// let mut heap = SmallHeap::new();
/// unsafe {
///     heap.add((&raw mut MEMORY).cast(), 8 << 10)?;
///     let block = heap.allocate(100, 8);
///     assert!(!block.is_null());
///     block.write_bytes(1, 100);
///     heap.deallocate(block, 100, 8).expect("it is a block of that size");
/// }
/// assert_eq!(heap.stats().in_use, 0);
/// # Ok::<(), hakmem_core::RegionError>(())
/// ```
pub struct SmallHeap {
    first: Option<Region>,
    in_use: usize,
    peak: usize,
}

// SAFETY: regions are the memory of this heap alone, wherever it is.
unsafe impl Send for SmallHeap {}

impl Default for SmallHeap {
    fn default() -> Self {
        Self::new()
    }
}

impl SmallHeap {
    /// A heap without memory; all of its bytes are zero.
    #[must_use]
    pub const fn new() -> Self {
        Self { first: None, in_use: 0, peak: 0 }
    }

    /// Gives the heap a region of `size` bytes. It is trimmed to multiples of 8 bytes; 8 GiB are the
    /// most. Regions that adjoin stay two: no block lies in both.
    ///
    /// # Errors
    /// The region is null, too small, too large, or one that was given before, or a part of it was. The
    /// heap is as it was.
    ///
    /// # Safety
    /// The memory is there to read and write, and nobody else's from now on, for as long as the heap
    /// or one of its blocks is in use.
    pub unsafe fn add(&mut self, start: *mut u8, size: usize) -> Result<(), RegionError> {
        let memory = Memory::of(start, size)?;
        self.regions().try_for_each(|region| region.refuse(&memory))?;
        // SAFETY: the caller's promise.
        let new = unsafe { Region::create(memory) };
        match self.regions().last() {
            Some(mut last) => last.append(new),
            None => self.first = Some(new),
        }
        Ok(())
    }

    /// A block of `size` bytes at a multiple of `align`, which is a power of two, or null: no memory. A
    /// size of 0 is served as one of 1.
    #[inline]
    pub fn allocate(&mut self, size: usize, align: usize) -> *mut u8 {
        match Need::of(size, align) {
            Some(need) => self.allocate_block(need),
            None => null_mut(),
        }
    }

    #[inline]
    fn allocate_block(&mut self, need: Need) -> *mut u8 {
        for mut region in self.regions() {
            if let Some(block) = region.allocate(need) {
                self.count(0, block.size);
                return region.pointer(block.start);
            }
        }
        null_mut()
    }

    /// Gives back a block that was asked for with this size and alignment.
    ///
    /// # Errors
    /// There is no such block, as far as can be seen. The heap is as it was.
    ///
    /// # Safety
    /// The block, if there is one, is the caller's, who gives it up.
    #[inline]
    pub unsafe fn deallocate(
        &mut self,
        ptr: *mut u8,
        size: usize,
        align: usize,
    ) -> Result<(), Misuse> {
        let (mut region, block, beside) = self.look(Call::Free, ptr, size, align)?;
        region.free_block(block, beside);
        self.count(block.size, 0);
        Ok(())
    }

    /// Makes a block `new_size` bytes long, its contents kept up to the shorter size: in place, as a
    /// new block, or, where there is no memory for one, moved down into the hole before it. Null: there
    /// is no memory; the old block stands.
    ///
    /// # Errors
    /// As for [`deallocate`](Self::deallocate).
    ///
    /// # Safety
    /// The block, if there is one, is the caller's, who gives it up if this succeeds.
    pub unsafe fn reallocate(
        &mut self,
        ptr: *mut u8,
        old_size: usize,
        align: usize,
        new_size: usize,
    ) -> Result<*mut u8, Misuse> {
        // SAFETY: the caller's promise.
        if unsafe { self.resize_in_place(ptr, old_size, align, new_size)? } {
            return Ok(ptr);
        }
        let Some(need) = Need::of(new_size, align) else { return Ok(null_mut()) };
        let keep = old_size.min(new_size);
        let new = self.allocate_block(need);
        let (mut region, block, beside) = self.look(Call::Reallocate, ptr, old_size, align)?;
        if !new.is_null() {
            // SAFETY: two blocks, of which neither is shorter.
            unsafe { new.copy_from_nonoverlapping(ptr, keep) };
            region.free_block(block, beside);
            self.count(block.size, 0);
            return Ok(new);
        }
        // SAFETY: the caller's promise; `keep` is no more than either size.
        let moved = unsafe { region.slide(block, &beside, need, keep) };
        Ok(moved.map_or(null_mut(), |moved| {
            self.count(block.size, moved.size);
            region.pointer(moved.start)
        }))
    }

    /// Makes a block `new_size` bytes long where it is. False: what lies behind it is in use.
    ///
    /// # Errors
    /// As for [`deallocate`](Self::deallocate).
    ///
    /// # Safety
    /// The block, if there is one, is the caller's.
    pub unsafe fn resize_in_place(
        &mut self,
        ptr: *mut u8,
        old_size: usize,
        align: usize,
        new_size: usize,
    ) -> Result<bool, Misuse> {
        let (mut region, block, beside) = self.look(Call::Reallocate, ptr, old_size, align)?;
        let Some(need) = Need::of(new_size, align) else { return Ok(false) };
        let is_done = region.resize(block, &beside, need.grains);
        if is_done {
            self.count(block.size, need.grains);
        }
        Ok(is_done)
    }

    #[inline(always)]
    fn regions(&self) -> impl Iterator<Item = Region> + use<> {
        core::iter::successors(self.first, |region| region.next())
    }

    /// A block of `old` grains became one of `new`.
    #[inline(always)]
    fn count(&mut self, old: u32, new: u32) {
        self.in_use = self.in_use + bytes(new) - bytes(old);
        self.peak = self.peak.max(self.in_use);
    }

    /// The block that a call names, and what is beside it.
    #[inline]
    fn look(
        &self,
        call: Call,
        ptr: *mut u8,
        size: usize,
        align: usize,
    ) -> Result<(Region, Piece, Beside), Misuse> {
        let address = ptr.addr();
        let wrong = |kind| Misuse { kind, call, address, size, block: 0 };
        let found = self.regions().find_map(|region| Some((region, region.offset(address)?)));
        let (region, offset) = found.ok_or_else(|| wrong(MisuseKind::NotOurs))?;
        let need = Need::of(size, align).filter(|need| address & (need.align - 1) == 0);
        let need = need.ok_or_else(|| wrong(MisuseKind::WrongSize))?;
        let (block, beside) = region.look(offset, need.grains).map_err(wrong)?;
        Ok((region, block, beside))
    }
}
