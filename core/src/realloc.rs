//! Changing the size of a block.
//!
//! ```text
//! reallocate                                                 resize_in_place
//! ├─ no block begins there, or another size was stated ... misuse; null ......... false
//! ├─ slab: the new size is of the same class ............. stays ................ true
//! ├─ span: the grains behind it are free ................. stays, longer or shorter  true
//! ├─ large: in place, or its pages are remapped .......... large/resize.rs ...... in place alone
//! ├─ a new block, a copy, a free
//! └─ no memory for that: large once more, for what was reclaimed may be enough to lengthen it
//! ```

use crate::cache::Cache;
use crate::class::LARGEST;
use crate::entry::{Entry, Kind};
use crate::heap::Heap;
use crate::misuse::MisuseKind;
use crate::registry::Registry;
use crate::source::Host;

/// A block that is to be resized.
struct Old {
    kind: Kind,
    /// Bytes that it was asked for with; all that it holds, where nobody says.
    size: usize,
    align: usize,
}

impl<H: Host, R: Registry> Heap<H, R> {
    /// Makes a block `new_size` bytes long, its contents kept up to the shorter size. Null: no
    /// memory, or not a block of ours (which is reported); the old block stands.
    ///
    /// # Safety
    /// `cache` belongs to this heap; `ptr` is not null, and a block of this heap whose user gives
    /// it up if this succeeds.
    #[inline]
    pub unsafe fn reallocate(&self, cache: &mut Cache, ptr: *mut u8, new_size: usize) -> *mut u8 {
        // SAFETY: the caller's promise.
        unsafe { self.reallocate_any(cache, ptr, None, new_size) }
    }

    /// As [`reallocate`](Self::reallocate), where the caller knows size and alignment of the block,
    /// which are checked, and wants the alignment kept.
    ///
    /// # Safety
    /// As for [`reallocate`](Self::reallocate); `align` is a power of two.
    #[inline]
    pub unsafe fn reallocate_sized(
        &self,
        cache: &mut Cache,
        ptr: *mut u8,
        old_size: usize,
        align: usize,
        new_size: usize,
    ) -> *mut u8 {
        // SAFETY: the caller's promise.
        unsafe { self.reallocate_any(cache, ptr, Some((old_size, align)), new_size) }
    }

    #[inline(never)]
    unsafe fn reallocate_any(
        &self,
        cache: &mut Cache,
        ptr: *mut u8,
        stated: Option<(usize, usize)>,
        new_size: usize,
    ) -> *mut u8 {
        let Some(old) = self.old_block(ptr, stated) else {
            return core::ptr::null_mut();
        };
        if self.resize_here(ptr, &old, new_size) {
            return ptr;
        }
        let Old { size: old_size, align, .. } = old;
        // SAFETY: the caller's promise.
        let resize_large = || unsafe { self.resize_large(ptr, &old, new_size, true) };
        let resized = resize_large();
        if !resized.is_null() {
            return resized;
        }
        // SAFETY: the cache is this heap's.
        let new = unsafe { self.allocate_aligned(cache, new_size, align) };
        if new.is_null() {
            return resize_large();
        }
        // SAFETY: both blocks hold the shorter size, and are distinct.
        unsafe { new.copy_from_nonoverlapping(ptr, old_size.min(new_size)) };
        // SAFETY: the user gave the old block up.
        unsafe { self.deallocate(cache, ptr) };
        new
    }

    /// Makes a block that was asked for with `old_size` bytes at `align`, which is checked, hold
    /// `new_size` where it stands. `false`: it cannot, or it is no such block (which is reported);
    /// nothing has changed. Where it can, a later free states the new size.
    ///
    /// For a block of up to 32 KiB this reads tables alone; for a larger one it may wait for the one lock.
    ///
    /// # Safety
    /// `ptr` is not null, and a block of this heap that is its caller's; `align` is a power of two.
    pub unsafe fn resize_in_place(
        &self,
        ptr: *mut u8,
        old_size: usize,
        align: usize,
        new_size: usize,
    ) -> bool {
        let Some(old) = self.old_block(ptr, Some((old_size, align))) else {
            return false;
        };
        // SAFETY: the caller's promise. The block stays where it is, so nobody's pointer is stale.
        let large = || unsafe { !self.resize_large(ptr, &old, new_size, false).is_null() };
        self.resize_here(ptr, &old, new_size) || large()
    }

