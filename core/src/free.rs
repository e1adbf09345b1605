//! The way of a free.
//!
//! ```text
//! deallocate(ptr)                         deallocate_sized(ptr, size, align)
//! ├─ entry = registry[ptr]                ├─ class from the size; entry = tag + class?
//! ├─ owner is this cache, list has room,  ├─ list has room, not its head already .. push  (hot)
//! │  not its head already .. push  (hot)  │
//! └─ deallocate_foreign ──────────────────┴─ deallocate_sized_slow: size checked, then as left
//!    ├─ not ours ............... null: nothing; else misuse
//!    ├─ own slab, list full .... spill: it becomes a cold one; push
//!    ├─ another owner's ........ outbox, which goes home slab by slab
//!    ├─ span ................... span/
//!    └─ large .................. large.rs
//! ```

use crate::block::Block;
use crate::cache::{Behind, Cache};
use crate::class::{CLASSES, ClassId, LARGEST, TABLED, padded, tabled_twice};
use crate::entry::{Entry, Kind};
use crate::geometry::SUPERSLAB;
use crate::heap::Heap;
use crate::misuse::MisuseKind;
use crate::registry::Registry;
use crate::source::Host;
use crate::sync::light_fence;
use core::ptr::NonNull;

/// Bundles that an outbox sends home before the heap learns of it.
const TOLD_AFTER: u32 = 32;

impl<H: Host, R: Registry> Heap<H, R> {
    /// Frees a block. Null does nothing. A pointer that is not a block's, or a block's no more, is
    /// reported to the host where it is noticed: see the crate's "What is caught".
    ///
    /// # Safety
    /// `cache` belongs to this heap; `ptr` is null or a block of this heap that its user gives up.
    #[inline(always)]
    pub unsafe fn deallocate(&self, cache: &mut Cache, ptr: *mut u8) {
        light_fence();
        if let Some(entry) = self.registry.lookup(ptr.addr()) {
            let twice = entry.wrapping_sub(cache.tag());
            if twice < 2 * CLASSES as u32 {
                // SAFETY: an untouched or ended cache has no room, so nothing is written through a
                // null or foreign pointer; for any other the entry says that the block is ours,
                // and of which class.
                if !unsafe { cache.push_twice(twice, NonNull::new_unchecked(ptr)) } {
                    Self::deallocate_refused(ptr, cache, self, twice);
                }
                return;
            }
            return Self::deallocate_foreign(ptr, cache, self, twice);
        }
        Self::deallocate_slow(ptr, cache, self);
    }

    /// Frees a block of known size and alignment, as they were asked for. A wrong size is reported.
    ///
    /// # Safety
    /// As for [`deallocate`](Self::deallocate); `align` is a power of two.
    #[inline(always)]
    pub unsafe fn deallocate_sized(
        &self,
        cache: &mut Cache,
        ptr: *mut u8,
        size: usize,
        align: usize,
    ) {
        debug_assert!(align.is_power_of_two());
        light_fence();
        if let Some(padded) = padded(size, align) {
            if padded <= TABLED {
                let twice = tabled_twice(padded) as u32;
                // Owner and class in one compare, off the path to the block.
                let entry = self.registry.lookup(ptr.addr());
                if entry.is_some_and(|entry| entry.wrapping_sub(cache.tag()) == twice) {
                    // SAFETY: as in `deallocate`.
                    if !unsafe { cache.push_twice(twice, NonNull::new_unchecked(ptr)) } {
                        Self::deallocate_refused(ptr, cache, self, twice);
                    }
                    return;
                }
            }
        }
        Self::deallocate_sized_slow(ptr, size, align, cache, self);
    }

    /// A block that its list refused: the list is full, or has the block as its head.
    ///
    /// The arguments of this and the other slow ways stand in the order in which the hot ones have
    /// them in registers.
    #[inline(never)]
    fn deallocate_refused(ptr: *mut u8, cache: &mut Cache, heap: &Self, twice: u32) {
        cache.bin(ClassId((twice / 2) as u8)).regret();
        heap.deallocate_any(cache, ptr, None);
    }

    /// Checks a stated size where the hot path could not.
    #[inline(never)]
    fn deallocate_sized_slow(
        ptr: *mut u8,
        size: usize,
        align: usize,
        cache: &mut Cache,
        heap: &Self,
    ) {
        let entry = Entry(heap.registry.entry(ptr.addr()));
        if let Some(class) = entry.slab() {
            if !Self::is_class_for(class, size, align) {
                return heap.misuse(MisuseKind::WrongSize, ptr.addr(), size, class.size());
            }
            heap.enter(cache);
            let done = heap.put_foreign(cache, ptr, class, entry)
                || heap.put_own(cache, ptr, class, entry);
            heap.leave(cache);
            if done {
                return;
            }
        }
        heap.deallocate_any(cache, ptr, Some((size, align)));
    }

    /// Whether a block of `class` is what a request of this size and alignment gets.
    pub(crate) fn is_class_for(class: ClassId, size: usize, align: usize) -> bool {
        align <= LARGEST
            && padded(size, align).is_some_and(|size| size <= LARGEST && ClassId::of(size) == class)
    }

