//! One heap behind one spin lock.
//!
//! ```text
//! allocate
//! ├─ pin, lock, the engine has a block ........ unlock, unpin, clear it if it must read zero
//! ├─ a request that must not wait, lock held .. WouldWait
//! └─ no memory, and there is a hook ........... unlock, unpin, ask it, add what it gave, once more
//! ```

use super::cpu::{Cpu, NoCpu};
use super::profile::{Engine, Fresh, Profile, sealed};
use super::request::{AllocError, FreeError, Request, fail};
use super::stats::KernelStats;
#[cfg(any(test, feature = "validate"))]
use crate::broken::Broken;
use crate::region::{Growth, Hook, RegionError};
use crate::sync::{Lock, Spin};
use core::alloc::{GlobalAlloc, Layout};
use core::marker::PhantomData;
use core::ptr::{NonNull, null_mut};

/// Regions that one request may make a hook add: the first block of a heap needs tables beside its slab.
const GROWTHS: usize = 8;

/// A heap for kernels of one CPU, or of several that allocate seldom: all calls go through one lock.
///
/// `P` says what memory it is for, [`Hosted`](super::Hosted) or [`Embedded`](super::Embedded). `C` says
/// how a CPU keeps its interrupt handlers off while it holds the lock: [`NoCpu`], if handlers neither
/// allocate nor free.
pub struct LockedHeap<P: Profile, C: Cpu = NoCpu> {
    engine: Lock<<P as sealed::Sealed>::Engine, Spin>,
    hook: Hook,
    cpu: PhantomData<fn() -> C>,
}

/// Why the engine did not serve a request.
enum Failure {
    Final(AllocError),
    /// More memory would do: so much, and so aligned.
    Missed(usize, usize),
}

impl<P: Profile, C: Cpu> LockedHeap<P, C> {
    /// A heap without memory: all zero, so that a `static` is in `.bss`.
    pub const fn empty() -> Self {
        Self::with_hook(None)
    }

    /// A heap without memory that asks `hook` for it, each time that it runs out: for at least `size` bytes
    /// at a multiple of `align`, which the region that the hook answers must have room for. More is better:
    /// a request asks a few times at most. The hook is called under no lock and unpinned.
    ///
    /// The hook owes what [`add`](Self::add) asks for. It must not allocate from this heap; where it does,
    /// it is asked for that in turn, and after some such turns there is no memory. A region that `add`
    /// would refuse counts as none.
    pub const fn with_growth(hook: Growth) -> Self {
        Self::with_hook(Some(hook))
    }

    const fn with_hook(hook: Option<Growth>) -> Self {
        Self {
            engine: Lock::new(<P as sealed::Sealed>::Engine::EMPTY),
            hook: Hook::new(hook),
            cpu: PhantomData,
        }
    }

    /// Hands the heap its first region. Any start will do: what is not whole units of the profile's is left
    /// alone.
    ///
    /// # Errors
    /// [`Initialised`](RegionError::Initialised), if it has one; and whatever [`add`](Self::add) refuses.
    ///
    /// # Safety
    /// As for [`add`](Self::add).
    pub unsafe fn init(&self, start: *mut u8, size: usize) -> Result<(), RegionError> {
        self.locked(|engine| {
            if engine.is_ready() {
                return Err(RegionError::Initialised);
            }
            // SAFETY: the caller's promise.
            unsafe { engine.add(start, size) }
        })
    }

    /// Hands the heap one more region, or the first one.
    ///
    /// # Errors
    /// A null pointer; a region that is too small, reaches past the end of addresses or out of the
    /// profile's window, overlaps another or was given before; one more than there are places. Nothing
    /// has changed then.
    ///
    /// # Safety
    /// The region is readable and writable memory that nobody else uses, for good.
    pub unsafe fn add(&self, start: *mut u8, size: usize) -> Result<(), RegionError> {
        // SAFETY: the caller's promise.
        self.locked(|engine| unsafe { engine.add(start, size) })
    }

    /// Allocates a block: as long as asked for at least, and as aligned. Size 0 gets a block too.
    ///
    /// # Errors
    /// [`NoMemory`](AllocError::NoMemory); [`WouldWait`](AllocError::WouldWait), where the request must not
    /// wait and somebody holds the lock, or the hook had to be asked;
    /// [`NotInitialised`](AllocError::NotInitialised).
    #[inline]
    pub fn allocate(&self, request: Request) -> Result<NonNull<[u8]>, AllocError> {
        let layout = request.layout();
        let served = self.serve(request);
        let fresh = served.or_else(|failure| self.serve_grown(request, failure))?;
        if request.is_zeroed() && !fresh.zeroed {
            // SAFETY: just allocated, and as long.
            unsafe { fresh.start.as_ptr().write_bytes(0, layout.size()) };
        }
        Ok(NonNull::slice_from_raw_parts(fresh.start, layout.size()))
    }

