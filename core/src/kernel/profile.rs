//! The two kinds of memory that a kernel's heap is made for.

use super::stats::KernelStats;
#[cfg(any(test, feature = "validate"))]
use crate::broken::Broken;
use crate::misuse::Misuse;
use crate::region::RegionError;
use core::ptr::NonNull;

/// The geometry of a kernel's heap: [`Hosted`] or [`Embedded`]. Neither costs the other anything.
#[cfg_attr(
    not(target_has_atomic = "64"),
    diagnostic::on_unimplemented(
        message = "a heap of the profile `{Self}` needs 64-bit atomics, which this target has not",
        note = "`Embedded` is the profile that needs none"
    )
)]
pub trait Profile: sealed::Sealed {}

pub(crate) mod sealed {
    pub trait Sealed: 'static {
        /// What serves the calls.
        type Engine: super::Engine;
    }
}

/// For kernels with some MiB of memory and more: slabs of 64 KiB in superslabs of 1 and 2 MiB, a cache in
/// front, tables beside the memory. `SLOTS` times 64 KiB is the window of addresses, from the MiB of the
/// first region on, in which all regions must lie: 64 MiB, if it is left out.
#[derive(Clone, Copy, Debug)]
pub struct Hosted<const SLOTS: usize = 1024>;

/// For kernels with little memory, from 8 KiB on, and for simple ones: blocks of any multiple of 8 bytes
/// side by side, as [`SmallHeap`](crate::SmallHeap) has them, which says what it catches of wrong calls.
/// Nothing is held in advance, so nothing is to be [purged](super::LockedHeap::purge).
#[derive(Clone, Copy, Debug)]
pub struct Embedded;

/// A block just allocated.
pub struct Fresh {
    pub(crate) start: NonNull<u8>,
    /// It was asked to read zero, and does.
    pub(crate) zeroed: bool,
}

/// A heap of one user at a time.
///
/// Only the heaps of this crate call it; what they pass on to `unsafe` methods is their callers' promise.
pub trait Engine: Send + Sized {
    /// An engine without memory.
    const EMPTY: Self;

    /// Adds a region.
    ///
    /// # Safety
    /// It is memory that nobody else uses, for good.
    unsafe fn add(&mut self, start: *mut u8, size: usize) -> Result<(), RegionError>;

    /// Whether there is a region.
    fn is_ready(&self) -> bool;

    /// Allocates. `align` is a power of two. A block that is to be `zeroed` may be left to the caller to
    /// clear, where that is no more work.
    fn allocate(&mut self, size: usize, align: usize, zeroed: bool) -> Option<Fresh>;

    /// Size and alignment of what must be added for the last allocation, which failed. `None`: nothing
    /// would do.
    fn missed(&mut self, size: usize, align: usize) -> Option<(usize, usize)>;

    /// Frees.
    ///
    /// # Safety
    /// The block, if one begins there, is the caller's to give up.
    unsafe fn deallocate(
        &mut self,
        start: *mut u8,
        size: usize,
        align: usize,
    ) -> Result<(), Misuse>;

    /// Makes a block `new` bytes long, where it stands. `false`: it cannot be.
    ///
    /// # Safety
    /// The block, if one begins there, is the caller's.
    unsafe fn resize(
        &mut self,
        start: *mut u8,
        size: usize,
        align: usize,
        new: usize,
    ) -> Result<bool, Misuse>;

    /// Makes a block `new` bytes long where that is quickly done, here or by moving it. Null: it is not, or is
    /// no such block, and stands; nothing is noted.
    ///
    /// # Safety
    /// As for [`resize`](Self::resize); the caller gives the block up, if it moves.
    #[inline(always)]
    unsafe fn move_ready(
        &mut self,
        _start: *mut u8,
        _size: usize,
        _align: usize,
        _new: usize,
    ) -> *mut u8 {
        core::ptr::null_mut()
    }

    /// Makes a block `new` bytes long by whatever way, after no second block of that size was to be had.
    /// Null: there is none.
    ///
    /// # Safety
    /// As for [`resize`](Self::resize); the caller gives the block up, if this succeeds.
    unsafe fn squeeze(
        &mut self,
        start: *mut u8,
        size: usize,
        align: usize,
        new: usize,
    ) -> Result<*mut u8, Misuse>;

    /// Gives what is free back to the regions, whole. Answers the bytes.
    fn purge(&mut self) -> usize;

    /// The engine in numbers.
    fn stats(&self) -> KernelStats;

    /// Checks every invariant.
    #[cfg(any(test, feature = "validate"))]
    fn validate(&mut self) -> Result<(), Broken>;
}