    /// Past the registry's end.
    #[cold]
    #[inline(never)]
    fn deallocate_slow(ptr: *mut u8, cache: &mut Cache, heap: &Self) {
        heap.deallocate_any(cache, ptr, None);
    }

    /// Everything that the hot path does not serve: another owner's block, most of the time. The
    /// entry is `twice` and the cache's tag.
    #[inline(never)]
    fn deallocate_foreign(ptr: *mut u8, cache: &mut Cache, heap: &Self, twice: u32) {
        heap.enter(cache);
        // If the door was shut when the hot path looked, the owner in this is wrong: at worst a block
        // of our own goes by the outbox. The kind is right, for tags have none; but "not ours" looks
        // like the smallest class of somebody then.
        let mut entry = Entry(twice.wrapping_add(cache.tag()));
        if entry.slab() == Some(ClassId(0)) {
            entry = Entry(heap.registry.entry(ptr.addr()));
        }
        let put = match entry.slab() {
            Some(class) => heap.put_foreign(cache, ptr, class, entry),
            None => false,
        };
        heap.leave(cache);
        if put {
            return;
        }
        heap.deallocate_any(cache, ptr, None);
    }

    /// Puts another owner's block into the outbox of a live cache. False: it is not that.
    #[inline(always)]
    fn put_foreign(&self, cache: &mut Cache, ptr: *mut u8, class: ClassId, entry: Entry) -> bool {
        let Some(start) = NonNull::new(ptr) else { return false };
        if !cache.is_live() || entry == cache.own_entry(class) {
            return false;
        }
        let Behind { outbox, tallies, .. } = &mut cache.behind;
        // SAFETY: the caller gives the block up.
        let kept = outbox.put(unsafe { Block::from_start(start) }, class, |bundle| {
            tallies.sent_home += 1;
            tallies.went_home(bundle.bytes());
            self.deliver_bundle(bundle);
            if tallies.sent_home % TOLD_AFTER == 0 {
                // This thread may never do anything else than free.
                self.tell_bytes(tallies);
                self.keep_bounds();
            }
        });
        if let Err(refused) = kept {
            self.refuse(refused, ptr.addr(), class);
        }
        true
    }

    /// Frees a live cache's own block. False: it is not that.
    #[inline(always)]
    fn put_own(&self, cache: &mut Cache, ptr: *mut u8, class: ClassId, entry: Entry) -> bool {
        let Some(start) = NonNull::new(ptr) else { return false };
        let is_own = cache.is_live() && entry == cache.own_entry(class);
        if is_own {
            // SAFETY: the caller gives the block up.
            self.deallocate_own(cache, unsafe { Block::from_start(start) }, class);
        }
        is_own
    }

    #[inline(never)]
    fn deallocate_any(&self, cache: &mut Cache, ptr: *mut u8, stated: Option<(usize, usize)>) {
        let Some(start) = NonNull::new(ptr) else {
            return;
        };
        self.enter(cache);
        self.deallocate_inside(cache, start, stated);
        self.leave(cache);
    }

    fn deallocate_inside(
        &self,
        cache: &mut Cache,
        start: NonNull<u8>,
        stated: Option<(usize, usize)>,
    ) {
        let ptr = start.as_ptr();
        if cache.is_fresh() {
            // Now its owner id may even match; the way from here decides.
            // A thread that begins with a free may be at its end, past the destructors that retire its
            // cache: nobody is to know of the cache before it allocates.
            self.start(cache, true);
        }
        let entry = Entry(self.registry.entry(ptr.addr()));
        match self.listed(entry, ptr.addr()) {
            // SAFETY: the caller gives the block up.
            Kind::Slab(class) if cache.is_ended() => unsafe {
                self.send_block_home(Block::from_start(start), class);
            },
            Kind::Slab(class) if self.put_foreign(cache, ptr, class, entry) => {}
            // SAFETY: the caller gives the block up, and it is this cache's.
            Kind::Slab(class) => unsafe {
                self.deallocate_own(cache, Block::from_start(start), class);
            },
            // SAFETY: the caller gives up what begins there; the layer checks that something does.
            Kind::Span(number) => unsafe { self.deallocate_span(cache, ptr, number, stated) },
            // SAFETY: as above.
            Kind::Large(number) => unsafe { self.deallocate_large(ptr, number, stated) },
            Kind::Idle => self.misuse(MisuseKind::DoubleFree, ptr.addr(), 0, 0),
            Kind::Foreign => self.misuse(MisuseKind::NotOurs, ptr.addr(), 0, 0),
        }
    }

    /// A block of this cache's own: its list is full or has it as its head, or the size is not in the
    /// table.
    fn deallocate_own(&self, cache: &mut Cache, block: Block, class: ClassId) {
        let bin = cache.bin(class);
        if bin.list.head_address() == block.address() {
            return self.misuse(MisuseKind::DoubleFree, block.address(), 0, class.size());
        }
        if bin.room <= 0 {
            self.spill(cache, class);
        }
        cache.bin(class).push(block);
    }

    /// Whether a request is the span layer's.
    pub(crate) fn is_span_sized(size: usize, align: usize) -> bool {
        size <= SUPERSLAB && align <= SUPERSLAB
    }
}