    /// Frees a block.
    ///
    /// # Errors
    /// See [`FreeError`]. The block that a misuse names was not freed; in a hosted heap that may be one
    /// that was freed wrongly before, and is noticed now: then this one is free.
    ///
    /// # Safety
    /// The block is the caller's to give up, if it is one of this heap's at all; `layout` is what it was
    /// allocated with, but for the size if it was resized since.
    #[inline]
    pub unsafe fn deallocate(&self, block: NonNull<u8>, layout: Layout) -> Result<(), FreeError> {
        let (start, size, align) = (block.as_ptr(), layout.size(), layout.align());
        self.locked(|engine| {
            // SAFETY: the caller's promise.
            let freed = unsafe { engine.deallocate(start, size, align) };
            freed.map_err(|misuse| match engine.is_ready() {
                true => FreeError::Misuse(misuse),
                false => FreeError::NotInitialised,
            })
        })
    }

    /// Makes a block `new_size` bytes long where it stands. From then on that is its layout's size.
    ///
    /// # Errors
    /// [`NoRoom`](AllocError::NoRoom), where it would have to move; what is wrong with it or its size.
    /// Nothing has changed then.
    ///
    /// # Safety
    /// As for [`deallocate`](Self::deallocate); the block stays the caller's.
    pub unsafe fn resize_in_place(
        &self,
        block: NonNull<u8>,
        old: Layout,
        new_size: usize,
    ) -> Result<(), AllocError> {
        let (start, size, align) = (block.as_ptr(), old.size(), old.align());
        self.locked(|engine| {
            // SAFETY: the caller's promise.
            match unsafe { engine.resize(start, size, align, new_size) } {
                Ok(true) => Ok(()),
                _ if !engine.is_ready() => Err(AllocError::NotInitialised),
                Ok(false) => Err(AllocError::NoRoom),
                Err(misuse) => Err(AllocError::Misuse(misuse)),
            }
        })
    }

    /// The heap in numbers. Allocates nothing, and holds the lock while it looks at each slab.
    pub fn stats(&self) -> KernelStats {
        self.locked(|engine| engine.stats())
    }

    /// Gives what is free back to the regions, from where any kind of block can take it: after a phase
    /// that used much of one kind. Without it that happens when memory runs out. Answers the bytes.
    pub fn purge(&self) -> usize {
        self.locked(Engine::purge)
    }

    /// Checks every invariant of the heap.
    #[cfg(any(test, feature = "validate"))]
    pub fn validate(&self) -> Result<(), Broken> {
        self.locked(Engine::validate)
    }

    /// Runs with the lock held, and the caller pinned around it.
    #[inline(always)]
    fn locked<T>(&self, run: impl FnOnce(&mut <P as sealed::Sealed>::Engine) -> T) -> T {
        let _pinned = C::pin();
        self.engine.with(run)
    }

    /// An allocation that was not to be had at first: asks the hook.
    #[cold]
    #[inline(never)]
    fn alloc_slow(&self, layout: Layout) -> *mut u8 {
        let block = self.allocate(Request::new(layout));
        block.map_or(null_mut(), |block| block.cast().as_ptr())
    }

    #[inline(always)]
    fn serve(&self, request: Request) -> Result<Fresh, Failure> {
        let (size, align) = (request.layout().size(), request.layout().align());
        let run = |engine: &mut <P as sealed::Sealed>::Engine| {
            let fresh = engine.allocate(size, align, request.is_zeroed());
            fresh.ok_or_else(|| self.failure(engine, size, align))
        };
        if !request.is_now() {
            return self.locked(run);
        }
        let _pinned = C::pin();
        self.engine.try_with(run).unwrap_or(Err(Failure::Final(AllocError::WouldWait)))
    }

    /// Why there was no block.
    #[cold]
    fn failure(
        &self,
        engine: &mut <P as sealed::Sealed>::Engine,
        size: usize,
        align: usize,
    ) -> Failure {
        match engine.missed(size, align) {
            Some((size, align)) if self.hook.is_some() => Failure::Missed(size, align),
            _ if engine.is_ready() => Failure::Final(AllocError::NoMemory),
            _ => Failure::Final(AllocError::NotInitialised),
        }
    }

    /// Serves a request that failed, by what the hook has.
    #[cold]
    fn serve_grown(&self, request: Request, failure: Failure) -> Result<Fresh, AllocError> {
        let mut failure = failure;
        for _ in 0..GROWTHS {
            match failure {
                Failure::Final(error) => return Err(error),
                Failure::Missed(..) if request.is_now() => return Err(AllocError::WouldWait),
                Failure::Missed(size, align) => {
                    let (start, size) = self.hook.ask(size, align).ok_or(AllocError::NoMemory)?;
                    // SAFETY: what the hook owes.
                    unsafe { self.add(start, size) }.map_err(|_| AllocError::NoMemory)?;
                }
            }
            match self.serve(request) {
                Ok(fresh) => return Ok(fresh),
                Err(next) => failure = next,
            }
        }
        Err(AllocError::NoMemory)
    }

