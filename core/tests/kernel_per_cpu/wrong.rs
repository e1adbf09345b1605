//! Wrong calls, answered by type: none leaves its caller pinned, and the heap stays sound.

use super::{CPUS, Heap, empty, finish, give, heap_of, take};
use crate::cpus::{depth, move_to};
use crate::kernels::{KIB, MIB, layout};
use core::alloc::{GlobalAlloc, Layout};
use core::ptr::NonNull;
use hakmem_core::{AllocError, Call, FreeError, Misuse, MisuseKind, Request};

fn free<const TEST: usize>(
    heap: &Heap<TEST>,
    block: NonNull<u8>,
    layout: Layout,
) -> Result<(), FreeError> {
    // SAFETY: given up; or the call is a wrong one, which must be noticed.
    let freed = unsafe { heap.deallocate(block, layout) };
    assert_eq!(depth(), 0, "it left its caller pinned");
    freed
}

/// What was wrong with a free.
fn kind(freed: Result<(), FreeError>) -> Option<MisuseKind> {
    match freed {
        Err(FreeError::Misuse(Misuse { kind, call: Call::Free, .. })) => Some(kind),
        _ => None,
    }
}

fn resize<const TEST: usize>(
    heap: &Heap<TEST>,
    block: NonNull<u8>,
    old: Layout,
    size: usize,
) -> Result<(), AllocError> {
    // SAFETY: as in `free`.
    unsafe { heap.resize_in_place(block, old, size) }
}

#[test]
fn wrong_frees_are_answered() {
    let heap = heap_of::<8>(4 * MIB);
    let small = layout(100, 8);
    let large = layout(100 * KIB, 8);
    for layout in [small, large] {
        let block = take(heap, Request::new(layout), 1).unwrap();
        let start = block.start;
        let inside = NonNull::new(start.as_ptr().wrapping_add(16)).unwrap();
        let wrong = super::layout(layout.size() * 2, 8);
        assert_eq!(kind(free(heap, start, wrong)), Some(MisuseKind::WrongSize));
        if layout == large {
            assert_eq!(kind(free(heap, inside, layout)), Some(MisuseKind::Interior));
        }
        let wrong = Misuse {
            kind: MisuseKind::WrongSize,
            call: Call::Reallocate,
            address: start.as_ptr().addr(),
            size: wrong.size(),
            block: heap
                .details()
                .classes
                .iter()
                .map(|class| class.size)
                .find(|&s| s >= 100)
                .unwrap(),
        };
        if layout == small {
            let resized = resize(heap, start, super::layout(wrong.size, 8), 50);
            assert_eq!(resized, Err(AllocError::Misuse(wrong)));
        }
        assert_eq!(give(heap, block), Ok(()));
        assert_eq!(kind(free(heap, start, layout)), Some(MisuseKind::DoubleFree));
    }
    let mut own = 0u64;
    let foreign = NonNull::from(&mut own).cast();
    assert_eq!(kind(free(heap, foreign, small)), Some(MisuseKind::NotOurs));
    assert_eq!(kind(free(heap, NonNull::dangling(), small)), Some(MisuseKind::NotOurs));
    assert_eq!(own, 0, "it was written to");
    // Each was told of once, and the heap is none the worse.
    let block = take(heap, Request::new(small), 2).unwrap();
    assert_eq!(give(heap, block), Ok(()));
    finish(heap);
}

/// What a wrong free left in a list is noticed when the list goes home: by the call that sends it, or by
/// the one that hands its cache back.
#[test]
fn what_is_noticed_late_is_answered_then() {
    let heap = heap_of::<9>(4 * MIB);
    let small = layout(64, 8);
    let blocks: Vec<_> = (0..2).map(|at| take(heap, Request::new(small), at).unwrap()).collect();
    let [first, second] = [blocks[0].start, blocks[1].start];
    for start in [first, second, first] {
        assert_eq!(free(heap, start, small), Ok(()));
    }
    // SAFETY: this thread's own CPU.
    let retired = unsafe { heap.retire_cpu(0) };
    assert_eq!(kind(retired), Some(MisuseKind::DoubleFree));
    heap.validate().expect("a sound heap");
}

