//! Stalls: how long a single malloc or free may take, while two threads go through bursts, idle times
//! and survivors, and the allocator gives memory back beside them or in the middle of a call.

use core::time::Duration;

use hdrhistogram::Histogram;

use crate::alloc::Alloc;
use crate::random::Random;
use crate::release::blocks::{Block, book_for, draw};
use crate::release::book::Book;
use crate::release::print;
use crate::ticks;

const THREADS: u64 = 2;
/// Bytes of a burst on each thread.
const BURST: usize = 32 << 20;
/// Blocks in a thousand that stay until the burst after the next.
const KEPT: u32 = 10;
/// How long a thread sleeps after a burst: long against the pace of a service, and longer than some
/// allocators wait before they give memory back.
const IDLE: Duration = Duration::from_millis(150);
/// The longest stall that is told from longer ones, in ticks.
const LONGEST: u64 = 1 << 40;

/// What is printed, with its share.
const QUANTILES: [(&str, f64); 5] =
    [("p50", 0.5), ("p99", 0.99), ("p99.9", 0.999), ("p99.99", 0.9999), ("max", 1.0)];

/// Ticks of single calls.
struct Calls {
    malloc: Histogram<u64>,
    free: Histogram<u64>,
}

impl Calls {
    fn new() -> Self {
        let empty = || Histogram::new_with_bounds(1, LONGEST, 3).expect("the bounds are right");
        Self { malloc: empty(), free: empty() }
    }
}

/// So many bursts on each thread.
pub(crate) fn run<A: Alloc>(cycles: usize) {
    let scale = ticks::nanos_per_tick();
    let mut all = Calls::new();
    std::thread::scope(|scope| {
        let threads: Vec<_> =
            (0..THREADS).map(|index| scope.spawn(move || work::<A>(index, cycles))).collect();
        for thread in threads {
            let calls = thread.join().expect("a thread ends well");
            all.malloc.add(calls.malloc).expect("the bounds are the same");
            all.free.add(calls.free).expect("the bounds are the same");
        }
    });
    for (name, calls) in [("malloc", &all.malloc), ("free", &all.free)] {
        for (quantile, share) in QUANTILES {
            let nanos = calls.value_at_quantile(share) as f64 * scale;
            print::line(format_args!(
                "{{\"call\":\"{name}\",\"quantile\":\"{quantile}\",\"ns\":{nanos:.1},\"count\":{}}}",
                calls.len()
            ));
        }
    }
    let overhead = ticks::overhead() * scale;
    print::line(format_args!("{{\"overhead_ns\":{overhead:.1}}}"));
}

fn work<A: Alloc>(index: u64, cycles: usize) -> Calls {
    let mut calls = Calls::new();
    let mut random = Random::new(61 + index);
    let mut book = book_for(BURST);
    let survivors = || Book::<Block>::new(BURST / 512);
    // Those of the last burst and of the one before.
    let mut kept = [survivors(), survivors()];
    // The threads are out of step, so that one is idle while the other works.
    std::thread::sleep(IDLE / 2 * index as u32);
    for cycle in 0..cycles {
        let mut live = 0;
        while live < BURST {
            let size = draw(&mut random);
            let start = ticks::now();
            let block = A::alloc(size as usize);
            let took = ticks::now().saturating_sub(start);
            calls.malloc.saturating_record(took);
            let mut block = Block { start: block, size, kept: false };
            // SAFETY: the block has `size` bytes.
            unsafe { block.start.write_bytes(block.mark(), size as usize) };
            block.kept = random.below(1000) < KEPT;
            live += size as usize;
            book.push(block);
        }
        let old = &mut kept[cycle % 2];
        free_all::<A>(old, &mut calls);
        random.shuffle(&mut book);
        for block in book.iter().filter(|block| block.kept) {
            old.push(Block { kept: false, ..*block });
        }
        free_all::<A>(&mut book, &mut calls);
        std::thread::sleep(IDLE);
    }
    for book in &mut kept {
        free_all::<A>(book, &mut calls);
    }
    calls
}

/// Frees what is not kept, and empties the list.
fn free_all<A: Alloc>(book: &mut Book<Block>, calls: &mut Calls) {
    for block in book.iter().filter(|block| !block.kept) {
        // SAFETY: live, and freed once: what is kept stands in another list.
        unsafe {
            block.check();
            let start = ticks::now();
            A::free(block.start, block.size as usize);
            let took = ticks::now().saturating_sub(start);
            calls.free.saturating_record(took);
        }
    }
    book.clear();
}
