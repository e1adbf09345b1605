//! The engine of the embedded profile.

mod bins;
mod blocks;
mod map;
mod piece;
mod region;
mod resize;
mod stats;

pub use stats::SmallStats;

use crate::misuse::{Call, Misuse, MisuseKind};
use crate::region::RegionError;
use piece::{GRAIN, Need, Piece};
use region::{Memory, Region};

/// A heap for little memory: see the module.
pub struct SmallHeap {
    first: Option<Region>,
    in_use: usize,
    peak: usize,
}

// SAFETY: the regions are the heap's alone, wherever it is.
unsafe impl Send for SmallHeap {}

impl SmallHeap {
    /// A heap without memory.
    pub const fn new() -> Self {
        Self { first: None, in_use: 0, peak: 0 }
    }

    fn regions(&self) -> impl Iterator<Item = Region> + use<> {
        core::iter::successors(self.first, |region| region.next())
    }

    /// Gives the heap a region.
    ///
    /// # Safety
    /// The memory is there to read and write, and nobody else's from now on.
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

    /// A block, or null: no memory.
    #[inline]
    pub fn allocate(&mut self, size: usize, align: usize) -> *mut u8 {
        match Need::of(size, align) {
            Some(need) => self.allocate_block(need),
            None => core::ptr::null_mut(),
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
        core::ptr::null_mut()
    }

    /// Gives a block back.
    ///
    /// # Safety
    /// `ptr` is a block
    pub unsafe fn deallocate(&mut self, ptr: *mut u8, size: usize, align: usize) -> Result<(), Misuse> {
        let (mut region, block) = self.block(Call::Free, ptr, size, align)?;
        region.free_block(block);
        self.count(block.size, 0);
        Ok(())
    }

    /// resizes
    ///
    /// # Safety
    /// `ptr` is a block
    pub unsafe fn reallocate(&mut self, ptr: *mut u8, old_size: usize, align: usize, new_size: usize) -> Result<*mut u8, Misuse> {
        let (mut region, block) = self.block(Call::Reallocate, ptr, old_size, align)?;
        let Some(need) = Need::of(new_size, align) else { return Ok(core::ptr::null_mut()) };
        if region.resize(block, need.grains) {
            self.count(block.size, need.grains);
            return Ok(ptr);
        }
        let keep = old_size.min(new_size);
        let new = self.allocate_block(need);
        if !new.is_null() {
            unsafe { new.copy_from_nonoverlapping(ptr, keep) };
            region.free_block(block);
            self.count(block.size, 0);
            return Ok(new);
        }
        match unsafe { region.slide(block, need, keep) } {
            Some(moved) => {
                self.count(block.size, moved.size);
                Ok(region.pointer(moved.start))
            }
            None => Ok(core::ptr::null_mut()),
        }
    }

    #[inline]
    fn count(&mut self, old: u32, new: u32) {
        self.in_use = self.in_use + new as usize * GRAIN - old as usize * GRAIN;
        self.peak = self.peak.max(self.in_use);
    }

    /// The block that a call names, if that is what it says it is.
    #[inline]
    fn block(&self, call: Call, ptr: *mut u8, size: usize, align: usize) -> Result<(Region, Piece), Misuse> {
        let address = ptr.addr();
        let wrong = |kind, block| Misuse { kind, call, address, size, block };
        let region = self.regions().find(|region| region.holds(address));
        let region = region.ok_or_else(|| wrong(MisuseKind::NotOurs, 0))?;
        let block = region.block_at(address).map_err(|kind| wrong(kind, 0))?;
        let is_size = Need::of(size, align).is_some_and(|need| need.grains == block.size);
        if !is_size || address & (align - 1) != 0 {
            return Err(wrong(MisuseKind::WrongSize, block.size as usize * GRAIN));
        }
        Ok((region, block))
    }
}
