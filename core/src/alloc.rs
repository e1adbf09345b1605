//! The way of an allocation.
//!
//! ```text
//! allocate(size)
//! ├─ size <= 1 KiB, the class's hot list has a block ......... pop                (hot)
//! └─ allocate_slow
//!    ├─ size <= 32 KiB
//!    │  ├─ the hot list has a block ......................... pop
//!    │  ├─ cache untouched .................................. start it, go on
//!    │  ├─ there is a cold list ............................. it becomes the hot one
//!    │  └─ refill: returned blocks, fresh stretch, next slab .. refill.rs
//!    ├─ size <= 2 MiB ...................................... span/
//!    ├─ above .............................................. large.rs
//!    └─ no memory: reclaim, the same once more, null ........ limit.rs
//! ```

use crate::cache::Cache;
use crate::class::{ClassId, LARGEST, NATURAL_ALIGN, padded};
use crate::heap::Heap;
use crate::refill::WAITS;
use crate::registry::Registry;
use crate::source::Host;
use crate::sync::light_fence;

/// What a request asks for beside its size.
#[derive(Clone, Copy)]
struct Wish {
    align: usize,
    zeroed: bool,
}

impl<H: Host, R: Registry> Heap<H, R> {
    /// Allocates `size` bytes: aligned to 16, or to 8 where `size` is at most 8. Null: no memory.
    /// Size 0 gets a block of its own.
    ///
    /// # Safety
    /// `cache` belongs to this heap.
    #[inline(always)]
    pub unsafe fn allocate(&self, cache: &mut Cache, size: usize) -> *mut u8 {
        // SAFETY: the caller's promise.
        let block = unsafe { self.allocate_hot(cache, size) };
        if block.is_null() { self.allocate_slow(cache, size) } else { block }
    }

    /// What a list of the cache has ready. Null: nothing, or the size is not in the table; then
    /// [`allocate`](Self::allocate) does the rest. For adapters that jump to a cold function.
    ///
    /// # Safety
    /// As for [`allocate`](Self::allocate).
    #[inline(always)]
    pub unsafe fn allocate_hot(&self, cache: &mut Cache, size: usize) -> *mut u8 {
        light_fence();
        let ready = if cache.door.serves(size) { cache.pop_tabled(size) } else { None };
        ready.map_or(core::ptr::null_mut(), |block| block.into_start())
    }

    /// Allocates `size` bytes at a multiple of `align`, a power of two. Null: no memory.
    ///
    /// # Safety
    /// As for [`allocate`](Self::allocate).
    #[inline(always)]
    pub unsafe fn allocate_aligned(&self, cache: &mut Cache, size: usize, align: usize) -> *mut u8 {
        debug_assert!(align.is_power_of_two());
        if align <= NATURAL_ALIGN {
            // 8 bytes at 16 are 16 bytes.
            let size = if align == NATURAL_ALIGN && size <= 8 { NATURAL_ALIGN } else { size };
            // SAFETY: the caller's promise.
            return unsafe { self.allocate(cache, size) };
        }
        self.allocate_wish(cache, size, Wish { align, zeroed: false })
    }

    /// As [`allocate`](Self::allocate), reading zero.
    ///
    /// # Safety
    /// As for [`allocate`](Self::allocate).
    #[inline(always)]
    pub unsafe fn allocate_zeroed(&self, cache: &mut Cache, size: usize) -> *mut u8 {
        // SAFETY: the caller's promise.
        unsafe { self.allocate_zeroed_aligned(cache, size, 1) }
    }

    /// As [`allocate_aligned`](Self::allocate_aligned), reading zero.
    ///
    /// # Safety
    /// As for [`allocate_aligned`](Self::allocate_aligned).
    #[inline]
    pub unsafe fn allocate_zeroed_aligned(
        &self,
        cache: &mut Cache,
        size: usize,
        align: usize,
    ) -> *mut u8 {
        if size > LARGEST {
            return self.allocate_wish(cache, size, Wish { align, zeroed: true });
        }
        // SAFETY: the caller's promise.
        let start = unsafe { self.allocate_aligned(cache, size, align) };
        if !start.is_null() {
            // SAFETY: a block of at least `size` bytes, just allocated.
            unsafe { start.write_bytes(0, size) };
        }
        start
    }

    /// Everything that the hot path does not serve.
    #[inline(never)]
    fn allocate_slow(&self, cache: &mut Cache, size: usize) -> *mut u8 {
        if size > LARGEST {
            return self.allocate_wish(cache, size, Wish { align: 1, zeroed: false });
        }
        self.enter(cache);
        let start = self.allocate_class(cache, size);
        self.leave(cache);
        start
    }

    /// A block of a size class.
    fn allocate_class(&self, cache: &mut Cache, size: usize) -> *mut u8 {
        let class = ClassId::of(size);
        if let Some(block) = cache.bin(class).pop() {
            return block.into_start();
        }
        let mut block = self.refill::<WAITS>(cache, class);
        if block.is_none() && self.reclaim(cache, class.size()) {
            block = self.refill::<WAITS>(cache, class);
        }
        block.map_or(core::ptr::null_mut(), |block| block.into_start())
    }

    /// Over-aligned or larger than a class.
    #[inline(never)]
    fn allocate_wish(&self, cache: &mut Cache, size: usize, wish: Wish) -> *mut u8 {
        if size > isize::MAX as usize || wish.align > isize::MAX as usize {
            return core::ptr::null_mut();
        }
        self.enter(cache);
        let start = self.allocate_inside(cache, size, wish);
        self.leave(cache);
        start
    }

    fn allocate_inside(&self, cache: &mut Cache, size: usize, wish: Wish) -> *mut u8 {
        if cache.is_fresh() {
            self.start(cache, false);
        }
        // At most a page's worth of padding: above that spans and large align by place.
        let padded = if wish.align <= LARGEST { padded(size, wish.align) } else { None };
        match padded {
            Some(size) if size <= LARGEST => {
                debug_assert!(!wish.zeroed, "zeroed classes are served by the caller");
                let start = self.allocate_class(cache, size);
                debug_assert!(start.is_null() || start.addr() % wish.align == 0);
                start
            }
            _ => {
                let start = self.allocate_apart(cache, size, wish);
                if start.is_null() && self.reclaim(cache, size) {
                    return self.allocate_apart(cache, size, wish);
                }
                start
            }
        }
    }

    /// A span, or a mapping of its own.
    fn allocate_apart(&self, cache: &mut Cache, size: usize, wish: Wish) -> *mut u8 {
        let Wish { align, zeroed } = wish;
        if Self::is_span_sized(size, align) {
            // SAFETY: the caller saw to size and alignment, and the cache is this heap's.
            unsafe { self.allocate_span(cache, size, align, zeroed) }
        } else {
            // SAFETY: as above.
            unsafe { self.allocate_large(size, align, zeroed) }
        }
    }
}
