//! A heap with a cache for each CPU over one lock-free pool.
//!
//! ```text
//! PerCpuHeap
//! +---------+---------+- - -+----------------------------------------------+
//! | cache 0 | cache 1 |     | heap: pool (lock-free), spans, arena (lock)  |
//! +---------+---------+- - -+----------------------------------------------+
//!
//! a call:  pin -> the number of this CPU -> its cache -> the heap -> unpin -> answer, or panic
//! ```
//! Who is pinned has the CPU's cache to himself, so most calls are a pop or a push, with no lock and no
//! read-modify-write. What a call cannot serve from there it gets from the pool; the one lock is taken to
//! open or close a superslab, and for spans.
//!
//! A caller stays pinned for one call at most: see the crate's "Bounded time" for how long that can be.
//! Blocks of up to 32 KiB are cleared, and more than 1 KiB of one that moves is copied, after the pin is
//! released. What the cache's lists serve is a short call, of one pin (`ready.rs`); a call that they do not
//! serve begins anew, so that the short one keeps nothing for it.

mod front;
mod global;
mod regions;

use front::Front;

use super::cpu::Cpu;
use super::host::KernelHost;
use super::request::{AllocError, FreeError, Request};
use crate::cache::Cache;
use crate::class::LARGEST;
use crate::heap::Heap;
use crate::misuse::{Misuse, MisuseKind};
use crate::registry::{Flat, Registry};
use crate::release::Purged;
use crate::source::PageSource;
use crate::stats::Stats;
use crate::sync::{cells, const_fn};
#[cfg(any(test, feature = "validate"))]
use crate::{broken::Broken, validate::Census};
use core::alloc::Layout;
use core::marker::PhantomData;
use core::ptr::{NonNull, null_mut};

/// A heap for a kernel with several CPUs, numbered from 0 to `CPUS`: `C` says how to pin a caller to one.
///
/// Made to be a `static` and the global allocator. All of it is zero before its first use, so it takes
/// no room in the kernel's file.
///
/// What is free stays with the heap until memory runs out or [`purge`](Self::purge) is called.
///
/// # Interrupt handlers
/// Where `C` disables interrupts, handlers may allocate and free as everyone does. It costs the time that
/// calls keep interrupts disabled: a list's pop or push most times, what the crate's "Bounded time" says
/// at most, and what the source takes, its growth hook too, where a superslab or a large block is
/// mapped. An allocation that finds nothing at hand may wait for the one lock, whose holder is another
/// CPU, pinned too, so that it always comes free; a request that is to be served [now](Request::now) gets
/// an error instead.
///
/// A call that comes out of another on its CPU all the same, from a hook or from a handler that `C` does not
/// hold off, is told so and does nothing: `Reentered`, null, or a panic.
pub struct PerCpuHeap<S: PageSource, C: Cpu, R: Registry = Flat<1024>, const CPUS: usize = 8> {
    fronts: [Front; CPUS],
    heap: Heap<KernelHost<S, C, CPUS>, R>,
    cpu: PhantomData<fn() -> C>,
}

/// Why a call did not get at a cache.
enum Refused {
    /// The CPU has a number past the caches.
    OutOfRange { id: usize, most: usize },
    /// The cache is in use, by a call that this one came out of.
    Reentered,
}

impl From<Refused> for AllocError {
    #[cold]
    fn from(refused: Refused) -> Self {
        match refused {
            Refused::OutOfRange { id, most } => Self::CpuOutOfRange { id, most },
            Refused::Reentered => Self::Reentered,
        }
    }
}

impl From<Refused> for FreeError {
    #[cold]
    fn from(refused: Refused) -> Self {
        match refused {
            Refused::OutOfRange { id, most } => Self::CpuOutOfRange { id, most },
            Refused::Reentered => Self::Reentered,
        }
    }
}

impl<S: PageSource, C: Cpu, const SLOTS: usize, const CPUS: usize>
    PerCpuHeap<S, C, Flat<SLOTS>, CPUS>
{
    const_fn! {
        /// A heap over `source`, with a registry for `SLOTS` x 64 KiB.
        pub fn new(source: S) -> Self {
            Self::with_registry(source, Flat::new())
        }
    }
}

impl<S: PageSource, C: Cpu, R: Registry, const CPUS: usize> PerCpuHeap<S, C, R, CPUS> {
    const_fn! {
        /// A heap over `source`, with a registry of the caller's choice.
        pub fn with_registry(source: S, registry: R) -> Self {
            const { assert!(C::EXCLUDES, "two callers could have the same cache at once") };
            Self {
                fronts: cells!(Front::new(); CPUS),
                heap: Heap::with_registry(KernelHost::new(source), registry),
                cpu: PhantomData,
            }
        }
    }

    /// The page source. A lock that it has must be taken by who is pinned alone, or by nobody.
    pub const fn source(&self) -> &S {
        self.heap.host().source()
    }