    /// What begins at `ptr`, if it is what is `stated`. `None`: it is not, and that is reported.
    fn old_block(&self, ptr: *mut u8, stated: Option<(usize, usize)>) -> Option<Old> {
        let kind = self.listed(Entry(self.registry.entry(ptr.addr())), ptr.addr());
        let Some(usable) = self.usable_size_of(kind, ptr.addr()) else {
            let (mistake, size) = (self.mistake_at(kind, ptr.addr()), stated.map_or(0, |it| it.0));
            self.misuse_realloc(mistake, ptr.addr(), size, 0);
            return None;
        };
        let (size, align) = stated.unwrap_or((usable, 1));
        if stated.is_some() && !self.is_asked_for(kind, usable, size, align) {
            self.misuse_realloc(MisuseKind::WrongSize, ptr.addr(), size, usable);
            return None;
        }
        Some(Old { kind, size, align })
    }

    /// Whether a block of a slab is of the new size's class, or a span could be made that long.
    fn resize_here(&self, ptr: *mut u8, old: &Old, new_size: usize) -> bool {
        let align = old.align;
        match old.kind {
            Kind::Slab(class) => Self::is_class_for(class, new_size, align),
            Kind::Span(number) => {
                (new_size > LARGEST || align > LARGEST)
                    && Self::is_span_sized(new_size, align)
                    && ptr.addr() % align == 0
                    && self.resize_span(ptr.addr(), number, new_size)
            }
            _ => false,
        }
    }

    /// Makes a large block, if it is one, `new_size` bytes long. Null: not without copying.
    ///
    /// # Safety
    /// As for [`reallocate`](Self::reallocate).
    unsafe fn resize_large(&self, ptr: *mut u8, old: &Old, size: usize, moves: bool) -> *mut u8 {
        match old.kind {
            Kind::Large(number) if !Self::is_span_sized(size, old.align) => {
                // SAFETY: a live large block begins here.
                unsafe { self.reallocate_large(ptr, number, size, old.align, moves) }
            }
            _ => core::ptr::null_mut(),
        }
    }

    /// Whether a block of `size` usable bytes is what a request of this size and alignment gets.
    fn is_asked_for(&self, kind: Kind, size: usize, asked: usize, align: usize) -> bool {
        match kind {
            Kind::Slab(class) => Self::is_class_for(class, asked, align),
            Kind::Span(_) => Self::is_span_for(size, asked, align),
            _ => self.is_large_for(size, asked, align),
        }
    }

    /// What is wrong with a pointer at which no live block begins.
    #[cold]
    fn mistake_at(&self, kind: Kind, address: usize) -> MisuseKind {
        match kind {
            Kind::Foreign => MisuseKind::NotOurs,
            Kind::Idle => MisuseKind::DoubleFree,
            Kind::Slab(_) => MisuseKind::Interior,
            _ => match self.describe(address) {
                Some(place) if place.free == Some(true) => MisuseKind::DoubleFree,
                _ => MisuseKind::Interior,
            },
        }
    }

    /// Bytes that the block at `ptr` holds. `None`: no block of this heap begins there, as far as
    /// the tables tell (in a slab, any block's start looks live).
    pub fn usable_size(&self, ptr: *const u8) -> Option<usize> {
        let kind = self.listed(Entry(self.registry.entry(ptr.addr())), ptr.addr());
        self.usable_size_of(kind, ptr.addr())
    }

    fn usable_size_of(&self, kind: Kind, address: usize) -> Option<usize> {
        match kind {
            Kind::Slab(class) => class.measure().place(address).map(|_| class.size()),
            Kind::Span(number) => self.span_size_at(address, number),
            Kind::Large(number) => self.large_size_at(address, number),
            Kind::Idle | Kind::Foreign => None,
        }
    }
}
