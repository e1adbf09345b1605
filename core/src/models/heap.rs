//! Whole heaps: caches, pool, registry, superslabs and arena together.

use super::{Fiction, bounded, scribble};
use crate::class::ClassId;
use crate::entry::{Entry, Kind};
use crate::registry::sealed::Sealed;
use crate::{Cache, Heap};
use loom::sync::Arc;
use loom::sync::atomic::{AtomicPtr, Ordering};
use loom::thread;

type Tiny = Heap<Fiction>;

fn allocate(heap: &Tiny, cache: &mut Cache, size: usize) -> *mut u8 {
    // SAFETY: each model's cache serves one heap.
    let block = unsafe { heap.allocate(cache, size) };
    scribble(block);
    block
}

fn free(heap: &Tiny, cache: &mut Cache, block: *mut u8) {
    scribble(block);
    // SAFETY: the models free each block once.
    unsafe { heap.deallocate(cache, block) }
}

/// The global truth at the end: every cache handed back and the arena told to release, nothing
/// stays mapped but tables (C5).
fn nothing_is_left(heap: &Tiny) {
    heap.release_ranges(0);
    assert_eq!(heap.host().mapped(), 0, "memory was lost");
}

/// A block goes from its owner to another thread, whose registry look-up finds its class; both
/// threads then end. The last to give back retires slab and superslab, once.
#[test]
fn the_last_block_comes_back_from_another_thread() {
    bounded(3, || {
        let heap = Arc::new(Tiny::new(Fiction::new()));
        let mut cache = Cache::new();
        let kept = allocate(&heap, &mut cache, 16);
        let passed = allocate(&heap, &mut cache, 16);
        let theirs = heap.clone();
        let passed = AtomicPtr::new(passed);
        let other = thread::spawn(move || {
            let passed = passed.load(Ordering::Relaxed);
            let entry = Entry(theirs.registry.entry(passed.addr()));
            assert_eq!(entry.kind(), Kind::Slab(ClassId(0)));
            let mut cache = Cache::new();
            free(&theirs, &mut cache, passed);
            theirs.retire_cache(&mut cache);
        });
        free(&heap, &mut cache, kept);
        heap.retire_cache(&mut cache);
        other.join().unwrap();
        nothing_is_left(&heap);
    });
}

/// Two threads make the heap's first superslab, registry leaf and descriptors at the same time.
///
/// Fails when weakened: the Release of `Ledger::table`, its Acquire on losing, the Acquire of
/// `published`, the Release of `open`, the Acquire of `claim_run`.
#[test]
fn two_threads_begin() {
    bounded(2, || {
        let heap = Arc::new(Tiny::new(Fiction::new()));
        let begin = |heap: &Tiny| {
            let mut cache = Cache::new();
            let block = allocate(heap, &mut cache, 16);
            (cache, block.expose_provenance())
        };
        let theirs = heap.clone();
        let other = thread::spawn(move || begin(&theirs));
        let mine = begin(&heap);
        for (mut cache, block) in [mine, other.join().unwrap()] {
            free(&heap, &mut cache, core::ptr::with_exposed_provenance_mut(block));
            heap.retire_cache(&mut cache);
        }
        nothing_is_left(&heap);
    });
}

/// A superslab is retired while another thread searches it for a slab of another class.
///
/// Fails when weakened: the Acquire of `claim_run`, the Release of `give_idle`.
#[test]
fn a_superslab_retires_while_another_searches() {
    bounded(2, || {
        let heap = Arc::new(Tiny::new(Fiction::new()));
        let mut cache = Cache::new();
        let block = allocate(&heap, &mut cache, 16);
        let theirs = heap.clone();
        let other = thread::spawn(move || {
            let mut cache = Cache::new();
            let block = allocate(&theirs, &mut cache, 32);
            free(&theirs, &mut cache, block);
            theirs.retire_cache(&mut cache);
        });
        free(&heap, &mut cache, block);
        heap.retire_cache(&mut cache);
        other.join().unwrap();
        nothing_is_left(&heap);
    });
}
