//! What a kernel's heap costs and tells, and how it asks for more.

#![cfg(not(loom))]

mod kernels;

use core::alloc::Layout;
use hakmem_core::{AllocError, Embedded, Hosted, LockedHeap, NoCpu, Profile, Request};
use kernels::{KIB, MIB, finish, give, heap_of, region, take};
use std::sync::OnceLock;
use std::sync::atomic::{AtomicUsize, Ordering};

/// A hook that has six regions of 4 MiB, none beside another.
fn six_times(size: usize, align: usize) -> Option<(*mut u8, usize)> {
    static GIVEN: AtomicUsize = AtomicUsize::new(0);
    static MEMORY: OnceLock<usize> = OnceLock::new();
    assert!(size > 0 && size <= 4 * MIB && align.is_power_of_two());
    let turn = GIVEN.fetch_add(1, Ordering::Relaxed);
    let memory = *MEMORY.get_or_init(|| region(48 * MIB).expose_provenance());
    let start = core::ptr::with_exposed_provenance_mut(memory + turn * 8 * MIB);
    (turn < 6).then_some((start, 4 * MIB))
}

#[test]
fn a_hook_supplies_memory() {
    static HEAP: LockedHeap<Hosted> = LockedHeap::with_growth(six_times);
    let mut blocks = Vec::new();
    loop {
        match take(&HEAP, 100 * KIB, 8) {
            Ok(block) => blocks.push(block),
            Err(error) => {
                assert_eq!(error, AllocError::NoMemory);
                break;
            }
        }
    }
    assert_eq!(HEAP.stats().total, 24 * MIB);
    assert!(blocks.len() * 100 * KIB > HEAP.stats().total / 2);
    for block in blocks {
        assert_eq!(give(&HEAP, block, 100 * KIB, 8), Ok(()));
    }
    // What is there again serves without the hook.
    let total = finish(&HEAP).total;
    let block = take(&HEAP, MIB, 8).expect("memory");
    assert_eq!(give(&HEAP, block, MIB, 8), Ok(()));
    assert_eq!(finish(&HEAP).total, total);
}

/// A hook that gives what it is asked for and no byte more.
fn to_the_byte(size: usize, align: usize) -> Option<(*mut u8, usize)> {
    let layout = Layout::from_size_align(size, align).ok()?;
    // SAFETY: not empty. For good.
    let start = unsafe { std::alloc::alloc(layout) };
    (!start.is_null()).then_some((start, size))
}

#[test]
fn what_a_hook_is_asked_for_is_enough() {
    for shift in 0..=21 {
        for align in [1, 16, 4 * KIB, MIB] {
            let heap: &LockedHeap<Embedded> =
                Box::leak(Box::new(LockedHeap::with_growth(to_the_byte)));
            for size in [(1 << shift) - 1, 1 << shift] {
                let block = take(heap, size, align).expect("what the hook gave");
                assert_eq!(give(heap, block, size, align), Ok(()));
            }
            finish(heap);
        }
    }
}

/// The same, from the lowest address up.
fn upward(size: usize, align: usize) -> Option<(*mut u8, usize)> {
    static USED: AtomicUsize = AtomicUsize::new(0);
    static MEMORY: OnceLock<usize> = OnceLock::new();
    let memory = *MEMORY.get_or_init(|| region(32 * MIB).expose_provenance());
    let used = USED.load(Ordering::Relaxed).next_multiple_of(align);
    USED.store(used + size, Ordering::Relaxed);
    let start = core::ptr::with_exposed_provenance_mut(memory + used);
    (used + size <= 32 * MIB).then_some((start, size))
}

/// One request asks until it is served: a block's slab needs tables too.
#[test]
fn a_request_asks_for_all_that_it_needs() {
    static HEAP: LockedHeap<Hosted> = LockedHeap::with_growth(upward);
    for size in [100, 400 * KIB, 3 * MIB] {
        let block = take(&HEAP, size, 8).expect("what the hook gave");
        assert_eq!(give(&HEAP, block, size, 8), Ok(()));
    }
    let total = finish(&HEAP).total;
    assert!(total < 16 * MIB, "{total} bytes");
}

