//! Heaps with a cache for each CPU, by their fronts: pin, cache, heap, unpin.
//!
//! Each CPU's cache is a tracked cell: two that have it at once, or one after the other without order,
//! fail the model. So do locks where an allocation must not wait.

use super::{Fiction, bounded, scribble};
use crate::sync::without_locks;
use crate::{AllocError, Cpu, Flat, PerCpuHeap, Request};
use core::alloc::Layout;
use core::cell::Cell;
use core::ptr::NonNull;
use loom::sync::atomic::{AtomicPtr, Ordering};
use loom::sync::{Arc, Mutex, MutexGuard};
use loom::thread;

const CPUS: usize = 2;

loom::thread_local! {
    static CPU: Cell<usize> = Cell::new(0);
}

/// A CPU for each thread, so that a pin has nothing to do.
struct Apart;

// SAFETY: loom makes sure of it.
unsafe impl Cpu for Apart {
    type Pinned = ();

    fn pin() {}

    fn id((): &()) -> usize {
        CPU.with(Cell::get)
    }
}

loom::lazy_static! {
    static ref RUNNING: Mutex<()> = Mutex::new(());
}

/// One CPU for all threads: who is pinned keeps the others from running.
struct Shared;

// SAFETY: the lock's.
unsafe impl Cpu for Shared {
    type Pinned = MutexGuard<'static, ()>;

    fn pin() -> Self::Pinned {
        RUNNING.lock().unwrap()
    }

    fn id(_: &Self::Pinned) -> usize {
        0
    }
}

type Heap<C> = PerCpuHeap<Fiction, C, Flat<16>, CPUS>;

fn heap<C: Cpu>() -> Arc<Heap<C>> {
    Arc::new(PerCpuHeap::new(Fiction::new()))
}

fn layout(size: usize) -> Layout {
    Layout::from_size_align(size, 8).unwrap()
}

fn take<C: Cpu>(heap: &Heap<C>, size: usize) -> *mut u8 {
    let block = heap.allocate(Request::new(layout(size))).unwrap().cast::<u8>();
    scribble(block.as_ptr());
    block.as_ptr()
}

/// Allocates without a lock.
fn take_now<C: Cpu>(heap: &Heap<C>, size: usize) -> Option<*mut u8> {
    let request = Request::new(layout(size)).now();
    match without_locks(|| heap.allocate(request)) {
        Ok(block) => {
            let start = block.cast::<u8>().as_ptr();
            scribble(start);
            Some(start)
        }
        Err(error) => {
            assert_eq!(error, AllocError::WouldWait);
            None
        }
    }
}

fn give<C: Cpu>(heap: &Heap<C>, block: *mut u8, size: usize) {
    scribble(block);
    // SAFETY: the models free each block once.
    let freed = unsafe { heap.deallocate(NonNull::new(block).unwrap(), layout(size)) };
    assert_eq!(freed, Ok(()));
}

/// Runs `work` on CPU 1, beside the model's own thread on CPU 0.
fn beside<C: Cpu, T: 'static>(
    heap: &Arc<Heap<C>>,
    work: impl FnOnce(&Heap<C>) -> T + 'static,
) -> thread::JoinHandle<T> {
    let heap = heap.clone();
    thread::spawn(move || {
        CPU.with(|cpu| cpu.set(1));
        work(&heap)
    })
}

/// Both CPUs hand their caches back, and nothing stays mapped but tables.
fn finish<C: Cpu>(heap: &Heap<C>) {
    for cpu in 0..CPUS {
        // SAFETY: the other thread has ended.
        assert_eq!(unsafe { heap.retire_cpu(cpu) }, Ok(()));
    }
    heap.purge();
    assert_eq!(heap.source().mapped(), 0, "memory was lost");
}

/// A CPU frees what the other allocated, and allocates itself, while that one frees and allocates.
///
/// Fails when weakened: the CAS of `send_home`. Fails when both CPUs get the same cache.
#[test]
fn a_cpu_frees_what_the_other_allocated() {
    bounded(3, || {
        let heap = heap::<Apart>();
        let (kept, passed) = (take(&heap, 16), AtomicPtr::new(take(&heap, 16)));
        let other = beside(&heap, move |heap| {
            give(heap, passed.load(Ordering::Relaxed), 16);
            let own = take(heap, 16);
            give(heap, own, 16);
            // SAFETY: its own CPU.
            assert_eq!(unsafe { heap.retire_cpu(1) }, Ok(()));
        });
        // Its list is empty: this is fresh, or what came home.
        let own = take(&heap, 16);
        give(&heap, own, 16);
        give(&heap, kept, 16);
        other.join().unwrap();
        finish(&heap);
    });
}

/// One CPU opens a superslab, under the lock; beside it the other is served without waiting, or told that
/// it would have to.
///
/// Fails when weakened: the Release of `open`, the Acquire of `claim_run`. Fails when a refill that must not
/// wait goes on to stage 3.
#[test]
fn an_allocation_that_never_waits_beside_a_new_superslab() {
    bounded(3, || {
        let heap = heap::<Apart>();
        let other = beside(&heap, |heap| {
            if let Some(block) = take_now(heap, 16) {
                give(heap, block, 16);
            }
        });
        let block = take(&heap, 16);
        other.join().unwrap();
        give(&heap, block, 16);
        finish(&heap);
    });
}

/// All blocks of a slab come home from the other CPU while its claimer, whose allocation must not wait,
/// finds it used up and is about to give it up.
///
/// Fails when weakened: the CAS of `send_home`, the Release of `give_idle`. Fails when such a refill gives up
/// a slab that came back whole.
#[test]
fn an_allocation_that_never_waits_beside_a_slab_that_comes_home() {
    bounded(2, || {
        let heap = heap::<Apart>();
        let blocks = [0; 4].map(|_| AtomicPtr::new(take(&heap, 16)));
        let other = beside(&heap, move |heap| {
            for block in blocks {
                give(heap, block.load(Ordering::Relaxed), 16);
            }
            // SAFETY: its own CPU.
            assert_eq!(unsafe { heap.retire_cpu(1) }, Ok(()));
        });
        // Where it was given up before they came, the other CPU closes the superslab.
        let block = take_now(&heap, 16);
        other.join().unwrap();
        if let Some(block) = block {
            give(&heap, block, 16);
        }
        finish(&heap);
    });
}

/// Two threads of one CPU: what one left in the cache the other finds, and the pin orders the two.
///
/// Fails when the front unpins before it is done with the cache.
#[test]
fn two_threads_of_one_cpu() {
    bounded(3, || {
        let heap = heap::<Shared>();
        let turn = |heap: &Heap<Shared>| {
            let block = take(heap, 16);
            give(heap, block, 16);
        };
        let other = beside(&heap, turn);
        turn(&heap);
        other.join().unwrap();
        finish(&heap);
    });
}
