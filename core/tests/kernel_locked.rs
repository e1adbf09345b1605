//! One heap behind one lock: what it serves, over both profiles.

#![cfg(not(loom))]

mod kernels;

use hakmem_core::{
    AllocError, Embedded, FreeError, Hosted, LockedHeap, MisuseKind, NoCpu, Profile, Request,
};
use kernels::{Counting, KIB, MIB, PINNED, PINS, finish, give, heap_of, layout, take};
use std::alloc::GlobalAlloc;
use std::sync::atomic::Ordering;

/// Sizes of every layer of a heap with some MiB.
const HOSTED: [usize; 12] =
    [0, 1, 8, 24, 100, 512, KIB, 5000, 16 * KIB, 40 * KIB, 300 * KIB, 3 * MIB];

/// Sizes of a heap with a few KiB.
const TINY: [usize; 10] = [0, 1, 8, 24, 100, 512, 40, 1000, 16, 2 * KIB];

/// Blocks of all sizes, there together, distinct, and as they were written.
fn serves_all<P: Profile>(heap: &LockedHeap<P>, sizes: &[usize]) {
    for round in 0..3 {
        let mut blocks = Vec::new();
        for (mark, &size) in sizes.iter().enumerate() {
            let block = take(heap, size, 1 << (mark % 5)).expect("memory");
            // SAFETY: the block's.
            unsafe { block.as_ptr().write_bytes(mark as u8 + 1, size) };
            blocks.push((block, size, mark));
        }
        let in_use = heap.stats().in_use;
        assert!(in_use >= sizes.iter().sum(), "{in_use}");
        if round == 1 {
            blocks.reverse();
        }
        for (block, size, mark) in blocks {
            // SAFETY: as above.
            let bytes = unsafe { std::slice::from_raw_parts(block.as_ptr(), size) };
            assert!(bytes.iter().all(|&byte| byte == mark as u8 + 1), "{size} bytes");
            assert_eq!(give(heap, block, size, 1 << (mark % 5)), Ok(()));
        }
    }
    finish(heap);
}

#[test]
fn hosted_serves_every_layer() {
    serves_all(heap_of::<Hosted, NoCpu>(16 * MIB), &HOSTED);
}

#[test]
fn embedded_serves_what_fits() {
    serves_all(heap_of::<Embedded, NoCpu>(16 * MIB), &HOSTED);
    serves_all(heap_of::<Embedded, NoCpu>(8 * KIB), &TINY);
}

/// Takes blocks of one size until there are no more.
fn fill<P: Profile>(heap: &LockedHeap<P>, size: usize) -> Vec<std::ptr::NonNull<u8>> {
    let mut blocks = Vec::new();
    loop {
        match take(heap, size, 8) {
            Ok(block) => blocks.push(block),
            Err(error) => {
                assert_eq!(error, AllocError::NoMemory);
                return blocks;
            }
        }
    }
}

/// Memory is run to its end and back, by one size after the other: what was there once is there again.
fn runs_out_and_recovers<P: Profile>(heap: &LockedHeap<P>, sizes: &[usize], least: usize) {
    let mut had = vec![0; sizes.len()];
    for round in 0..3 {
        for (&size, had) in sizes.iter().zip(&mut had) {
            let blocks = fill(heap, size);
            let bytes = blocks.len() * size;
            assert!(bytes >= least, "{bytes} bytes in blocks of {size}");
            if round > 0 {
                assert!(blocks.len() >= *had, "{} of {had} blocks of {size}", blocks.len());
            }
            *had = blocks.len();
            // Any one that comes back can be had again.
            let stats = heap.stats();
            assert!(stats.in_use >= bytes, "{stats}");
            let mut blocks = blocks;
            let (half, rest) = blocks.split_at_mut(had.div_ceil(2));
            for block in &mut *half {
                assert_eq!(give(heap, *block, size, 8), Ok(()));
                *block = take(heap, size, 8).expect("the block that was just freed");
            }
            for block in half.iter().chain(&*rest) {
                assert_eq!(give(heap, *block, size, 8), Ok(()));
            }
            heap.validate().expect("a sound heap");
        }
    }
    finish(heap);
}

#[test]
fn hosted_runs_out_and_recovers() {
    let heap = heap_of::<Hosted, NoCpu>(16 * MIB);
    runs_out_and_recovers(heap, &[16, 100, 3000, 20 * KIB, 100 * KIB, 700 * KIB], 9 * MIB);
}

#[test]
fn embedded_runs_out_and_recovers() {
    let heap = heap_of::<Embedded, NoCpu>(512 * KIB);
    runs_out_and_recovers(heap, &[16, 100, 3000, 20 * KIB, 100 * KIB], 480 * KIB);
    let heap = heap_of::<Embedded, NoCpu>(8 * KIB);
    runs_out_and_recovers(heap, &[16, 100, 500, 1000], 6 * KIB);
}

