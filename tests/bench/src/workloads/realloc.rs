//! Buffers that grow, several in turn, so that none can just extend into free space for ever.

use crate::alloc::Alloc;
use crate::race::race;
use crate::workload::{Outcome, Scale};

/// How the buffers grow.
struct Growth {
    buffers: usize,
    first: usize,
    last: usize,
    /// The next size: `size + size / part`.
    part: usize,
    /// Distance of the words written into what was gained, in bytes.
    stride: usize,
    /// Times that a full run grows all buffers from first to last.
    times: usize,
}

const SMALL: Growth =
    Growth { buffers: 64, first: 16, last: 64 << 10, part: 2, stride: 256, times: 800 };
const LARGE: Growth =
    Growth { buffers: 2, first: 64 << 10, last: 32 << 20, part: 4, stride: 4096, times: 4 };

/// 64 buffers, from 16 B to 64 KiB.
pub(crate) fn small<A: Alloc>(scale: Scale) -> Outcome {
    run::<A>(&SMALL, scale)
}

/// 2 buffers, from 64 KiB to 32 MiB, every page written.
pub(crate) fn large<A: Alloc>(scale: Scale) -> Outcome {
    run::<A>(&LARGE, scale)
}

fn run<A: Alloc>(growth: &Growth, scale: Scale) -> Outcome {
    let times = scale.of(growth.times);
    let work = |()| (0..times).map(|_| grow_all::<A>(growth)).sum::<usize>();
    let (grows, took) = race(1, |_| (), work);
    Outcome::new(grows[0], took)
}

/// Grows every buffer to the last size, in turn; the number of reallocations.
fn grow_all<A: Alloc>(growth: &Growth) -> usize {
    let mut size = growth.first;
    let mut grows = 0;
    let mut held: Vec<*mut u8> = (0..growth.buffers).map(|_| A::alloc(size)).collect();
    for (index, &block) in held.iter().enumerate() {
        write(block, 0, size, growth.stride, index);
    }
    while size < growth.last {
        let next = (size + size / growth.part).min(growth.last) & !7;
        for (index, block) in held.iter_mut().enumerate() {
            // SAFETY: a live block of `size` bytes.
            *block = unsafe { A::realloc(*block, size, next) };
            write(*block, size, next, growth.stride, index);
            grows += 1;
        }
        size = next;
    }
    for (index, block) in held.into_iter().enumerate() {
        check(block, size, growth.stride, index);
        // SAFETY: a live block of `size` bytes, freed once.
        unsafe { A::free(block, size) };
    }
    grows
}

/// Words at every multiple of `stride` from `from` to `to`: their place and buffer.
fn write(block: *mut u8, from: usize, to: usize, stride: usize, index: usize) {
    for offset in (from.next_multiple_of(stride)..to).step_by(stride) {
        // SAFETY: sizes are multiples of 8, so the word at an offset below `to` lies inside.
        unsafe { block.add(offset).cast::<u64>().write((offset ^ index) as u64) };
    }
}

fn check(block: *mut u8, size: usize, stride: usize, index: usize) {
    for offset in (0..size).step_by(stride) {
        // SAFETY: as in `write`.
        let word = unsafe { block.add(offset).cast::<u64>().read() };
        assert_eq!(word, (offset ^ index) as u64, "a word was lost in growing");
    }
}
