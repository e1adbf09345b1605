//! Wrong calls that can answer: each a typed error, and the heap goes on.

use super::whole::Whole;
use crate::heaps::{Machine, take_spare};
use crate::platform::cpus;
use crate::platform::serial::say;
use alloc::format;
use alloc::string::String;
use core::alloc::{GlobalAlloc, Layout};
use core::ptr::{NonNull, null_mut};
use core::sync::atomic::{AtomicUsize, Ordering};
use hakmem_core::{
    AllocError, Flat, FreeError, Hosted, LockedHeap, Misuse, MisuseKind, PerCpuHeap, RegionError,
    RegionSource, Request,
};

const SMALL: Layout = Layout::new::<[u8; 100]>();
const SPAN: Layout = Layout::new::<[u8; 100_000]>();
const SIZE: usize = 3 << 20;

static HEAP: LockedHeap<Hosted<128>, Machine> = LockedHeap::empty();

pub(super) fn are_answered_by_errors() -> String {
    before_memory();
    regions();
    let frees = frees();
    HEAP.check_whole();
    // SAFETY: the size is not zero.
    assert!(!unsafe { HEAP.alloc(SMALL) }.is_null(), "the heap goes on");
    format!("use before init, 7 regions and {frees} frees that the heap refused")
}

/// A heap with a cache for the first CPU alone.
pub(super) fn a_cpu_without_a_cache() -> String {
    static FEW: PerCpuHeap<RegionSource, Machine, Flat<64>, 1> =
        PerCpuHeap::new(RegionSource::new());
    static REFUSED: AtomicUsize = AtomicUsize::new(0);
    // SAFETY: nobody else's.
    unsafe { FEW.init(take_spare(SIZE), SIZE) }.expect("a good region");
    cpus::run_on_all(|id| {
        let block = FEW.allocate(Request::new(SMALL));
        if id == 0 {
            let block = block.expect("there is memory").cast();
            // SAFETY: just allocated.
            unsafe { FEW.deallocate(block, SMALL) }.expect("a block of this heap");
        } else {
            assert_eq!(block, Err(AllocError::CpuOutOfRange { id, most: 1 }));
            let somewhere = NonNull::from(&SIZE).cast();
            // SAFETY: the heap is to notice, before it looks at the block.
            let freed = unsafe { FEW.deallocate(somewhere, SMALL) };
            assert_eq!(freed, Err(FreeError::CpuOutOfRange { id, most: 1 }));
            // SAFETY: the size is not zero.
            assert!(unsafe { FEW.alloc(SMALL) }.is_null());
            REFUSED.fetch_add(1, Ordering::SeqCst);
        }
    });
    format!("{} CPUs were refused", REFUSED.load(Ordering::SeqCst))
}

fn before_memory() {
    let somewhere = NonNull::from(&SIZE).cast();
    assert_eq!(HEAP.allocate(Request::new(SMALL)), Err(AllocError::NotInitialised));
    // SAFETY: of this and what follows: the heap is to notice.
    unsafe {
        assert!(HEAP.alloc(SMALL).is_null());
        assert_eq!(HEAP.deallocate(somewhere, SMALL), Err(FreeError::NotInitialised));
        let resized = HEAP.resize_in_place(somewhere, SMALL, 200);
        assert_eq!(resized, Err(AllocError::NotInitialised));
    }
}

fn regions() {
    let start = take_spare(SIZE);
    let at = start.addr();
    let inside = start.wrapping_add(SIZE / 2);
    // SAFETY: that the heap takes is the first region alone, which is nobody else's.
    unsafe {
        assert_eq!(HEAP.init(null_mut(), SIZE), Err(RegionError::Null));
        assert!(matches!(HEAP.init(start, 100), Err(RegionError::TooSmall { .. })));
        assert_eq!(HEAP.init(start, usize::MAX), Err(RegionError::TooLarge));
        assert_eq!(HEAP.init(start, SIZE), Ok(()));
        assert_eq!(HEAP.init(start, SIZE), Err(RegionError::Initialised));
        assert_eq!(HEAP.add(start, SIZE), Err(RegionError::GivenTwice));
        let overlaps = RegionError::Overlaps { start: at, size: SIZE };
        assert_eq!(HEAP.add(inside, SIZE / 4), Err(overlaps));
        let far = start.wrapping_add(1 << 40);
        assert_eq!(HEAP.add(far, SIZE), Err(RegionError::Outside));
        say!("  for instance: {overlaps}");
    }
}

fn frees() -> usize {
    static NOT_OF_THE_HEAP: [u64; 100] = [0; 100];
    let allocate =
        |layout| HEAP.allocate(Request::new(layout)).expect("there is memory").cast::<u8>();
    let (freed, small, span) = (allocate(SMALL), allocate(SMALL), allocate(SPAN));
    // SAFETY: a block of this heap, given up.
    unsafe { HEAP.deallocate(freed, SMALL) }.expect("the first time is right");
    let wild = NonNull::new(0xdead_0000_0000_beef_usize as *mut u8).expect("not null");
    // SAFETY: still in the span.
    let in_span = unsafe { span.add(4096) };
    let wrong = [
        (NonNull::from(&NOT_OF_THE_HEAP).cast(), SMALL, MisuseKind::NotOurs),
        (wild, SMALL, MisuseKind::NotOurs),
        (freed, SMALL, MisuseKind::DoubleFree),
        (in_span, SPAN, MisuseKind::Interior),
        (small, SPAN, MisuseKind::WrongSize),
        (span, SMALL, MisuseKind::WrongSize),
    ];
    for (block, layout, kind) in wrong {
        // SAFETY: the heap is to notice.
        match unsafe { HEAP.deallocate(block, layout) } {
            Err(FreeError::Misuse(misuse)) => {
                assert_eq!((misuse.kind, misuse.address), (kind, block.addr().get()));
                say_once(&misuse);
            }
            other => panic!("{kind:?} of {block:p} got {other:?}"),
        }
    }
    wrong.len()
}

fn say_once(misuse: &Misuse) {
    if misuse.kind == MisuseKind::Interior {
        say!("  for instance: {misuse}");
    }
}
