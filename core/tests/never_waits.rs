//! An allocation that never waits, while another thread holds every lock that the heap has.

mod fakes;
mod held;

use fakes::Fake;
use hakmem_core::{Cache, Heap};
use held::{Held, finish};
use std::sync::mpsc::channel;
use std::thread;

/// Sizes and alignments of every layer; the last is one that nothing at hand can serve.
const REQUESTS: [(usize, usize); 9] = [
    (0, 1),
    (8, 16),
    (24, 8),
    (200, 64),
    (1 << 10, 1 << 10),
    (5000, 1),
    (32 << 10, 4096),
    (100 << 10, 1),
    (3 << 20, 1),
];
const ROUNDS: usize = 2000;

fn now(heap: &Heap<Fake>, cache: &mut Cache, (size, align): (usize, usize)) -> *mut u8 {
    // SAFETY: each test's caches serve one heap.
    unsafe { heap.allocate_now(cache, size, align) }
}

fn take(heap: &Heap<Fake>, cache: &mut Cache, (size, align): (usize, usize), mark: u64) -> Held {
    held::take(heap, cache, size, align, mark).expect("there is memory")
}

/// Runs `work` while another thread holds the heap's locks, and has taken them before. Were the work
/// to wait for one it would wait for ever.
fn while_locked<T>(heap: &Heap<Fake>, work: impl FnOnce() -> T) -> T {
    thread::scope(|scope| {
        let (locked, is_locked) = channel();
        let (done, is_done) = channel::<()>();
        scope.spawn(move || {
            heap.lock_for_fork();
            locked.send(()).unwrap();
            // An error says that the work panicked, and the locks are free for the next.
            let _ = is_done.recv();
            // SAFETY: this thread took them.
            unsafe { heap.unlock_after_fork() };
        });
        is_locked.recv().unwrap();
        let result = work();
        done.send(()).unwrap();
        result
    })
}

/// Leaves free blocks of several classes in slabs, idle slots beside them, and spans in the bins. What
/// keeps them there are a few live blocks, which are answered.
fn furnish(heap: &Heap<Fake>) -> Vec<Held> {
    let mut cache = Box::new(Cache::new());
    let mut blocks = Vec::new();
    for round in 0..200 {
        for request in &REQUESTS[..8] {
            blocks.push(take(heap, &mut cache, *request, round));
        }
    }
    let kept = blocks.split_off(blocks.len() - 8);
    for block in blocks {
        block.free(heap, &mut cache, true);
    }
    heap.retire_cache(&mut cache);
    kept
}

#[test]
fn it_takes_no_lock() {
    let heap = fakes::heap(Fake::new());
    let kept = furnish(&heap);
    let mapped = heap.host().mapped();
    let mut cache = Box::new(Cache::new());
    let (held, refused) = while_locked(&heap, || {
        let (mut held, mut refused) = (Vec::new(), [0; REQUESTS.len()]);
        for mark in 0..ROUNDS {
            for (request, refused) in REQUESTS.into_iter().zip(&mut refused) {
                let start = now(&heap, &mut cache, request);
                if start.is_null() {
                    *refused += 1;
                } else {
                    held.push(Held::new(start, request.0, request.1, mark as u64));
                }
            }
        }
        (held, refused)
    });
    assert_eq!(heap.host().mapped(), mapped, "the source was asked");
    // All were served at first but the one that is larger than what is kept at hand, and in the end,
    // when slabs and slots were used up, the larger ones no more.
    assert!(held.len() > ROUNDS, "{} served", held.len());
    assert_eq!(refused[8], ROUNDS);
    assert!(refused[..8].iter().all(|&refused| refused < ROUNDS), "{refused:?}");
    assert!(refused[6] > 0 && refused[7] > 0, "{refused:?}");
    heap.validate().expect("a sound heap");
    for block in held.into_iter().chain(kept) {
        block.free(&heap, &mut cache, true);
    }
    finish(&heap, [&mut *cache]);
}

/// A heap that nobody used has nothing at hand; one in use has, as soon as a call that may wait
/// made room.
#[test]
fn what_it_refuses_may_be_had_by_waiting() {
    let heap = fakes::heap(Fake::new());
    let mut cache = Box::new(Cache::new());
    for request in REQUESTS {
        assert!(while_locked(&heap, || now(&heap, &mut cache, request)).is_null());
    }
    let first = take(&heap, &mut cache, (24, 8), 1);
    let start = while_locked(&heap, || now(&heap, &mut cache, (24, 8)));
    let second = Held::new(start, 24, 8, 2);
    for block in [first, second] {
        block.free(&heap, &mut cache, true);
    }
    finish(&heap, [&mut *cache]);
}

/// Absurd sizes and alignments get null, as they do by waiting; an ended cache serves nothing.
#[test]
fn what_cannot_be_is_refused() {
    let heap = fakes::heap(Fake::new());
    let mut cache = Box::new(Cache::new());
    let kept = take(&heap, &mut cache, (24, 8), 1);
    for request in [
        (usize::MAX, 1),
        (usize::MAX, 16),
        (isize::MAX as usize, 1 << 30),
        (1, 1 << (usize::BITS - 2)),
    ] {
        assert!(now(&heap, &mut cache, request).is_null());
    }
    kept.free(&heap, &mut cache, true);
    heap.retire_cache(&mut cache);
    assert!(now(&heap, &mut cache, (24, 8)).is_null());
    finish(&heap, [&mut *cache]);
}

/// All blocks of the claimed slab came home: it serves again, and is not retired, which would close
/// its superslab.
#[test]
fn a_slab_that_came_back_whole_serves_again() {
    let heap = fakes::heap(Fake::new());
    let (mut cache, mut other) = (Box::new(Cache::new()), Box::new(Cache::new()));
    // Eight blocks a slab, and lists of one: nothing is left in the cache when the slab is used up.
    let large = (32 << 10, 1);
    let blocks: Vec<Held> = (0..8).map(|mark| take(&heap, &mut cache, large, mark)).collect();
    let class = |heap: &Heap<Fake>| *heap.stats().classes.last().unwrap();
    assert_eq!(class(&heap).carved, 8);
    for block in blocks {
        block.free(&heap, &mut other, true);
    }
    heap.retire_cache(&mut other);
    assert_eq!(class(&heap).returned, 8, "all are home, and the slab is claimed");
    let start = while_locked(&heap, || now(&heap, &mut cache, large));
    let block = Held::new(start, large.0, large.1, 9);
    assert_eq!(class(&heap).slabs, 1);
    block.free(&heap, &mut cache, true);
    finish(&heap, [&mut *cache, &mut *other]);
}
