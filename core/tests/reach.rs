//! What idle threads' caches hold is reached from other threads, and nothing is lost or handed out
//! twice when their owners are not idle after all.

mod fakes;

use core::ptr::NonNull;
use core::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use fakes::Fake;
use hakmem_core::{Cache, Fresh, Heap, Host, Misuse, MisuseKind, PageSource, Policy, Verdict};
use rustix::thread::{MembarrierCommand, membarrier};
use std::boxed::Box;
use std::sync::Barrier;
use std::vec::Vec;

/// A fake whose threads can be made to pass a fence.
struct Reaching(Fake);

// SAFETY: the fake's.
unsafe impl PageSource for Reaching {
    fn page_size(&self) -> usize {
        self.0.page_size()
    }
    fn map(&self, size: usize, align: usize) -> Option<NonNull<u8>> {
        self.0.map(size, align)
    }
    unsafe fn unmap(&self, base: NonNull<u8>, size: usize) -> bool {
        // SAFETY: the caller's promise.
        unsafe { self.0.unmap(base, size) }
    }
    unsafe fn purge(&self, base: NonNull<u8>, size: usize) -> bool {
        // SAFETY: the caller's promise.
        unsafe { self.0.purge(base, size) }
    }
    unsafe fn populate(&self, base: NonNull<u8>, size: usize) -> bool {
        // SAFETY: the caller's promise.
        unsafe { self.0.populate(base, size) }
    }
    unsafe fn remap(
        &self,
        base: NonNull<u8>,
        old: usize,
        new: usize,
        align: usize,
    ) -> Option<NonNull<u8>> {
        // SAFETY: the caller's promise.
        unsafe { self.0.remap(base, old, new, align) }
    }
}

impl Host for Reaching {
    const REACHES: bool = true;

    fn barrier(&self) -> bool {
        membarrier(MembarrierCommand::PrivateExpedited).is_ok()
    }
    fn relax() {
        std::thread::yield_now();
    }
    fn cache_started(&self, cache: *mut Cache) {
        self.0.cache_started(cache);
    }
    fn misuse(&self, misuse: Misuse) -> Verdict {
        self.0.misuse(misuse)
    }
}

fn heap() -> Box<Heap<Reaching>> {
    membarrier(MembarrierCommand::RegisterPrivateExpedited).expect("a kernel with membarrier");
    let builder = std::thread::Builder::new().stack_size(64 << 20);
    let built = builder.spawn(|| Box::new(Heap::new(Reaching(Fake::new())))).expect("a thread");
    built.join().expect("a heap")
}

fn take(heap: &Heap<Reaching>, cache: &mut Cache, size: usize) -> *mut u8 {
    // SAFETY: the cache is this heap's.
    let block = unsafe { heap.allocate(cache, size) };
    assert!(!block.is_null());
    block
}

/// The global truth: after all caches are handed back and all is purged, tables alone are left.
fn finish(heap: &Heap<Reaching>) {
    heap.validate().expect("a sound heap");
    heap.purge(&mut Cache::new());
    heap.validate().expect("a sound heap");
    assert_eq!(heap.mapped(), heap.stats().tables);
    let held: usize = heap.stats().classes.iter().map(|class| class.carved).sum();
    assert_eq!(held, 0);
}

/// Random numbers below a bound.
fn random(seed: u64) -> impl Fn(usize) -> usize {
    let seed = core::cell::Cell::new(seed);
    move |below| {
        let next = seed.get().wrapping_mul(6364136223846793005).wrapping_add(1442695040888963407);
        seed.set(next);
        (next >> 33) as usize % below
    }
}

/// Sizes of lists, of the outbox, and of spans.
const SIZES: [usize; 8] = [8, 64, 100, 1000, 5000, 20_000, 40_000, 200_000];

