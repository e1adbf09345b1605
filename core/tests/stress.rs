//! Threads that pass blocks to each other: patterns stay whole, and in the end every page is
//! accounted for.

mod fakes;
mod held;

use fakes::Fake;
use hakmem_core::{Cache, Heap};
use held::{Held, Random, finish, take, take_zeroed};
use std::sync::Mutex;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::mpsc::channel;
use std::thread;

const THREADS: usize = 4;
/// Steps of a thread; a fifth of that without optimisation.
const STEPS: usize = if cfg!(debug_assertions) { 5_000 } else { 25_000 };
/// Blocks that a thread holds at most.
const HELD_MOST: usize = 300;

/// Bytes of the source's pages: what systems have.
const PAGES: [usize; 3] = [4 << 10, 16 << 10, 64 << 10];

fn heap() -> Box<Heap<Fake>> {
    fakes::heap(Fake::new())
}

/// Where each thread finds what others sent it.
type Mailboxes = [Mutex<Vec<Held>>; THREADS];

fn draw(random: &mut Random, blocks: &mut Vec<Held>) -> Option<Held> {
    let at = random.below(blocks.len().max(1));
    (!blocks.is_empty()).then(|| blocks.swap_remove(at))
}

/// One thread's life: it allocates, frees, resizes, sends, receives, and now and then ends its
/// cache, to go on with it or with a fresh one.
fn live(heap: &Heap<Fake>, mailboxes: &Mailboxes, me: usize, seed: u64) -> Vec<Held> {
    let mut random = Random(seed);
    let mut cache = Box::new(Cache::new());
    let mut held: Vec<Held> = Vec::new();
    for _ in 0..STEPS {
        let (mark, sized) = (random.next(), random.below(2) == 0);
        match random.below(100) {
            0..40 if held.len() < HELD_MOST => {
                let size = random.size();
                let align = if random.below(8) == 0 { 1 << random.below(17) } else { 1 };
                let block = if mark % 4 == 0 {
                    take_zeroed(heap, &mut cache, size, align, mark)
                } else {
                    take(heap, &mut cache, size, align, mark)
                };
                held.push(block.expect("there is memory"));
            }
            0..65 => {
                if let Some(block) = draw(&mut random, &mut held) {
                    block.free(heap, &mut cache, sized);
                }
            }
            65..72 => {
                if let Some(block) = draw(&mut random, &mut held) {
                    let size = random.size();
                    let resized = block.resize(heap, &mut cache, size, sized, mark);
                    held.push(resized.expect("there is memory"));
                }
            }
            72..90 => {
                let to = random.below(THREADS);
                if let Some(block) = draw(&mut random, &mut held) {
                    mailboxes[to].lock().unwrap().push(block);
                }
            }
            90..97 => {
                let mut mail = mailboxes[me].lock().unwrap();
                let room = HELD_MOST.saturating_sub(held.len());
                let stays = mail.len().saturating_sub(room);
                held.extend(mail.drain(stays..));
            }
            97 => {
                // Everything at once, as when a structure is dropped.
                for block in held.drain(..) {
                    block.free(heap, &mut cache, sized);
                }
            }
            98 if random.below(20) == 0 => {
                heap.retire_cache(&mut cache);
                if sized {
                    *cache = Cache::new();
                }
            }
            99 if random.below(20) == 0 => {
                heap.purge(&mut cache);
            }
            _ => {}
        }
    }
    heap.retire_cache(&mut cache);
    held
}

/// Asks about anything at any time, as a crash handler or a monitor does, and lets memory decay, as a
/// background thread does.
fn watch(heap: &Heap<Fake>, done: &AtomicBool, seed: u64) {
    let mut random = Random(seed);
    let mut cache = Cache::new();
    let block = take(heap, &mut cache, 64, 1, 0).expect("there is memory");
    let near = block.start.addr();
    block.free(heap, &mut cache, true);
    heap.retire_cache(&mut cache);
    while !done.load(Ordering::Relaxed) {
        for _ in 0..64 {
            let address = (near + random.below(256 << 20)) & !(random.below(2) * 0xfff);
            let size = heap.usable_size(core::ptr::without_provenance(address));
            assert!(size.is_none_or(|size| size >= 8));
        }
        let stats = heap.stats();
        assert!(stats.mapped_peak >= stats.tables);
        if random.below(8) == 0 {
            heap.decay();
        }
        thread::yield_now();
    }
}