#[test]
fn who_must_not_wait_does_not_ask_the_hook() {
    static ASKED: AtomicUsize = AtomicUsize::new(0);
    fn count(_: usize, _: usize) -> Option<(*mut u8, usize)> {
        ASKED.fetch_add(1, Ordering::Relaxed);
        None
    }
    static HEAP: LockedHeap<Hosted> = LockedHeap::with_growth(count);
    let request = Request::new(Layout::new::<u64>());
    assert_eq!(HEAP.allocate(request.now()), Err(AllocError::WouldWait));
    assert_eq!(ASKED.load(Ordering::Relaxed), 0);
    assert_eq!(HEAP.allocate(request), Err(AllocError::NoMemory));
    assert_eq!(ASKED.load(Ordering::Relaxed), 1);
}

#[test]
fn a_hook_that_gives_nonsense_is_as_good_as_none() {
    fn nonsense(_: usize, _: usize) -> Option<(*mut u8, usize)> {
        Some((core::ptr::dangling_mut(), 0))
    }
    static HEAP: LockedHeap<Hosted> = LockedHeap::with_growth(nonsense);
    assert_eq!(take(&HEAP, 8, 8), Err(AllocError::NoMemory));
    assert_eq!(HEAP.stats().total, 0);
}

/// A hook may look at its heap, and even allocate: that ends.
#[test]
fn a_hook_runs_under_no_lock() {
    static HEAP: LockedHeap<Hosted> = LockedHeap::with_growth(itself);
    static TURNS: AtomicUsize = AtomicUsize::new(0);
    fn itself(_: usize, _: usize) -> Option<(*mut u8, usize)> {
        TURNS.fetch_add(1, Ordering::Relaxed);
        assert_eq!(HEAP.stats().total, 0);
        assert_eq!(take(&HEAP, 8, 8), Err(AllocError::NoMemory));
        None
    }
    assert_eq!(take(&HEAP, 8, 8), Err(AllocError::NoMemory));
    assert!(TURNS.load(Ordering::Relaxed) > 1);
}

/// A heap in a `static` is in `.bss`: it takes no room in the kernel's file.
fn is_all_zero<P: Profile>(heap: &'static LockedHeap<P>) {
    // SAFETY: read alone, as bytes; a static's padding is zero.
    let bytes =
        unsafe { core::slice::from_raw_parts((&raw const *heap).cast::<u8>(), size_of_val(heap)) };
    assert!(bytes.iter().all(|&byte| byte == 0));
}

#[test]
fn a_heap_without_memory_is_all_zero() {
    static HOSTED: LockedHeap<Hosted> = LockedHeap::empty();
    static EMBEDDED: LockedHeap<Embedded> = LockedHeap::empty();
    is_all_zero(&HOSTED);
    is_all_zero(&EMBEDDED);
}

/// The bounds that the documentation of the profiles states.
#[test]
fn a_profile_costs_what_is_stated() {
    let hosted = size_of::<LockedHeap<Hosted>>();
    assert!(hosted <= 25 * KIB, "{hosted} bytes");
    let embedded = size_of::<LockedHeap<Embedded>>();
    assert!(embedded <= 64, "{embedded} bytes");
    // Each slot of the window has six bytes.
    assert_eq!(size_of::<LockedHeap<Hosted<2048>>>() - hosted, 1024 * 6);
}

#[test]
fn the_numbers_are_written_without_a_heap() {
    use core::fmt::Write;
    /// A console's line.
    struct Line([u8; 512], usize);
    impl Write for Line {
        fn write_str(&mut self, text: &str) -> core::fmt::Result {
            let end = self.1 + text.len();
            self.0.get_mut(self.1..end).ok_or(core::fmt::Error)?.copy_from_slice(text.as_bytes());
            self.1 = end;
            Ok(())
        }
    }
    let heap = heap_of::<Hosted, NoCpu>(8 * MIB);
    let block = take(heap, 100 * KIB, 8).expect("memory");
    let stats = heap.stats();
    let mut line = Line([0; 512], 0);
    write!(line, "{stats}").expect("room");
    let text = core::str::from_utf8(&line.0[..line.1]).expect("text");
    for number in [stats.total, stats.in_use, stats.free, stats.tables, stats.held, stats.peak] {
        assert!(text.contains(&number.to_string()), "{number} in {text}");
    }
    for layer in ["slabs", "spans", "large"] {
        assert!(text.contains(layer), "{layer} in {text}");
    }
    assert!(stats.in_use >= 100 * KIB && stats.peak >= stats.held);
    assert_eq!(give(heap, block, 100 * KIB, 8), Ok(()));
    assert!(finish(heap).peak >= stats.peak);
}