/// Zeroed memory reads zero, in blocks that bore something else before.
fn zeroes<P: Profile>(heap: &LockedHeap<P>, sizes: &[usize]) {
    for &size in sizes {
        for align in [1, 64] {
            let layout = layout(size.max(1), align);
            let dirty = take(heap, layout.size(), align).expect("memory");
            // SAFETY: the block's.
            unsafe { dirty.as_ptr().write_bytes(0xee, layout.size()) };
            assert_eq!(give(heap, dirty, layout.size(), align), Ok(()));
            let block = heap.allocate(Request::new(layout).zeroed()).expect("memory");
            // SAFETY: zeroed by the heap.
            assert!(unsafe { block.as_ref() }.iter().all(|&byte| byte == 0), "{layout:?}");
            // SAFETY: just allocated.
            unsafe { heap.deallocate(block.cast(), layout) }.expect("to free it");
            // SAFETY: not empty.
            let start = unsafe { heap.alloc_zeroed(layout) };
            // SAFETY: as above.
            let bytes = unsafe { std::slice::from_raw_parts(start, layout.size()) };
            assert!(bytes.iter().all(|&byte| byte == 0), "{layout:?}");
            // SAFETY: just allocated.
            unsafe { heap.dealloc(start, layout) };
        }
    }
    finish(heap);
}

#[test]
fn hosted_zeroes() {
    zeroes(heap_of::<Hosted, NoCpu>(16 * MIB), &HOSTED);
}

#[test]
fn embedded_zeroes() {
    zeroes(heap_of::<Embedded, NoCpu>(16 * MIB), &HOSTED);
    zeroes(heap_of::<Embedded, NoCpu>(8 * KIB), &TINY);
}

#[test]
fn hosted_aligns_up_to_two_mib() {
    let heap = heap_of::<Hosted, NoCpu>(32 * MIB);
    for shift in 0..=21 {
        let align = 1 << shift;
        for size in [1, 100, 5000, 70 * KIB] {
            let block = take(heap, size, align).expect("memory");
            // SAFETY: the block's.
            unsafe { block.as_ptr().write_bytes(1, size) };
            assert_eq!(give(heap, block, size, align), Ok(()));
        }
    }
    finish(heap);
}

/// Reallocation keeps the contents, in place or not, and states the size that it made.
fn reallocates<P: Profile>(heap: &LockedHeap<P>, sizes: &[usize]) {
    let pattern = |at: usize| (at % 251) as u8;
    let first = layout(sizes[0].max(1), 8);
    // SAFETY: not empty.
    let mut start = unsafe { heap.alloc(first) };
    let mut now = first.size();
    let fill = |start: *mut u8, from: usize, to: usize| {
        for at in from..to {
            // SAFETY: the block's.
            unsafe { start.add(at).write(pattern(at)) };
        }
    };
    fill(start, 0, now);
    for &size in sizes.iter().chain(sizes.iter().rev()).filter(|size| **size > 0) {
        // SAFETY: the block is live and as long as stated.
        start = unsafe { heap.realloc(start, layout(now, 8), size) };
        assert!(!start.is_null(), "{now} to {size} bytes");
        for at in 0..now.min(size) {
            // SAFETY: the block's.
            assert_eq!(unsafe { start.add(at).read() }, pattern(at), "byte {at} of {size}");
        }
        fill(start, now.min(size), size);
        now = size;
    }
    // SAFETY: live.
    unsafe { heap.dealloc(start, layout(now, 8)) };
    finish(heap);
}

#[test]
fn hosted_reallocates() {
    reallocates(heap_of::<Hosted, NoCpu>(16 * MIB), &HOSTED);
}

#[test]
fn embedded_reallocates() {
    reallocates(heap_of::<Embedded, NoCpu>(16 * MIB), &HOSTED);
    reallocates(heap_of::<Embedded, NoCpu>(8 * KIB), &TINY);
}

/// Where there is no second block of the size, the first one moves as far as it must.
#[test]
fn a_block_that_fills_half_the_memory_can_grow() {
    let heap = heap_of::<Embedded, NoCpu>(8 * KIB);
    let layout = |size| layout(size, 8);
    // SAFETY: live blocks, as long as stated.
    unsafe {
        let before = heap.alloc(layout(2 * KIB));
        let block = heap.alloc(layout(4 * KIB));
        assert!(!before.is_null() && !block.is_null());
        block.write_bytes(7, 4 * KIB);
        heap.dealloc(before, layout(2 * KIB));
        let grown = heap.realloc(block, layout(4 * KIB), 6 * KIB);
        assert!(!grown.is_null());
        let bytes = std::slice::from_raw_parts(grown, 4 * KIB);
        assert!(bytes.iter().all(|&byte| byte == 7));
        heap.dealloc(grown, layout(6 * KIB));
    }
    finish(heap);
}

