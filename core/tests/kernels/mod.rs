//! What the tests of kernels' heaps share: heaps made at run time, regions that are nobody else's.

#![allow(dead_code, unreachable_pub, reason = "each test uses its own part, in its own crate")]

use core::alloc::Layout;
use core::ptr::NonNull;
use hakmem_core::{AllocError, Cpu, FreeError, KernelStats, LockedHeap, Profile, Request};
use std::alloc::{alloc, alloc_zeroed, dealloc, handle_alloc_error};
use std::sync::atomic::{AtomicUsize, Ordering};

pub const KIB: usize = 1 << 10;
pub const MIB: usize = 1 << 20;

/// Pins of [`Counting`] that were not dropped yet, and all that there were.
pub static PINNED: AtomicUsize = AtomicUsize::new(0);
pub static PINS: AtomicUsize = AtomicUsize::new(0);

pub struct Pinned;

impl Drop for Pinned {
    fn drop(&mut self) {
        PINNED.fetch_sub(1, Ordering::Relaxed);
    }
}

/// One CPU, whose pins are counted.
pub struct Counting;

// SAFETY: one thread alone uses it.
unsafe impl Cpu for Counting {
    type Pinned = Pinned;

    fn pin() -> Pinned {
        PINNED.fetch_add(1, Ordering::Relaxed);
        PINS.fetch_add(1, Ordering::Relaxed);
        Pinned
    }

    fn id(_: &Pinned) -> usize {
        0
    }
}

/// A heap without memory, for good. It is too large for a test's stack; and a new one is all zero, of
/// which there is a test.
pub fn heap<P: Profile, C: Cpu>() -> &'static LockedHeap<P, C> {
    let layout = Layout::new::<LockedHeap<P, C>>();
    // SAFETY: not empty.
    let start = unsafe { alloc_zeroed(layout) }.cast::<LockedHeap<P, C>>();
    if start.is_null() {
        handle_alloc_error(layout);
    }
    // SAFETY: all zero is a heap without memory, and this one is never freed.
    unsafe { &*start }
}

fn region_layout(size: usize) -> Layout {
    Layout::from_size_align(size, 4 * MIB).expect("a layout")
}

/// Memory at a multiple of 4 MiB, for good, none of it zero.
pub fn region(size: usize) -> *mut u8 {
    let layout = region_layout(size);
    // SAFETY: not empty.
    let start = unsafe { alloc(layout) };
    if start.is_null() {
        handle_alloc_error(layout);
    }
    // SAFETY: just allocated.
    unsafe { start.write_bytes(0xa5, size) };
    start
}

/// A heap with one region.
pub fn heap_of<P: Profile, C: Cpu>(size: usize) -> &'static LockedHeap<P, C> {
    let heap = heap::<P, C>();
    // SAFETY: nobody else's, for good.
    unsafe { heap.init(region(size), size) }.expect("a region");
    heap
}

/// Ends a heap of many, with its region.
pub fn give_back<P: Profile, C: Cpu>(heap: &'static LockedHeap<P, C>, start: *mut u8, size: usize) {
    // SAFETY: both came from here, and nobody uses them any more.
    unsafe {
        dealloc((&raw const *heap).cast_mut().cast(), Layout::new::<LockedHeap<P, C>>());
        dealloc(start, region_layout(size));
    }
}

pub fn layout(size: usize, align: usize) -> Layout {
    Layout::from_size_align(size, align).expect("a layout")
}

/// Allocates by the typed way.
pub fn take<P: Profile, C: Cpu>(
    heap: &LockedHeap<P, C>,
    size: usize,
    align: usize,
) -> Result<NonNull<u8>, AllocError> {
    let block = heap.allocate(Request::new(layout(size, align)))?;
    assert_eq!(block.len(), size);
    assert_eq!(block.cast::<u8>().as_ptr().addr() % align, 0);
    Ok(block.cast())
}

/// Frees by the typed way.
pub fn give<P: Profile, C: Cpu>(
    heap: &LockedHeap<P, C>,
    block: NonNull<u8>,
    size: usize,
    align: usize,
) -> Result<(), FreeError> {
    // SAFETY: tests free what they have, or what the heap must refuse.
    unsafe { heap.deallocate(block, layout(size, align)) }
}

/// Ends a test on a heap whose blocks were all freed: nothing is in use, nothing is broken, and the
/// regions have everything back but the tables.
pub fn finish<P: Profile, C: Cpu>(heap: &LockedHeap<P, C>) -> KernelStats {
    let stats = heap.stats();
    assert_eq!(stats.in_use, 0, "{stats}");
    assert_eq!(stats.in_use + stats.free + stats.tables, stats.total, "{stats}");
    heap.validate().expect("a sound heap");
    heap.purge();
    heap.validate().expect("a sound heap after a purge");
    let stats = heap.stats();
    assert_eq!(stats.held, stats.tables, "{stats}");
    stats
}