    /// # Safety
    /// As for [`GlobalAlloc::realloc`].
    #[cold]
    #[inline(never)]
    unsafe fn realloc_slow(&self, block: NonNull<u8>, layout: Layout, new_size: usize) -> *mut u8 {
        // SAFETY: the caller's promise.
        match unsafe { self.resize_in_place(block, layout, new_size) } {
            Ok(()) => block.as_ptr(),
            // SAFETY: as above.
            Err(AllocError::NoRoom) => unsafe { self.move_block(block, layout, new_size) },
            Err(AllocError::Misuse(misuse)) => fail(&FreeError::Misuse(misuse)),
            Err(_) => fail(&FreeError::NotInitialised),
        }
    }

    /// A copy of a block that cannot grow where it stands; the block is freed.
    ///
    /// # Safety
    /// As for [`GlobalAlloc::realloc`].
    #[cold]
    unsafe fn move_block(&self, block: NonNull<u8>, old: Layout, new_size: usize) -> *mut u8 {
        let Ok(new) = Layout::from_size_align(new_size, old.align()) else {
            return null_mut();
        };
        let Ok(moved) = self.allocate(Request::new(new)) else {
            let (start, size, align) = (block.as_ptr(), old.size(), old.align());
            // SAFETY: the caller's promise.
            let squeezed =
                self.locked(|engine| unsafe { engine.squeeze(start, size, align, new_size) });
            return squeezed.unwrap_or_else(|misuse| fail(&FreeError::Misuse(misuse)));
        };
        let moved = moved.cast::<u8>().as_ptr();
        // SAFETY: both blocks hold the shorter size, and are distinct.
        unsafe { moved.copy_from_nonoverlapping(block.as_ptr(), old.size().min(new_size)) };
        // SAFETY: the caller gives it up.
        if let Err(error) = unsafe { self.deallocate(block, old) } {
            fail(&error);
        }
        moved
    }
}

impl<P: Profile, C: Cpu> Default for LockedHeap<P, C> {
    fn default() -> Self {
        Self::empty()
    }
}

// SAFETY: blocks are as long and as aligned as asked for, and nobody else's until they are freed; no call
// unwinds.
unsafe impl<P: Profile, C: Cpu> GlobalAlloc for LockedHeap<P, C> {
    #[inline]
    unsafe fn alloc(&self, layout: Layout) -> *mut u8 {
        let (size, align) = (layout.size(), layout.align());
        // A plain pointer: it leaves the lock in a register, a `Result` by way of memory.
        let start = self.locked(|engine| match engine.allocate(size, align, false) {
            Some(fresh) => fresh.start.as_ptr(),
            None => null_mut(),
        });
        if start.is_null() && self.hook.is_some() { self.alloc_slow(layout) } else { start }
    }

    #[inline]
    unsafe fn alloc_zeroed(&self, layout: Layout) -> *mut u8 {
        let block = self.allocate(Request::new(layout).zeroed());
        block.map_or(null_mut(), |block| block.cast().as_ptr())
    }

    #[inline]
    unsafe fn dealloc(&self, ptr: *mut u8, layout: Layout) {
        let Some(block) = NonNull::new(ptr) else { return };
        // SAFETY: the caller's promise.
        if let Err(error) = unsafe { self.deallocate(block, layout) } {
            fail(&error);
        }
    }

    #[inline]
    unsafe fn realloc(&self, ptr: *mut u8, layout: Layout, new_size: usize) -> *mut u8 {
        let Some(block) = NonNull::new(ptr) else { return null_mut() };
        let (size, align) = (layout.size(), layout.align());
        // SAFETY: the caller's promise.
        let moved = self.locked(|engine| unsafe { engine.move_ready(ptr, size, align, new_size) });
        if moved.is_null() {
            // SAFETY: as above.
            unsafe { self.realloc_slow(block, layout, new_size) }
        } else {
            moved
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::kernel::{Embedded, Hosted};

    /// What runs in an interrupt while the lock is held gets its answer at once.
    fn answers_while_locked<P: Profile>(heap: &LockedHeap<P>) {
        let request = Request::new(Layout::new::<u64>());
        heap.engine.with(|_| {
            assert_eq!(heap.allocate(request.now()), Err(AllocError::WouldWait));
            assert_eq!(heap.allocate(request.zeroed().now()), Err(AllocError::WouldWait));
        });
        assert_eq!(heap.allocate(request.now()), Err(AllocError::NotInitialised));
    }

    #[test]
    fn who_must_not_wait_is_answered_while_the_lock_is_held() {
        static HOSTED: LockedHeap<Hosted> = LockedHeap::empty();
        static EMBEDDED: LockedHeap<Embedded> = LockedHeap::empty();
        answers_while_locked(&HOSTED);
        answers_while_locked(&EMBEDDED);
    }
}