#[test]
fn a_block_is_resized_where_it_stands_or_not_at_all() {
    let heap = heap_of::<Hosted, NoCpu>(16 * MIB);
    let resize = |block, old, new| {
        // SAFETY: live blocks.
        unsafe { heap.resize_in_place(block, layout(old, 8), new) }
    };
    // A class has room for a few sizes.
    let small = take(heap, 1000, 8).expect("memory");
    assert_eq!(resize(small, 1000, 1001), Ok(()));
    assert_eq!(resize(small, 1001, 2000), Err(AllocError::NoRoom));
    assert_eq!(give(heap, small, 1001, 8), Ok(()));
    // Behind a span that was just cut is more.
    let span = take(heap, 100 * KIB, 8).expect("memory");
    assert_eq!(resize(span, 100 * KIB, 200 * KIB), Ok(()));
    assert_eq!(resize(span, 200 * KIB, 64 * KIB), Ok(()));
    assert_eq!(resize(span, 64 * KIB, 8), Err(AllocError::NoRoom));
    assert_eq!(give(heap, span, 64 * KIB, 8), Ok(()));
    finish(heap);
}

/// The memory of one kind of block serves any other, without a purge between.
#[test]
fn what_small_blocks_had_large_ones_get() {
    let heap = heap_of::<Hosted, NoCpu>(16 * MIB);
    for size in [64, MIB, 4 * MIB, 64, 8 * MIB, 20 * KIB] {
        let blocks = fill(heap, size);
        assert!(blocks.len() * size >= 7 * MIB, "{} blocks of {size}", blocks.len());
        for block in blocks {
            assert_eq!(give(heap, block, size, 8), Ok(()));
        }
    }
    finish(heap);
}

#[test]
fn a_second_region_is_used_as_the_first() {
    let heap = heap_of::<Hosted, NoCpu>(64 * MIB - MIB);
    assert_eq!(heap.stats().total, 63 * MIB);
    finish(heap);
    let start = kernels::region(64 * MIB);
    let heap = kernels::heap::<Hosted, NoCpu>();
    // SAFETY: nobody else's, for good.
    unsafe { heap.init(start, 4 * MIB) }.expect("a region");
    let before = fill(heap, 50 * KIB);
    // SAFETY: as above.
    unsafe { heap.add(start.add(20 * MIB), 16 * MIB) }.expect("a second region");
    let after = fill(heap, 50 * KIB);
    assert!(after.len() * 50 * KIB >= 12 * MIB && before.len() < after.len());
    for block in before.into_iter().chain(after) {
        assert_eq!(give(heap, block, 50 * KIB, 8), Ok(()));
    }
    assert_eq!(finish(heap).total, 20 * MIB);
}

/// What is pinned is unpinned, whatever the call came to.
#[test]
fn every_call_is_pinned_and_unpinned() {
    let heap = heap_of::<Hosted, Counting>(8 * MIB);
    let mut pins = 0;
    let mut pinned_since = || {
        assert_eq!(PINNED.load(Ordering::Relaxed), 0);
        let before = std::mem::replace(&mut pins, PINS.load(Ordering::Relaxed));
        assert!(pins > before);
    };
    pinned_since();
    let block = take(heap, 100, 8).expect("memory");
    pinned_since();
    assert!(heap.allocate(Request::new(layout(100, 8)).now()).is_ok());
    pinned_since();
    assert!(give(heap, block, 5000, 8).is_err());
    pinned_since();
    assert_eq!(give(heap, block, 100, 8), Ok(()));
    pinned_since();
}

/// A block freed twice is noticed late. Who resizes next made no mistake, and who frees next learns of it.
#[test]
fn a_late_find_is_no_answer_to_a_resize() {
    let heap = heap_of::<Hosted, NoCpu>(16 * MIB);
    let span = take(heap, 100 * KIB, 8).expect("memory");
    let [twice, once, other] = [(); 3].map(|()| take(heap, 64, 8).expect("memory"));
    for block in [twice, once, twice] {
        assert_eq!(give(heap, block, 64, 8), Ok(()));
    }
    heap.purge();
    // SAFETY: the block's layout, and the block is the test's.
    let resized = unsafe { heap.resize_in_place(span, layout(100 * KIB, 8), 50 * KIB) };
    assert_eq!(resized, Ok(()));
    let Err(FreeError::Misuse(misuse)) = give(heap, span, 50 * KIB, 8) else {
        panic!("nothing was found");
    };
    assert_eq!(misuse.kind, MisuseKind::DoubleFree);
    // The second free bent the list into a circle, of which either comes by again first.
    assert!([twice, once].iter().any(|block| block.as_ptr().addr() == misuse.address));
    assert_eq!(give(heap, other, 64, 8), Ok(()));
    // What hung behind the circle is lost, and nothing else.
    heap.validate().expect("a sound heap");
    assert!(take(heap, 64, 8).is_ok());
}