#[test]
fn a_look_tells_which_caches_the_last_round_found_in_use() {
    let heap = heap();
    let mut caches = [const { Cache::new() }; 3].map(Box::new);
    let active = || (heap.look().caches, heap.look().active);
    let serve = |cache: &mut Cache| {
        let block = take(&heap, cache, 100);
        // SAFETY: given up once.
        unsafe { heap.deallocate(cache, block) };
    };
    caches.iter_mut().for_each(|cache| serve(cache));
    assert_eq!(active(), (3, 0), "there was no round yet");
    heap.decay();
    assert_eq!(active(), (3, 3));
    // A block that is only taken changes a list; one that comes back to its place may not.
    let block = take(&heap, &mut caches[1], 100);
    heap.decay();
    assert_eq!(active(), (3, 1));
    heap.decay();
    assert_eq!(active(), (3, 0));
    // SAFETY: given up once.
    unsafe { heap.deallocate(&mut caches[1], block) };
    caches.iter_mut().for_each(|cache| heap.retire_cache(cache));
    finish(&heap);
}

#[test]
fn an_idle_cache_is_emptied_but_for_the_heads_of_its_lists() {
    let heap = heap();
    let (ready, done) = (Barrier::new(2), Barrier::new(2));
    std::thread::scope(|scope| {
        scope.spawn(|| {
            let mut cache = Box::new(Cache::new());
            for size in SIZES {
                let blocks: Vec<_> = (0..300).map(|_| take(&heap, &mut cache, size)).collect();
                for block in blocks {
                    // SAFETY: given up once.
                    unsafe { heap.deallocate(&mut cache, block) };
                }
            }
            ready.wait();
            done.wait();
            // The lists are as they were but for what was taken: they still serve.
            let mut held = Vec::new();
            for size in SIZES.into_iter().cycle().take(4000) {
                let block = take(&heap, &mut cache, size);
                assert!(!held.contains(&(block, size)), "handed out twice");
                held.push((block, size));
                // SAFETY: a block of that size.
                unsafe { block.write_bytes(7, size) };
            }
            for (block, size) in held {
                // SAFETY: given up once.
                unsafe { heap.deallocate_sized(&mut cache, block, size, 1) };
            }
            heap.retire_cache(&mut cache);
        });
        ready.wait();
        let purged = heap.purge(&mut Cache::new());
        assert_eq!((purged.caches, purged.cached), (0, 0));
        let held: usize =
            heap.stats().classes.iter().map(|class| class.carved - class.returned).sum();
        assert!(held <= 6, "{held} blocks were not reached: more than a head for each size");
        let held = heap.stats().spans.held;
        assert_eq!(held, 0);
        // Nothing is left to take.
        assert_eq!(heap.purge(&mut Cache::new()).bytes, 0);
        done.wait();
    });
    finish(&heap);
}

/// The first call of an emptied cache's owner may be about anything.
#[test]
fn a_foreign_pointer_stays_one_when_the_cache_was_emptied() {
    let heap = heap();
    heap.host().0.manners(|manners| manners.tolerate_misuse = true);
    let mut cache = Box::new(Cache::new());
    let mut own = 0_u64;
    for stated in [None, Some(8)] {
        for size in [8, 64] {
            let block = take(&heap, &mut cache, size);
            // SAFETY: given up once.
            unsafe { heap.deallocate(&mut cache, block) };
        }
        heap.purge(&mut Cache::new());
        let foreign = (&raw mut own).cast();
        // SAFETY: not the heap's, which is what the test is about.
        unsafe {
            match stated {
                None => heap.deallocate(&mut cache, foreign),
                Some(size) => heap.deallocate_sized(&mut cache, foreign, size, 1),
            }
        }
        assert_eq!(heap.host().0.take_misuse_kinds(), [MisuseKind::NotOurs]);
    }
    heap.retire_cache(&mut cache);
    finish(&heap);
}