/// Who purges is not told: who frees next is, though his block's list has room, and only he.
#[test]
fn what_a_purge_notices_the_next_free_is_told_of() {
    let heap = heap_of::<12>(4 * MIB);
    let small = layout(64, 8);
    let blocks = [(); 5].map(|()| take(heap, Request::new(small), 1).unwrap());
    let [twice, once, third, fourth, last] = blocks.map(|block| block.start);
    for start in [twice, once, twice] {
        assert_eq!(free(heap, start, small), Ok(()));
    }
    heap.purge();
    let other = take(heap, Request::new(layout(128, 8)), 1).unwrap();
    assert_eq!(kind(free(heap, third, small)), Some(MisuseKind::DoubleFree));
    for start in [fourth, last, other.start] {
        let size = if start == other.start { 128 } else { 64 };
        assert_eq!(free(heap, start, layout(size, 8)), Ok(()));
    }
    heap.validate().expect("a sound heap");
}

/// CPUs that the heap has no cache for: each call says so and does nothing.
#[test]
fn a_cpu_out_of_range() {
    let heap = heap_of::<10>(4 * MIB);
    let small = layout(100, 8);
    let block = take(heap, Request::new(small), 1).unwrap();
    move_to(CPUS);
    let (id, most) = (CPUS, CPUS);
    let out = AllocError::CpuOutOfRange { id, most };
    for request in [Request::new(small), Request::new(small).zeroed().now()] {
        assert_eq!(take(heap, request, 1).err(), Some(out));
    }
    // SAFETY: the block is one, and is not given up.
    unsafe {
        assert!(heap.alloc(small).is_null());
        assert!(heap.alloc_zeroed(small).is_null());
        assert!(heap.realloc(block.start.as_ptr(), small, 5000).is_null());
    }
    assert_eq!(resize(heap, block.start, small, 101), Err(out));
    let freed = free(heap, block.start, small);
    assert_eq!(freed, Err(FreeError::CpuOutOfRange { id, most }));
    // SAFETY: nobody is there.
    let retired = unsafe { heap.retire_cpu(CPUS + 1) };
    assert_eq!(retired, Err(FreeError::CpuOutOfRange { id: CPUS + 1, most }));
    assert!(heap.stats().in_use >= 100);
    heap.purge();
    assert_eq!(depth(), 0);
    move_to(CPUS - 1);
    assert_eq!(give(heap, block), Ok(()));
    finish(heap);
}

#[test]
fn use_before_init() {
    let heap = empty::<11>();
    let small = layout(100, 8);
    for size in [0, 100, 5000, 100 * KIB, 10 * MIB] {
        let request = Request::new(layout(size, 8));
        for request in [request, request.zeroed(), request.now()] {
            assert_eq!(take(heap, request, 1).err(), Some(AllocError::NotInitialised));
        }
    }
    let mut own = 0u64;
    let foreign = NonNull::from(&mut own).cast();
    assert_eq!(free(heap, foreign, small), Err(FreeError::NotInitialised));
    assert_eq!(resize(heap, foreign, small, 50), Err(AllocError::NotInitialised));
    // SAFETY: the heap's caches are this thread's alone; sizes are not 0.
    unsafe {
        assert!(heap.alloc(small).is_null());
        assert!(heap.realloc(foreign.as_ptr(), small, 50).is_null());
        assert_eq!(heap.retire_cpu(0), Ok(()));
    }
    assert_eq!(heap.purge().bytes, 0);
    assert_eq!((heap.stats().total, own), (0, 0));
    // Memory comes late, and all is well.
    // SAFETY: nobody else's, for good.
    unsafe { heap.init(crate::kernels::region(2 * MIB), 2 * MIB) }.expect("a region");
    let block = take(heap, Request::new(small), 1).unwrap();
    assert_eq!(give(heap, block), Ok(()));
    finish(heap);
}
