//! A heap with a cache for each CPU: threads are the CPUs.

#![cfg(not(loom))]

mod cpus;
#[path = "../kernels/mod.rs"]
mod kernels;
mod panics;
mod short;
mod wrong;

use core::alloc::{GlobalAlloc, Layout};
use core::ptr::NonNull;
use cpus::{Cpus, depth, move_to};
use hakmem_core::{AllocError, FreeError, PerCpuHeap, RegionError, RegionSource, Request};
use kernels::{KIB, MIB, layout, region};
use std::alloc::alloc_zeroed;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Barrier, Mutex};
use std::thread;

/// CPUs that the heaps have caches for.
const CPUS: usize = 4;

type Heap<const TEST: usize> = PerCpuHeap<RegionSource, Cpus<TEST>, hakmem_core::Flat<2048>, CPUS>;

/// A heap without memory, for good: all zero, which is what a new one is.
fn empty<const TEST: usize>() -> &'static Heap<TEST> {
    // SAFETY: not empty; all zero is a heap without memory, and this one is never freed.
    unsafe { &*alloc_zeroed(Layout::new::<Heap<TEST>>()).cast() }
}

fn heap_of<const TEST: usize>(size: usize) -> &'static Heap<TEST> {
    let heap = empty();
    // SAFETY: nobody else's, for good.
    unsafe { heap.init(region(size), size) }.expect("a region");
    heap
}

/// A block with a pattern.
struct Block {
    start: NonNull<u8>,
    layout: Layout,
    mark: u8,
}

// SAFETY: the holder of a block is its only user.
unsafe impl Send for Block {}

impl Block {
    fn fill(&mut self, mark: u8) {
        self.mark = mark;
        // SAFETY: the holder's.
        unsafe { self.start.as_ptr().write_bytes(mark, self.layout.size()) };
    }

    fn bytes(&self) -> &[u8] {
        // SAFETY: as above; it was filled.
        unsafe { core::slice::from_raw_parts(self.start.as_ptr(), self.layout.size()) }
    }
}

/// Allocates and fills a block; each call leaves its caller unpinned.
fn take<const TEST: usize>(
    heap: &Heap<TEST>,
    request: Request,
    mark: u8,
) -> Result<Block, AllocError> {
    let start = heap.allocate(request);
    assert_eq!(depth(), 0, "it left its caller pinned");
    let (start, layout) = (start?, request.layout());
    assert_eq!(start.len(), layout.size());
    assert_eq!(start.cast::<u8>().as_ptr().addr() % layout.align(), 0);
    let mut block = Block { start: start.cast(), layout, mark: 0 };
    if request.is_zeroed() {
        assert!(block.bytes().iter().all(|&byte| byte == 0), "{request:?}");
    }
    block.fill(mark);
    Ok(block)
}

/// Checks and frees a block.
fn give<const TEST: usize>(heap: &Heap<TEST>, block: Block) -> Result<(), FreeError> {
    assert!(block.bytes().iter().all(|&byte| byte == block.mark), "{:?}", block.layout);
    // SAFETY: given up.
    let freed = unsafe { heap.deallocate(block.start, block.layout) };
    assert_eq!(depth(), 0, "it left its caller pinned");
    freed
}

/// The end of a test whose blocks were all freed: the caches handed back, nothing is in use, and the
/// regions have everything back but the tables.
fn finish<const TEST: usize>(heap: &Heap<TEST>) {
    for cpu in 0..CPUS {
        // SAFETY: this thread alone is left.
        unsafe { heap.retire_cpu(cpu) }.expect("no wrong frees");
    }
    move_to(0);
    assert_eq!(heap.validate().expect("a sound heap").blocks, 0);
    assert_eq!(heap.stats().in_use, 0);
    heap.purge();
    heap.validate().expect("a sound heap after a purge");
    let stats = heap.stats();
    assert_eq!((stats.held, stats.free + stats.tables), (stats.tables, stats.total), "{stats}");
    assert_eq!(depth(), 0);
}

/// Requests of every kind, by a number.
fn request(number: usize) -> Request {
    const SIZES: [usize; 10] = [0, 1, 8, 24, 100, 700, 5 * KIB, 20 * KIB, 70 * KIB, 300 * KIB];
    let size = SIZES[number % SIZES.len()];
    let align = if number % 7 == 0 { 1 << (number % 13) } else { 1 << (number % 4) };
    let request = Request::new(layout(size, align));
    match number % 5 {
        0 => request.zeroed(),
        1 => request.now(),
        2 => request.zeroed().now(),
        _ => request,
    }
}