#[test]
fn threads_pass_blocks_to_each_other() {
    let seeds = [0x9e37_79b9_7f4a_7c15u64, 0xf39c_c060_5ced_c834, 0x1082_276b_f3a2_7251];
    for (seed, page) in seeds.into_iter().zip(PAGES) {
        let heap = fakes::heap(Fake::with_page(page));
        let mailboxes: Mailboxes = Default::default();
        let done = AtomicBool::new(false);
        let left = thread::scope(|scope| {
            let threads: Vec<_> = (0..THREADS)
                .map(|me| {
                    let (heap, mailboxes) = (&*heap, &mailboxes);
                    scope.spawn(move || live(heap, mailboxes, me, seed.rotate_left(me as u32)))
                })
                .collect();
            scope.spawn(|| watch(&heap, &done, seed));
            let left: Vec<_> = threads.into_iter().map(|thread| thread.join()).collect();
            // Before a panic goes on: the watcher would watch for ever.
            done.store(true, Ordering::Relaxed);
            left.into_iter().flat_map(|left| left.unwrap()).collect::<Vec<_>>()
        });
        let mail = mailboxes.into_iter().flat_map(|mail| mail.into_inner().unwrap());
        let left: Vec<_> = left.into_iter().chain(mail).collect();
        let census = heap.validate().expect("a sound heap");
        let small = |held: &&Held| held.size <= 32 << 10 && held.align <= 32 << 10;
        // Every cache has ended, so that no block is in any list.
        assert_eq!(census.blocks, left.iter().filter(small).count());
        let mut cache = Cache::new();
        left.into_iter().for_each(|held| held.free(&heap, &mut cache, true));
        finish(&heap, [&mut cache]);
    }
}

/// One thread allocates and others free, through channels: every block goes home.
#[test]
fn producers_and_consumers() {
    for size in [16, 200, 3000, 40 << 10] {
        let heap = heap();
        let (send, receive) = channel::<Held>();
        let receive = Mutex::new(receive);
        thread::scope(|scope| {
            for producer in 0..2 {
                let (heap, send) = (&*heap, send.clone());
                scope.spawn(move || {
                    let mut cache = Cache::new();
                    for step in 0..STEPS as u64 {
                        let block = take(heap, &mut cache, size, 1, step << 1 | producer);
                        send.send(block.expect("there is memory")).unwrap();
                        if step % 64 == 0 {
                            thread::yield_now();
                        }
                    }
                    heap.retire_cache(&mut cache);
                });
            }
            drop(send);
            for _ in 0..2 {
                let (heap, receive) = (&*heap, &receive);
                scope.spawn(move || {
                    let mut cache = Cache::new();
                    loop {
                        let block = receive.lock().unwrap().recv();
                        let Ok(block) = block else { break };
                        block.free(heap, &mut cache, true);
                    }
                    heap.retire_cache(&mut cache);
                });
            }
        });
        assert_eq!(heap.validate().expect("a sound heap").blocks, 0);
        finish(&heap, []);
    }
}

/// Short lives: each thread frees what the one before left, and leaves some to the next.
#[test]
fn threads_come_and_go() {
    let heap = heap();
    let left = Mutex::new(Vec::<Held>::new());
    for round in 0..60u64 {
        thread::scope(|scope| {
            for me in 0..THREADS as u64 {
                let (heap, left) = (&*heap, &left);
                scope.spawn(move || {
                    let mut random = Random(round << 8 | me << 1 | 1);
                    let mut cache = Cache::new();
                    for _ in 0..200 {
                        let mark = random.next();
                        let block = take(heap, &mut cache, random.below(3000), 1, mark);
                        let other = {
                            let mut left = left.lock().unwrap();
                            left.push(block.expect("there is memory"));
                            if left.len() > 500 { draw(&mut random, &mut left) } else { None }
                        };
                        if let Some(other) = other {
                            other.free(heap, &mut cache, mark % 2 == 0);
                        }
                    }
                    heap.retire_cache(&mut cache);
                });
            }
        });
        let blocks = heap.validate().expect("a sound heap").blocks;
        assert_eq!(blocks, left.lock().unwrap().len());
    }
    let mut cache = Cache::new();
    let left = left.into_inner().unwrap();
    left.into_iter().for_each(|held| held.free(&heap, &mut cache, false));
    finish(&heap, [&mut cache]);
}

/// Memory runs out again and again while threads work: who gets nothing goes on with less.
#[test]
fn threads_where_memory_is_scarce() {
    let heap = heap();
    heap.host().manners(|manners| manners.limit = 12 << 20);
    let refused = thread::scope(|scope| {
        let threads: Vec<_> = (1..=THREADS as u64)
            .map(|seed| {
                let heap = &*heap;
                scope.spawn(move || {
                    let mut random = Random(seed * 0x2545_f491_4f6c_dd1d);
                    let mut cache = Cache::new();
                    let (mut held, mut refused) = (Vec::new(), 0);
                    for _ in 0..STEPS {
                        let mark = random.next();
                        match take(heap, &mut cache, random.size(), 1, mark) {
                            Some(block) => held.push(block),
                            None => {
                                refused += 1;
                                for block in held.drain(held.len() / 2..) {
                                    block.free(heap, &mut cache, true);
                                }
                            }
                        }
                        if held.len() > HELD_MOST {
                            if let Some(block) = draw(&mut random, &mut held) {
                                block.free(heap, &mut cache, false);
                            }
                        }
                    }
                    held.into_iter().for_each(|block| block.free(heap, &mut cache, true));
                    heap.retire_cache(&mut cache);
                    refused
                })
            })
            .collect();
        threads.into_iter().map(|thread| thread.join().unwrap()).sum::<usize>()
    });
    assert!(refused > 0, "memory was never out");
    finish(&heap, []);
}
