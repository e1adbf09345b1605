//! Changing the size of a block: in place where the block's class, span size or mapping allows.

use crate::cache::Cache;
use crate::class::LARGEST;
use crate::entry::{Entry, Kind};
use crate::heap::Heap;
use crate::misuse::MisuseKind;
use crate::registry::Registry;
use crate::source::Host;
use core::ptr::null_mut;

impl<H: Host, R: Registry> Heap<H, R> {
    /// Makes a block `new_size` bytes long, its contents kept up to the shorter size. Null: no
    /// memory, or not a block of ours (which is reported); the old block stands.
    ///
    /// # Safety
    /// `cache` belongs to this heap; `ptr` is not null, and a block of this heap whose user gives
    /// it up if this succeeds.
    pub unsafe fn reallocate(&self, cache: &mut Cache, ptr: *mut u8, new_size: usize) -> *mut u8 {
        let kind = self.listed(Entry(self.registry.entry(ptr.addr())), ptr.addr());
        let old_size = match kind {
            Kind::Slab(class) if Self::is_class_for(class, new_size, 1) => return ptr,
            Kind::Slab(class) => class.size(),
            Kind::Span(_) | Kind::Large(_) => {
                let Some(size) = self.usable_size(ptr) else {
                    return self.misuse_realloc(self.mistake_at(ptr.addr()), ptr.addr());
                };
                // SAFETY: a live span or large block begins here.
                let resized = unsafe { self.resize(kind, ptr, size, new_size, 1) };
                if !resized.is_null() {
                    return resized;
                }
                size
            }
            Kind::Idle => return self.misuse_realloc(MisuseKind::DoubleFree, ptr.addr()),
            Kind::Foreign => return self.misuse_realloc(MisuseKind::NotOurs, ptr.addr()),
        };
        // SAFETY: the cache is this heap's.
        let new = unsafe { self.allocate(cache, new_size) };
        if !new.is_null() {
            // SAFETY: both blocks hold the shorter size, and are distinct.
            unsafe { new.copy_from_nonoverlapping(ptr, old_size.min(new_size)) };
            // SAFETY: the user gave the old block up.
            unsafe { self.deallocate(cache, ptr) };
        }
        new
    }

    /// As [`reallocate`](Self::reallocate), where the caller knows size and alignment of the
    /// block. Stays in place only where the new size maps to the block's own class or span size.
    ///
    /// # Safety
    /// As for [`reallocate`](Self::reallocate); `align` is a power of two, and it and `old_size`
    /// are what the block was asked for with.
    #[inline(never)]
    pub unsafe fn reallocate_sized(
        &self,
        cache: &mut Cache,
        ptr: *mut u8,
        old_size: usize,
        align: usize,
        new_size: usize,
    ) -> *mut u8 {
        let kind = self.listed(Entry(self.registry.entry(ptr.addr())), ptr.addr());
        match kind {
            Kind::Slab(class) if Self::is_class_for(class, new_size, align) => return ptr,
            Kind::Span(_) | Kind::Large(_) => {
                let Some(size) = self.usable_size(ptr) else {
                    return self.misuse_realloc(self.mistake_at(ptr.addr()), ptr.addr());
                };
                // SAFETY: a live span or large block begins here.
                let resized = unsafe { self.resize(kind, ptr, size, new_size, align) };
                if !resized.is_null() {
                    return resized;
                }
            }
            Kind::Slab(_) => {}
            Kind::Idle => return self.misuse_realloc(MisuseKind::DoubleFree, ptr.addr()),
            Kind::Foreign => return self.misuse_realloc(MisuseKind::NotOurs, ptr.addr()),
        }
        // SAFETY: the cache is this heap's.
        let new = unsafe { self.allocate_aligned(cache, new_size, align) };
        if !new.is_null() {
            // SAFETY: both blocks hold the shorter size, and are distinct.
            unsafe { new.copy_from_nonoverlapping(ptr, old_size.min(new_size)) };
            // SAFETY: the user gave the old block up.
            unsafe { self.deallocate_sized(cache, ptr, old_size, align) };
        }
        new
    }

    /// What is wrong with a pointer into spans or a large block at which no live one begins.
    #[cold]
    fn mistake_at(&self, address: usize) -> MisuseKind {
        match self.describe(address) {
            Some(place) if place.free == Some(true) => MisuseKind::DoubleFree,
            _ => MisuseKind::Interior,
        }
    }

    /// A span in place, a large mapping in place or by remap. Null: neither is possible.
    unsafe fn resize(
        &self,
        kind: Kind,
        ptr: *mut u8,
        size: usize,
        new_size: usize,
        align: usize,
    ) -> *mut u8 {
        match kind {
            Kind::Span(_)
                if (new_size > LARGEST || align > LARGEST)
                    && Self::is_span_sized(new_size, align)
                    && Self::span_holds(new_size, align) == size =>
            {
                ptr
            }
            Kind::Large(number) if !Self::is_span_sized(new_size, align) => {
                // SAFETY: the caller's promise.
                unsafe { self.reallocate_large(ptr, number, new_size, align) }
            }
            _ => null_mut(),
        }
    }

    /// Bytes that the block at `ptr` holds. `None`: no block of this heap begins there, as far as
    /// the tables tell (in a slab, any block's start looks live).
    pub fn usable_size(&self, ptr: *const u8) -> Option<usize> {
        match self.listed(Entry(self.registry.entry(ptr.addr())), ptr.addr()) {
            Kind::Slab(_) => {
                let home = self.home_of(ptr.addr())?;
                home.class.index_of(ptr.addr().wrapping_sub(home.base)).map(|_| home.class.size())
            }
            Kind::Span(number) => self.span_size_at(ptr.addr(), number),
            Kind::Large(number) => self.large_size_at(ptr.addr(), number),
            Kind::Idle | Kind::Foreign => None,
        }
    }
}