/// More threads than CPUs, which they share and change, hand blocks to each other.
#[test]
fn cpus_hand_blocks_to_each_other() {
    const THREADS: usize = 6;
    const STEPS: usize = if cfg!(debug_assertions) { 4000 } else { 40_000 };
    let heap = heap_of::<0>(96 * MIB);
    let mailboxes: [Mutex<Vec<Block>>; THREADS] = [const { Mutex::new(Vec::new()) }; THREADS];
    let mut served_now = 0;
    thread::scope(|scope| {
        let work = |me: usize| {
            let mailboxes = &mailboxes;
            move || {
                let mut served_now = 0;
                for step in 0..STEPS {
                    if step % 16 == 0 {
                        move_to((me + step / 16) % CPUS);
                    }
                    let request = request(step * THREADS + me);
                    let to = (me + step) % THREADS;
                    match take(heap, request, (step + me) as u8) {
                        Ok(block) => {
                            served_now += usize::from(request.is_now());
                            let mut mail = mailboxes[to].lock().unwrap();
                            // Its reader may have ended.
                            let full = mail.len() > 100;
                            let newest = if full { mail.pop() } else { None };
                            mail.push(block);
                            drop(mail);
                            newest.into_iter().for_each(|block| give(heap, block).unwrap());
                        }
                        Err(error) => {
                            assert!(request.is_now(), "{error} for {request:?}");
                            assert_eq!(error, AllocError::WouldWait);
                        }
                    }
                    let mail = {
                        let mut mail = mailboxes[me].lock().unwrap();
                        let stays = if step % 64 == 63 { 0 } else { mail.len().min(40) };
                        mail.split_off(stays)
                    };
                    for block in mail {
                        assert_eq!(give(heap, block), Ok(()));
                    }
                }
                served_now
            }
        };
        let threads: Vec<_> = (0..THREADS).map(|me| scope.spawn(work(me))).collect();
        served_now = threads.into_iter().map(|thread| thread.join().unwrap()).sum();
    });
    assert!(served_now > THREADS * STEPS / 5, "{served_now} served without waiting");
    for block in mailboxes.into_iter().flat_map(|mail| mail.into_inner().unwrap()) {
        assert_eq!(give(heap, block), Ok(()));
    }
    finish(heap);
}

/// Every CPU runs into the end of memory at once; what they give back serves as many again.
#[test]
fn memory_runs_out_and_comes_back() {
    let heap = heap_of::<1>(12 * MIB);
    for round in 0..3 {
        let start = Arc::new(Barrier::new(CPUS));
        let fill = |cpu: usize| {
            let start = start.clone();
            move || {
                move_to(cpu);
                let size = [48, 3000, 40 * KIB][round];
                start.wait();
                let mut blocks = Vec::new();
                loop {
                    match take(heap, Request::new(layout(size, 8)), cpu as u8) {
                        Ok(block) => blocks.push(block),
                        Err(error) => {
                            assert_eq!(error, AllocError::NoMemory);
                            let now = Request::new(layout(4 * MIB, 8)).now();
                            assert_eq!(take(heap, now, 0).err(), Some(AllocError::WouldWait));
                            return blocks;
                        }
                    }
                }
            }
        };
        let threads: Vec<_> = (0..CPUS).map(|cpu| thread::spawn(fill(cpu))).collect();
        let blocks: Vec<Block> =
            threads.into_iter().flat_map(|thread| thread.join().unwrap()).collect();
        let bytes: usize = blocks.iter().map(|block| block.layout.size()).sum();
        assert!(bytes > 8 * MIB, "{bytes} of 12 MiB in round {round}");
        for (at, block) in blocks.into_iter().enumerate() {
            move_to(at / 100 % CPUS);
            assert_eq!(give(heap, block), Ok(()));
        }
        finish(heap);
    }
}

/// A CPU goes offline: what its cache held is there for others; it may come back.
#[test]
fn a_cpu_goes_offline() {
    let heap = heap_of::<2>(4 * MIB);
    let small = Request::new(layout(64, 8));
    for round in 0..3 {
        move_to(1);
        let blocks: Vec<Block> = (0..100).map(|at| take(heap, small, at).unwrap()).collect();
        for block in blocks {
            assert_eq!(give(heap, block), Ok(()));
        }
        move_to(0);
        let cached = heap.validate().expect("a sound heap").blocks;
        assert!(cached >= 100, "{cached} in its cache");
        // SAFETY: nobody but this thread runs.
        assert_eq!(unsafe { heap.retire_cpu(1) }, Ok(()));
        assert_eq!(heap.validate().expect("a sound heap").blocks, 0, "round {round}");
    }
    finish(heap);
}