    /// Pins the caller and lends it the cache of its CPU; then `after`, with the number of the CPU.
    #[inline(always)]
    fn on_cpu<T, U>(
        &self,
        work: impl FnOnce(&mut Cache) -> T,
        after: impl FnOnce(T, usize) -> U,
    ) -> Result<U, Refused> {
        let pinned = C::pin();
        let id = C::id(&pinned);
        // SAFETY: the caller is pinned to this CPU.
        let done = unsafe { self.with_cache(id, work) }?;
        Ok(after(done, id))
    }

    /// Lends the cache of a CPU.
    ///
    /// # Safety
    /// The caller is pinned to the CPU, or nobody is and will be before this returns.
    #[inline(always)]
    unsafe fn with_cache<T>(
        &self,
        id: usize,
        work: impl FnOnce(&mut Cache) -> T,
    ) -> Result<T, Refused> {
        let front = self.fronts.get(id).ok_or(Refused::OutOfRange { id, most: CPUS })?;
        // SAFETY: the caller's promise.
        unsafe { front.with(work, || self.heap.host().has_noted(id)) }.ok_or(Refused::Reentered)
    }

    /// As [`on_cpu`](Self::on_cpu), for work that reports nothing: `otherwise`, where there is no cache.
    #[inline(always)]
    fn at_once<T>(&self, otherwise: T, work: impl FnOnce(&mut Cache) -> T) -> T {
        let pinned = C::pin();
        // SAFETY: the caller is pinned to this CPU.
        let lend = |front: &Front| unsafe { front.with_short(work) };
        let done = self.fronts.get(C::id(&pinned)).and_then(lend);
        done.unwrap_or(otherwise)
    }

    /// What lies ready for a layout, or null.
    #[inline(always)]
    fn pop(&self, layout: Layout) -> *mut u8 {
        let (size, align) = (layout.size(), layout.align());
        // SAFETY: the front's caches serve this heap alone; the alignment of a layout is a power of two.
        self.at_once(null_mut(), |cache| unsafe { self.heap.pop_ready(cache, size, align) })
    }

    /// Frees a block into its list. False: it is not free.
    ///
    /// # Safety
    /// As for [`deallocate`](Self::deallocate).
    #[inline(always)]
    unsafe fn push(&self, block: NonNull<u8>, layout: Layout) -> bool {
        let (size, align) = (layout.size(), layout.align());
        // SAFETY: the caller's promise, and as in `pop`.
        self.at_once(false, |cache| unsafe { self.heap.push_ready(cache, block, size, align) })
    }

    /// Allocates memory.
    ///
    /// # Errors
    /// See [`AllocError`].
    #[inline]
    pub fn allocate(&self, request: Request) -> Result<NonNull<[u8]>, AllocError> {
        let layout = request.layout();
        let start = match NonNull::new(self.pop(layout)) {
            Some(start) => start,
            None => self.allocate_slow(request)?,
        };
        if request.is_zeroed() && (layout.size() <= LARGEST || request.is_now()) {
            // SAFETY: a block of that size, just allocated.
            unsafe { start.write_bytes(0, layout.size()) };
        }
        Ok(NonNull::slice_from_raw_parts(start, layout.size()))
    }

    /// A block for a request that no list has one for; not cleared where that can be done later.
    #[cold]
    #[inline(never)]
    fn allocate_slow(&self, request: Request) -> Result<NonNull<u8>, AllocError> {
        let start = self.on_cpu(|cache| self.take(cache, request), |start, _| start)?;
        NonNull::new(start).ok_or_else(|| self.want(request))
    }

    fn take(&self, cache: &mut Cache, request: Request) -> *mut u8 {
        let (size, align) = (request.layout().size(), request.layout().align());
        // A kernel's memory is backed anyway, and what it suffers from most is a long call.
        self.heap.set_release(false);
        self.heap.set_growth(false);
        // SAFETY: the front's caches serve this heap alone; the alignment of a layout is a power of two.
        unsafe {
            if request.is_now() {
                self.heap.allocate_now(cache, size, align)
            } else if request.is_zeroed() && size > LARGEST {
                // Whether it is zero already, the layers below know.
                self.heap.allocate_zeroed_aligned(cache, size, align)
            } else {
                self.heap.allocate_aligned(cache, size, align)
            }
        }
    }

    /// Why there was nothing for a request.
    #[cold]
    fn want(&self, request: Request) -> AllocError {
        if !self.heap.host().is_ready() {
            AllocError::NotInitialised
        } else if request.is_now() {
            AllocError::WouldWait
        } else {
            AllocError::NoMemory
        }
    }

