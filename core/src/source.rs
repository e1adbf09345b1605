//! What a heap needs of the world: pages, and a few words with its host.

#[cfg(target_has_atomic = "64")]
use crate::cache::Cache;
#[cfg(target_has_atomic = "64")]
use crate::misuse::{Misuse, Verdict};
use core::ptr::NonNull;

/// Which memory a system backs with huge pages of 2 MiB.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum HugePages {
    /// None, whatever it is told.
    #[default]
    None,
    /// What it was asked to.
    Asked,
    /// All that it was not told to leave alone.
    All,
}

/// What a source is told about huge pages.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum HugeAdvice {
    /// From now on, what is touched for the first time should lie on them.
    Ask,
    /// As `Ask`, and what was touched already should be moved onto them now.
    Gather,
    /// None should be made; one that is there must come apart, so that a purge of part of it gives back
    /// that part.
    Refuse,
}

/// Where pages come from: mmap, a kernel's frame allocator, a static region.
///
/// No method may allocate from, or free to, the heap it serves, not even by printing. Methods are
/// called from any thread, several at a time, and never under the heap's one lock.
///
/// # Safety
/// A range that [`map`](Self::map) or [`map_any`](Self::map_any) returned is readable, writable, and
/// nobody else's until it is unmapped; it reads zero where that is promised.
pub unsafe trait PageSource: Sync {
    /// Bytes of a page: a power of two, the same at every call, 64 KiB at most.
    fn page_size(&self) -> usize;

    /// Maps `size` bytes (a multiple of the page) at a multiple of `align` (a power of two, a page
    /// at least), reading zero. `None`: there is no memory, and nothing has changed.
    fn map(&self, size: usize, align: usize) -> Option<NonNull<u8>>;

    /// As [`map`](Self::map), for whom any contents will do. Answers whether the range reads zero. A source
    /// that would have to write that saves the work.
    fn map_any(&self, size: usize, align: usize) -> Option<(NonNull<u8>, bool)> {
        Some((self.map(size, align)?, true))
    }

    /// Gives a range back for good. `false`: refused; the range stays mapped and usable.
    ///
    /// # Safety
    /// `base..base + size` is whole pages of one mapping (or of several that stand side by side),
    /// and nobody uses it.
    unsafe fn unmap(&self, base: NonNull<u8>, size: usize) -> bool;

    /// Drops the contents of a range and keeps its addresses. `true` only if it now reads zero.
    ///
    /// # Safety
    /// As for [`unmap`](Self::unmap); but of the heap's own tables others may read words meanwhile, whatever
    /// they find.
    unsafe fn purge(&self, base: NonNull<u8>, size: usize) -> bool;

    /// As [`purge`](Self::purge), for several ranges. `true` only if all of them now read zero. A source
    /// that can do it in one call saves the others.
    ///
    /// # Safety
    /// As for [`unmap`](Self::unmap), for each of the ranges.
    unsafe fn purge_all(&self, ranges: &[(NonNull<u8>, usize)]) -> bool {
        // SAFETY: the same contract.
        ranges.iter().fold(true, |all, &(base, size)| unsafe { self.purge(base, size) } && all)
    }

    /// Backs a range with memory ahead of its first touch, leaving the contents. `false`: it was
    /// not done, and the first touch will do it.
    ///
    /// # Safety
    /// The range is mapped and the caller's.
    unsafe fn populate(&self, base: NonNull<u8>, size: usize) -> bool;

    /// Which memory gets huge pages. The heap gives no advice where it is none.
    fn huge_pages(&self) -> HugePages {
        HugePages::None
    }

    /// Takes advice about huge pages. `false`: nothing was done.
    ///
    /// # Safety
    /// The range is mapped and stays so during the call. Others may be using it.
    unsafe fn advise_huge(&self, base: NonNull<u8>, size: usize, advice: HugeAdvice) -> bool {
        let _ = (base, size, advice);
        false
    }

    /// Makes a mapping `new` bytes long, where it stands or elsewhere at a multiple of `align` (of
    /// which `base` is one), contents kept up to the shorter size, new pages zero. `None`: not possible, nothing has changed.
    ///
    /// # Safety
    /// `base..base + old` is one mapping of this source, the caller's, and is no longer used under
    /// its old address once this succeeds.
    unsafe fn remap(
        &self,
        base: NonNull<u8>,
        old: usize,
        new: usize,
        align: usize,
    ) -> Option<NonNull<u8>>;

    /// Whether the source ever had memory to give. `false`: that is yet to come, as in a kernel that boots,
    /// and a call that failed is told so. Asked after failures alone.
    fn is_ready(&self) -> bool {
        true
    }
}

/// A page source with the rest of what a heap asks of its surroundings.
#[cfg(target_has_atomic = "64")]
pub trait Host: PageSource {
    /// Gives the CPU away while waiting for the heap's one lock.
    fn relax();

    /// Milliseconds of a clock that never goes back; from any point in time on, coarse is good enough.
    /// Without a clock, always the same: then the heap learns what it should have kept, and forgets
    /// it never. Called on cold paths.
    fn millis(&self) -> u64 {
        0
    }

    /// Whether the host has a [`barrier`](Self::barrier). Then caches are listed from their first call
    /// until they are retired, and must not move meanwhile.
    const REACHES: bool = false;

    /// Makes every thread that uses the heap pass a full memory fence before this returns. `false`: it
    /// could not be done. By it the heap gets at what the caches of idle threads hold.
    fn barrier(&self) -> bool {
        false
    }

    /// Memory came free on a cold path: a thread that calls [`Heap::decay`](crate::Heap::decay) has
    /// something to do. Called often, under no lock.
    fn stirred(&self) {}

    /// Whether a thread calls [`Heap::decay`](crate::Heap::decay) now, whenever something
    /// [stirred](Self::stirred): what a program often takes again is then kept in whole, for it goes back
    /// with time. Called on cold paths.
    fn decays(&self) -> bool {
        false
    }

    /// More is free than a thread of the host's should leave. `true`: it will call
    /// [`Heap::keep`](crate::Heap::keep) soon, so that calls which free need not do the work. Called on cold
    /// paths, under no lock.
    fn press(&self) -> bool {
        false
    }

    /// `cache` was started by its first cold call. The host arranges for
    /// [`Heap::retire_cache`](crate::Heap::retire_cache) before the cache's memory goes away. The
    /// cache is usable already: the host may allocate from it here.
    fn cache_started(&self, cache: *mut Cache);

    /// Somebody handed the heap a wrong pointer or size. A host that returns makes the heap drop
    /// the call and go on.
    fn misuse(&self, misuse: Misuse) -> Verdict;
}

/// Waiting for the one lock, the host's way.
#[cfg(target_has_atomic = "64")]
pub(crate) struct HostRelax<H>(core::marker::PhantomData<fn() -> H>);

#[cfg(all(not(loom), target_has_atomic = "64"))]
impl<H: Host> crate::sync::Relax for HostRelax<H> {
    fn relax() {
        H::relax();
    }
}

#[cfg(loom)]
impl<H: Host> crate::sync::Relax for HostRelax<H> {}