/// The three lines of a kernel: a static, its region, the global allocator's trait.
#[test]
fn a_static_heap_is_a_global_allocator() {
    static HEAP: PerCpuHeap<RegionSource, Cpus<3>> = PerCpuHeap::new(RegionSource::new());
    // SAFETY: nothing uses it yet, and no part of it is padding that a static leaves undefined.
    let bytes =
        unsafe { core::slice::from_raw_parts((&raw const HEAP).cast::<u8>(), size_of_val(&HEAP)) };
    assert!(bytes.iter().all(|&byte| byte == 0), "it takes room in the kernel's file");
    let memory = region(4 * MIB);
    // SAFETY: nobody else's, for good.
    unsafe {
        assert_eq!(HEAP.init(memory, 2 * MIB), Ok(()));
        assert_eq!(HEAP.init(memory, 2 * MIB), Err(RegionError::Initialised));
        assert_eq!(HEAP.add(memory, 2 * MIB), Err(RegionError::GivenTwice));
        assert_eq!(HEAP.add(memory.wrapping_add(128 * MIB), MIB), Err(RegionError::Outside));
        assert_eq!(HEAP.add(memory.add(2 * MIB), 2 * MIB), Ok(()));
    }
    let (small, large) = (layout(100, 4), layout(50 * KIB, 4));
    // SAFETY: blocks are used within their layouts, and freed once.
    unsafe {
        let block = HEAP.alloc(small);
        block.write_bytes(7, 100);
        let block = HEAP.realloc(block, small, 50 * KIB);
        assert_eq!(core::slice::from_raw_parts(block, 100), [7; 100]);
        let zeroed = HEAP.alloc_zeroed(large);
        assert!(core::slice::from_raw_parts(zeroed, large.size()).iter().all(|&byte| byte == 0));
        zeroed.write_bytes(9, large.size());
        HEAP.dealloc(zeroed, large);
        let zeroed = HEAP.alloc_zeroed(large);
        assert!(core::slice::from_raw_parts(zeroed, large.size()).iter().all(|&byte| byte == 0));
        HEAP.dealloc(zeroed, large);
        HEAP.dealloc(block, large);
        assert!(HEAP.alloc(layout(64 * MIB, 1)).is_null());
        HEAP.dealloc(core::ptr::null_mut(), small);
        assert_eq!(HEAP.retire_cpu(0), Ok(()));
    }
    assert_eq!(HEAP.validate().expect("a sound heap").blocks, 0);
}

/// A source's hook is asked when memory runs out; not for what must be served at once. A hook that calls
/// the heap is told what it does.
#[test]
fn a_hook_supplies_memory() {
    static NEXT: AtomicUsize = AtomicUsize::new(0);
    fn more(_: usize, _: usize) -> Option<(*mut u8, usize)> {
        reenter();
        let last = NEXT.load(Ordering::Relaxed) + 4 * MIB;
        NEXT.store(last, Ordering::Relaxed);
        // The hook's memory lies in one piece, so that all of it is in the registry's window.
        Some((core::ptr::with_exposed_provenance_mut(last - 4 * MIB), 4 * MIB))
    }
    static HEAP: PerCpuHeap<RegionSource, Cpus<5>> = PerCpuHeap::new(RegionSource::growing(more));
    fn reenter() {
        let (small, own) = (layout(8, 8), NonNull::dangling());
        assert_eq!(HEAP.allocate(Request::new(small)).err(), Some(AllocError::Reentered));
        // SAFETY: what must be noticed.
        unsafe {
            assert_eq!(HEAP.deallocate(own, small), Err(FreeError::Reentered));
            assert_eq!(HEAP.resize_in_place(own, small, 9), Err(AllocError::Reentered));
            assert_eq!(HEAP.retire_cpu(0), Err(FreeError::Reentered));
        }
        assert_eq!(HEAP.purge().bytes, 0);
        assert!(HEAP.stats().total < 32 * MIB);
    }
    NEXT.store(region(32 * MIB).expose_provenance(), Ordering::Relaxed);
    let layout = layout(30 * KIB, 8);
    assert_eq!(HEAP.allocate(Request::new(layout).now()).err(), Some(AllocError::WouldWait));
    assert_eq!(HEAP.stats().total, 0);
    let blocks: Vec<_> =
        (0..500).map(|_| HEAP.allocate(Request::new(layout)).expect("there is more")).collect();
    assert!(HEAP.stats().total > 500 * 30 * KIB);
    for block in blocks {
        // SAFETY: given up once.
        assert_eq!(unsafe { HEAP.deallocate(block.cast(), layout) }, Ok(()));
    }
    assert_eq!(HEAP.validate().map(|census| census.slabs > 0), Ok(true));
}

/// A block grows and shrinks where it stands as far as its class, or the pages behind it, allow.
#[test]
fn blocks_are_resized_in_place() {
    let heap = heap_of::<4>(8 * MIB);
    let resize = |block: &mut Block, size| {
        // SAFETY: the test's own block.
        let resized = unsafe { heap.resize_in_place(block.start, block.layout, size) };
        assert_eq!(depth(), 0);
        if resized.is_ok() {
            block.layout = layout(size, block.layout.align());
            block.fill(block.mark);
        }
        resized
    };
    // First, so that it is no guest in slots that slabs left idle.
    let mut span = take(heap, Request::new(layout(100 * KIB, 8)), 2).unwrap();
    let mut small = take(heap, Request::new(layout(100, 8)), 1).unwrap();
    assert_eq!(resize(&mut small, 112), Ok(()));
    assert_eq!(resize(&mut small, 97), Ok(()));
    assert_eq!(resize(&mut small, 113), Err(AllocError::NoRoom));
    assert_eq!(resize(&mut span, 300 * KIB), Ok(()));
    assert_eq!(resize(&mut span, 3 * MIB), Err(AllocError::NoRoom));
    assert_eq!(resize(&mut span, 64 * KIB), Ok(()));
    for block in [small, span] {
        assert_eq!(give(heap, block), Ok(()));
    }
    finish(heap);
}