/// A thread that begins with a free may be past the destructors that would retire its cache.
#[test]
fn a_cache_that_only_frees_is_out_of_reach_until_it_allocates() {
    let heap = heap();
    let (mut cache, mut other) = (Box::new(Cache::new()), Box::new(Cache::new()));
    let blocks: Vec<_> = (0..3).map(|_| take(&heap, &mut other, 64)).collect();
    for block in blocks {
        // SAFETY: given up once.
        unsafe { heap.deallocate(&mut cache, block) };
    }
    heap.retire_cache(&mut other);
    heap.purge(&mut Cache::new());
    let out =
        || heap.stats().classes.iter().map(|class| class.carved - class.returned).sum::<usize>();
    assert_eq!(out(), 3, "they are in the outbox, and stay there");
    let block = take(&heap, &mut cache, 64);
    // SAFETY: given up once.
    unsafe { heap.deallocate(&mut cache, block) };
    heap.purge(&mut Cache::new());
    assert!(out() <= 1);
    heap.retire_cache(&mut cache);
    finish(&heap);
}

#[test]
fn a_cache_that_is_used_between_two_rounds_is_left_alone() {
    let heap = heap();
    let mut cache = Box::new(Cache::new());
    let blocks: Vec<_> = (0..300).map(|_| take(&heap, &mut cache, 64)).collect();
    for &block in &blocks[..200] {
        // SAFETY: given up once.
        unsafe { heap.deallocate(&mut cache, block) };
    }
    let before = heap.stats().classes.map(|class| class.returned);
    heap.decay();
    for &block in &blocks[200..] {
        // SAFETY: given up once.
        unsafe { heap.deallocate(&mut cache, block) };
        assert_eq!(heap.decay().active, 1);
    }
    assert_eq!(heap.stats().classes.map(|class| class.returned), before);
    assert_eq!(heap.decay().active, 0);
    let left: usize = heap.stats().classes.iter().map(|class| class.carved - class.returned).sum();
    assert!(left <= 1);
    heap.retire_cache(&mut cache);
    finish(&heap);
}

/// Owners at full speed, with pauses; blocks change hands; two reachers in their caches all the time.
#[test]
fn reaching_into_busy_caches_loses_nothing() {
    reach_into_busy_caches(false);
}

#[test]
fn neither_does_another_policy_while_they_are_reached() {
    reach_into_busy_caches(true);
}

/// A policy of any numbers whatever.
fn any_policy(random: impl Fn(usize) -> usize) -> Policy {
    let mut policy = Policy {
        growth: random(4096) as u32,
        sharers: random(4) as u32,
        batch: random(128 << 10) as u32,
        kept: random(8192) as u32,
        fresh: Fresh::of(random(3) as u8),
        ..Policy::DEFAULT
    };
    policy.lists.fill_with(|| random(1 << random(13)) as u16);
    policy
}