    /// Frees a block that was allocated with `layout`, or resized in place to its size.
    ///
    /// # Errors
    /// See [`FreeError`].
    ///
    /// # Safety
    /// The block is one of this heap's, and its user gives it up. Wrong calls are answered as far as the
    /// crate's "What is caught" says.
    #[inline]
    pub unsafe fn deallocate(&self, block: NonNull<u8>, layout: Layout) -> Result<(), FreeError> {
        // SAFETY: the caller's promise.
        if unsafe { self.push(block, layout) } {
            return Ok(());
        }
        // SAFETY: as above.
        unsafe { self.deallocate_slow(block, layout) }
    }

    /// Frees a block that its list does not take, or finds out what is wrong with it.
    ///
    /// # Safety
    /// As for [`deallocate`](Self::deallocate).
    #[cold]
    #[inline(never)]
    unsafe fn deallocate_slow(&self, block: NonNull<u8>, layout: Layout) -> Result<(), FreeError> {
        let (start, size, align) = (block.as_ptr(), layout.size(), layout.align());
        let misuse = self.on_cpu(
            // SAFETY: the caller's promise, and as in `take`.
            |cache| unsafe { self.heap.deallocate_sized(cache, start, size, align) },
            |(), id| self.heap.host().take_misuse(id),
        )?;
        match misuse {
            None => Ok(()),
            Some(misuse) => Err(self.wrong(misuse)),
        }
    }

    /// What a wrong call is answered with.
    #[cold]
    fn wrong(&self, misuse: Misuse) -> FreeError {
        if misuse.kind == MisuseKind::NotOurs && !self.heap.host().is_ready() {
            FreeError::NotInitialised
        } else {
            FreeError::Misuse(misuse)
        }
    }

    /// Makes a block that was allocated with `old` hold `new_size` bytes where it stands; from then on
    /// its layout has that size. It copies nothing; for a block of more than 32 KiB it may wait for the
    /// one lock.
    ///
    /// # Errors
    /// [`AllocError::NoRoom`] where that cannot be; nothing has changed then, and the block's user may
    /// allocate another and copy. See [`AllocError`] for the others.
    ///
    /// # Safety
    /// The block is one of this heap's, and its user's.
    pub unsafe fn resize_in_place(
        &self,
        block: NonNull<u8>,
        old: Layout,
        new_size: usize,
    ) -> Result<(), AllocError> {
        let (start, size, align) = (block.as_ptr(), old.size(), old.align());
        let (resized, misuse) = self.on_cpu(
            // SAFETY: the caller's promise.
            |_| unsafe { self.heap.resize_in_place(start, size, align, new_size) },
            |resized, id| (resized, if resized { None } else { self.heap.host().take_misuse(id) }),
        )?;
        match misuse.map(|misuse| self.wrong(misuse)) {
            _ if resized => Ok(()),
            None => Err(AllocError::NoRoom),
            Some(FreeError::Misuse(misuse)) => Err(AllocError::Misuse(misuse)),
            Some(_) => Err(AllocError::NotInitialised),
        }
    }

    /// Hands back what lies in the cache of a CPU: before or after it goes offline. Should it come back,
    /// it starts with an empty one.
    ///
    /// # Errors
    /// See [`FreeError`]: wrong frees of that CPU may be noticed now.
    ///
    /// # Safety
    /// CPU `id` is the caller's own, or it is offline: nobody is pinned to it before this returns, and
    /// what was done on it before is seen by the caller.
    pub unsafe fn retire_cpu(&self, id: usize) -> Result<(), FreeError> {
        let pinned = C::pin();
        // SAFETY: the caller's promise.
        unsafe {
            self.with_cache(id, |cache| {
                self.heap.retire_cache(cache);
                cache.renew();
            })?;
        }
        // It is written down for the CPU that made the call.
        let misuse = self.heap.host().take_misuse(C::id(&pinned));
        drop(pinned);
        misuse.map_or(Ok(()), |misuse| Err(self.wrong(misuse)))
    }

    /// Gives what is free back to the source: what lies in the cache of this CPU, and in none. Looks at all
    /// of the heap, pinned: a long call.
    ///
    /// A CPU without a cache gives back what is in none; a call that came out of another, nothing.
    pub fn purge(&self) -> Purged {
        let pinned = C::pin();
        // SAFETY: as in `on_cpu`.
        match unsafe { self.with_cache(C::id(&pinned), |cache| self.heap.purge(cache)) } {
            Ok(purged) => purged,
            Err(Refused::OutOfRange { .. }) => {
                Purged { bytes: self.heap.relieve(), ..Purged::default() }
            }
            Err(Refused::Reentered) => Purged::default(),
        }
    }

    /// All that the heap counts. Caches count as in use.
    pub fn details(&self) -> Stats {
        // The lock is never held by who could be held off.
        let _pinned = C::pin();
        self.heap.stats()
    }

    /// Checks every invariant of the heap. Needs a heap at rest: no other CPU is in a call.
    #[cfg(any(test, feature = "validate"))]
    pub fn validate(&self) -> Result<Census, Broken> {
        let _pinned = C::pin();
        self.heap.validate()
    }
}
