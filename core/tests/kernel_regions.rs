//! What a kernel's heap is given: regions, right and wrong, and wrong calls.

#![cfg(not(loom))]

mod kernels;

use core::alloc::GlobalAlloc;
use core::ptr::NonNull;
use hakmem_core::{
    AllocError, Call, Embedded, FreeError, Hosted, LockedHeap, Misuse, MisuseKind, NoCpu, Profile,
    RegionError, Request,
};
use kernels::{KIB, MIB, finish, give, heap, heap_of, layout, region, take};

const PAGE: usize = 4 * KIB;

/// Adds `size` bytes from `start` on, as the first region or a further one.
fn add<P: Profile>(
    heap: &LockedHeap<P>,
    start: *mut u8,
    size: usize,
    first: bool,
) -> Result<(), RegionError> {
    // SAFETY: nobody else's, for good, or refused.
    unsafe { if first { heap.init(start, size) } else { heap.add(start, size) } }
}

/// What every heap refuses of regions that are not there, or there already.
fn refuses_regions<P: Profile>(unit: usize) {
    let heap = heap::<P, NoCpu>();
    let start = region(32 * MIB);
    for first in [true, false] {
        assert_eq!(add(heap, core::ptr::null_mut(), MIB, first), Err(RegionError::Null));
        for size in [0, 1, 32] {
            let Err(RegionError::TooSmall { least }) = add(heap, start, size, first) else {
                panic!("{size} bytes were taken");
            };
            assert!(least > size && least <= PAGE, "{least} bytes");
            let skewed = start.wrapping_add(1);
            let Err(RegionError::TooSmall { least: skewed }) = add(heap, skewed, size, first)
            else {
                panic!("{size} bytes from an odd start on were taken");
            };
            assert!(skewed == least + unit - 1, "{skewed} from an odd start on, {least} else");
        }
        assert_eq!(add(heap, start, usize::MAX, first), Err(RegionError::TooLarge));
        assert_eq!(
            add(heap, start, usize::MAX - start.addr() + 1, first),
            Err(RegionError::TooLarge)
        );
    }
    assert_eq!(heap.stats().total, 0);
    assert_eq!(take(heap, 8, 8), Err(AllocError::NotInitialised));

    let first = start.wrapping_add(MIB);
    assert_eq!(add(heap, first, 4 * MIB, true), Ok(()));
    let stats = heap.stats();
    assert_eq!(add(heap, first, 4 * MIB, true), Err(RegionError::Initialised));
    assert_eq!(add(heap, start.wrapping_add(8 * MIB), MIB, true), Err(RegionError::Initialised));
    assert_eq!(add(heap, first, 4 * MIB, false), Err(RegionError::GivenTwice));
    let overlaps = Err(RegionError::Overlaps { start: first.addr(), size: 4 * MIB });
    for (offset, size) in [(2, 1), (4, 8), (1, 1), (2, 20)] {
        assert_eq!(add(heap, start.wrapping_add(offset * MIB), size * MIB, false), overlaps);
    }
    assert_eq!(heap.stats(), stats);
    let block = take(heap, 100, 8).expect("memory");
    assert_eq!(give(heap, block, 100, 8), Ok(()));
    finish(heap);
}

#[test]
fn hosted_refuses_wrong_regions() {
    refuses_regions::<Hosted>(PAGE);
}

/// A region that begins and ends anywhere is used but for its edges.
fn takes_any_start<P: Profile>(unit: usize) {
    for skew in [1, 8, 100, PAGE - 1] {
        let heap = heap::<P, NoCpu>();
        let (start, size) = (region(12 * MIB).wrapping_add(skew), 8 * MIB + 77);
        assert_eq!(add(heap, start, size, true), Ok(()));
        let total = heap.stats().total;
        assert!(total <= size && total > size - 2 * unit, "{total} of {size}");
        let blocks: Vec<_> = core::iter::from_fn(|| take(heap, 1000, 8).ok()).collect();
        for block in &blocks {
            let address = block.as_ptr().addr();
            assert!(address >= start.addr() && address + 1000 <= start.addr() + size);
        }
        for block in blocks {
            assert_eq!(give(heap, block, 1000, 8), Ok(()));
        }
        finish(heap);
    }
}

#[test]
fn embedded_refuses_wrong_regions() {
    refuses_regions::<Embedded>(8);
}

#[test]
fn embedded_takes_any_start() {
    takes_any_start::<Embedded>(8);
}

#[test]
fn hosted_takes_any_start() {
    takes_any_start::<Hosted>(PAGE);
}

#[test]
fn hosted_refuses_what_is_outside_its_window() {
    // 8 MiB from the MiB of the first region on.
    type Small = Hosted<128>;
    let start = region(32 * MIB);
    let at = |mib: usize| start.wrapping_add(mib * MIB);
    let heap = heap::<Small, NoCpu>();
    assert_eq!(add(heap, at(8), 9 * MIB, true), Err(RegionError::Outside));
    assert_eq!(heap.stats().total, 0);
    // What was refused has not set the window.
    assert_eq!(add(heap, at(12), 2 * MIB, true), Ok(()));
    assert_eq!(add(heap, at(11), MIB, false), Err(RegionError::Outside));
    assert_eq!(add(heap, at(19), 2 * MIB, false), Err(RegionError::Outside));
    assert_eq!(add(heap, at(19), MIB, false), Ok(()));
    assert_eq!(finish(heap).total, 3 * MIB);
}