/// Owners that pass blocks on, beside threads that empty their caches, and one that sets policies.
fn reach_into_busy_caches(policies: bool) {
    const OWNERS: usize = 3;
    const ROUNDS: usize = if cfg!(debug_assertions) { 60 } else { 400 };
    let heap = heap();
    let stop = AtomicBool::new(false);
    let emptied = AtomicUsize::new(0);
    let hand = std::sync::Mutex::new(Vec::<(usize, usize, u8)>::new());
    std::thread::scope(|scope| {
        let mut reachers: Vec<_> = [false, true]
            .into_iter()
            .map(|decay| {
                let (heap, stop, emptied) = (&heap, &stop, &emptied);
                scope.spawn(move || {
                    let mut own = Box::new(Cache::new());
                    while !stop.load(Ordering::Relaxed) {
                        if decay {
                            heap.decay();
                        } else {
                            emptied.fetch_add(heap.purge(&mut own).bytes, Ordering::Relaxed);
                        }
                    }
                    heap.retire_cache(&mut own);
                })
            })
            .collect();
        if policies {
            reachers.push(scope.spawn(|| {
                let random = random(99);
                while !stop.load(Ordering::Relaxed) {
                    heap.set_policy(&any_policy(&random));
                    std::thread::yield_now();
                }
            }));
        }
        let owners: Vec<_> = (0..OWNERS)
            .map(|owner| {
                let (heap, hand) = (&heap, &hand);
                scope.spawn(move || {
                    let mut cache = Box::new(Cache::new());
                    let random = random(owner as u64 + 1);
                    let mut held: Vec<(usize, usize, u8)> = Vec::new();
                    let free = |cache: &mut Cache, (start, size, mark): (usize, usize, u8)| {
                        let block: *mut u8 = core::ptr::with_exposed_provenance_mut(start);
                        // SAFETY: a live block of that size, given up once.
                        unsafe {
                            assert_eq!((block.read(), block.add(size - 1).read()), (mark, mark));
                            heap.deallocate(cache, block);
                        }
                    };
                    for round in 0..ROUNDS {
                        for _ in 0..400 {
                            if random(2) == 0 && !held.is_empty() {
                                let at = random(held.len());
                                free(&mut cache, held.swap_remove(at));
                            } else {
                                let (size, mark) = (SIZES[random(6)], random(256) as u8);
                                let block = take(heap, &mut cache, size);
                                // SAFETY: a block of that size.
                                unsafe {
                                    block.write(mark);
                                    block.add(size - 1).write(mark);
                                }
                                held.push((block.expose_provenance(), size, mark));
                            }
                        }
                        let passed = held.len() / 4;
                        let mut hand = hand.lock().expect("no panic");
                        let theirs = core::mem::take(&mut *hand);
                        hand.extend(held.drain(..passed));
                        drop(hand);
                        theirs.into_iter().for_each(|block| free(&mut cache, block));
                        if round % 16 == owner {
                            std::thread::sleep(core::time::Duration::from_millis(2));
                        }
                    }
                    held.into_iter().for_each(|block| free(&mut cache, block));
                    heap.retire_cache(&mut cache);
                })
            })
            .collect();
        owners.into_iter().for_each(|owner| owner.join().expect("no panic"));
        stop.store(true, Ordering::Relaxed);
        reachers.into_iter().for_each(|reacher| reacher.join().expect("no panic"));
    });
    let mut cache = Box::new(Cache::new());
    for (start, ..) in hand.into_inner().expect("no panic") {
        // SAFETY: a live block, given up once.
        unsafe { heap.deallocate(&mut cache, core::ptr::with_exposed_provenance_mut(start)) };
    }
    heap.retire_cache(&mut cache);
    assert_ne!(emptied.into_inner(), 0);
    finish(&heap);
}

/// A cache that was emptied, and an untouched one, serve an allocation that never waits while all locks
/// are held; the list of caches is behind one of them.
#[test]
fn an_emptied_cache_serves_without_waiting() {
    let heap = heap();
    let mut caches = [(); 2].map(|()| Box::new(Cache::new()));
    let kept = take(&heap, &mut caches[0], 64);
    std::thread::scope(|scope| {
        scope.spawn(|| heap.relieve());
    });
    heap.lock_for_fork();
    // SAFETY: the caches are this heap's.
    let blocks = caches.each_mut().map(|cache| unsafe { heap.allocate_now(cache, 64, 8) });
    // SAFETY: this thread took them.
    unsafe { heap.unlock_after_fork() };
    assert!(blocks.iter().all(|block| !block.is_null()));
    // Its owner allocates again, and from now on it can be reached.
    let shown = take(&heap, &mut caches[1], 5000);
    for block in blocks.into_iter().chain([kept, shown]) {
        // SAFETY: given up once.
        unsafe { heap.deallocate(&mut caches[0], block) };
    }
    for cache in &mut caches {
        heap.retire_cache(cache);
    }
    finish(&heap);
}