#[test]
fn hosted_has_places_for_some_regions() {
    let heap = heap::<Hosted, NoCpu>();
    let start = region(32 * MIB);
    let added = (0..32).map(|at| add(heap, start.wrapping_add(at * MIB), MIB / 2, at == 0));
    let added: Vec<_> = added.collect();
    let most = added.iter().filter(|added| added.is_ok()).count();
    assert!(most >= 8);
    assert!(added[most..].iter().all(|added| *added == Err(RegionError::TooMany { most })));
    // What adjoins needs none.
    assert_eq!(add(heap, start.wrapping_add(MIB / 2), MIB / 2, false), Ok(()));
}

/// Every kind of call before there is memory.
fn is_used_too_early<P: Profile>() {
    let heap = heap::<P, NoCpu>();
    let mut place = [0_u64; 8];
    let block = NonNull::from(&mut place).cast::<u8>();
    let early = Err(AllocError::NotInitialised);
    assert_eq!(take(heap, 8, 8), Err(AllocError::NotInitialised));
    assert_eq!(
        heap.allocate(Request::new(layout(8, 8)).now().zeroed()),
        Err(AllocError::NotInitialised)
    );
    assert_eq!(give(heap, block, 8, 8), Err(FreeError::NotInitialised));
    // SAFETY: refused, here and below.
    assert_eq!(unsafe { heap.resize_in_place(block, layout(8, 8), 16) }, early);
    // SAFETY: as above.
    let nothing = unsafe { (heap.alloc(layout(8, 8)), heap.alloc_zeroed(layout(8, 8))) };
    assert!(nothing.0.is_null() && nothing.1.is_null());
    assert_eq!(heap.purge(), 0);
    heap.validate().expect("a sound heap");
    // And then it works.
    assert_eq!(add(heap, region(4 * MIB), 4 * MIB, true), Ok(()));
    let block = take(heap, 8, 8).expect("memory");
    assert_eq!(give(heap, block, 8, 8), Ok(()));
    finish(heap);
}

#[test]
fn hosted_is_used_too_early() {
    is_used_too_early::<Hosted>();
}

#[test]
fn embedded_is_used_too_early() {
    is_used_too_early::<Embedded>();
}

/// Wrong frees are answered, and the heap goes on.
fn refuses_wrong_frees<P: Profile>(sizes: &[usize]) {
    let heap = heap_of::<P, NoCpu>(8 * MIB);
    let outside = region(MIB);
    let mut foreign = 0_u64;
    let kind = |freed: Result<(), FreeError>| match freed {
        Err(FreeError::Misuse(Misuse { kind, call: Call::Free, .. })) => kind,
        other => panic!("{other:?}"),
    };
    let on_stack = (&raw mut foreign).cast::<u8>();
    for wild in [
        outside,
        on_stack,
        core::ptr::dangling_mut(),
        core::ptr::without_provenance_mut(usize::MAX & !15),
    ] {
        let block = NonNull::new(wild).expect("not null");
        assert_eq!(kind(give(heap, block, 8, 8)), MisuseKind::NotOurs);
        // SAFETY: refused.
        let resized = unsafe { heap.resize_in_place(block, layout(8, 8), 16) };
        assert!(matches!(resized, Err(AllocError::Misuse(_) | AllocError::NoRoom)), "{resized:?}");
    }
    for &size in sizes {
        let block = take(heap, size, 8).expect("memory");
        assert_eq!(kind(give(heap, block, 8 * size + 64, 8)), MisuseKind::WrongSize);
        assert_eq!(give(heap, block, size, 8), Ok(()));
        assert_eq!(kind(give(heap, block, size, 8)), MisuseKind::DoubleFree, "{size} bytes");
    }
    finish(heap);
}

#[test]
fn hosted_refuses_wrong_frees() {
    refuses_wrong_frees::<Hosted>(&[8, 100, 5000, 50 * KIB, 3 * MIB]);
}

#[test]
fn embedded_refuses_wrong_frees() {
    refuses_wrong_frees::<Embedded>(&[8, 100, 5000, 50 * KIB, 3 * MIB]);
}

#[test]
fn null_is_freed_for_nothing() {
    let heap = heap_of::<Hosted, NoCpu>(4 * MIB);
    // SAFETY: as C's free, which some call with null by way of the trait.
    unsafe { heap.dealloc(core::ptr::null_mut(), layout(8, 8)) };
    finish(heap);
}

/// Too much is refused, and nothing else happens.
fn refuses_the_impossible<P: Profile>() {
    let heap = heap_of::<P, NoCpu>(4 * MIB);
    let stats = heap.stats();
    for (size, align) in [
        (isize::MAX as usize - 15, 16),
        (1 << (usize::BITS - 2), 8),
        (1, 1 << (usize::BITS - 2)),
        (64 * MIB, MIB),
    ] {
        assert_eq!(take(heap, size, align), Err(AllocError::NoMemory), "{size} at {align}");
    }
    assert_eq!(heap.stats().in_use, stats.in_use);
    finish(heap);
}

#[test]
fn hosted_refuses_the_impossible() {
    refuses_the_impossible::<Hosted>();
}

#[test]
fn embedded_refuses_the_impossible() {
    refuses_the_impossible::<Embedded>();
}
