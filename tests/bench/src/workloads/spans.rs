//! Blocks of many pages in a small live set, replaced at random.

use crate::alloc::Alloc;
use crate::race::race;
use crate::random::Random;
use crate::workload::{Outcome, Scale};

/// The distance between the words written to a block, in bytes: one for each page.
const PAGE: usize = 4096;

/// What is replaced.
#[derive(Clone, Copy)]
pub(crate) struct Shape {
    live: usize,
    low: u32,
    high: u32,
    /// Write every page, or the first, the middle and the last one only.
    every_page: bool,
    /// Replacements of a full run.
    swaps: usize,
}

/// 32 KiB to 2 MiB, as many in each doubling; three pages of each written.
pub(crate) const FEW_PAGES: Shape =
    Shape { live: 100, low: 32 << 10, high: 2 << 20, every_page: false, swaps: 600_000 };
/// The same, every page written.
pub(crate) const EVERY_PAGE: Shape = Shape { every_page: true, swaps: 120_000, ..FEW_PAGES };
/// 2 to 16 MiB, every page written.
pub(crate) const LARGE: Shape =
    Shape { live: 8, low: (2 << 20) + 1, high: 16 << 20, every_page: true, swaps: 6_000 };

pub(crate) fn run<A: Alloc>(shape: Shape, scale: Scale) -> Outcome {
    let swaps = scale.of(shape.swaps);
    let prepare = |_| {
        let mut random = Random::new(9);
        (0..4096).map(|_| random.log_between(shape.low, shape.high) as usize & !7).collect()
    };
    let (_, took) = race(1, prepare, |sizes: Vec<usize>| work::<A>(shape, &sizes, swaps));
    Outcome::new(swaps, took)
}

fn work<A: Alloc>(shape: Shape, sizes: &[usize], swaps: usize) {
    let mut random = Random::new(10);
    let mut held: Vec<(*mut u8, usize)> =
        sizes[..shape.live].iter().map(|&size| fresh::<A>(shape, size)).collect();
    for _ in 0..swaps {
        let place = random.below(shape.live as u32) as usize;
        let size = sizes[random.below(sizes.len() as u32) as usize];
        retire::<A>(shape, held[place]);
        held[place] = fresh::<A>(shape, size);
    }
    for block in held {
        retire::<A>(shape, block);
    }
}

/// Offsets that are written in a block of `size` bytes.
fn offsets(shape: Shape, size: usize) -> impl Iterator<Item = usize> {
    let step = if shape.every_page { PAGE } else { (size / 2) & !7 };
    (0..size - 7).step_by(step).chain([size - 8])
}

fn fresh<A: Alloc>(shape: Shape, size: usize) -> (*mut u8, usize) {
    let block = A::alloc(size);
    for offset in offsets(shape, size) {
        // SAFETY: a multiple of 8 with a whole word of the block behind it.
        unsafe { block.add(offset).cast::<u64>().write((size ^ offset) as u64) };
    }
    (block, size)
}

fn retire<A: Alloc>(shape: Shape, (block, size): (*mut u8, usize)) {
    for offset in offsets(shape, size) {
        // SAFETY: as in `fresh`.
        let word = unsafe { block.add(offset).cast::<u64>().read() };
        assert_eq!(word, (size ^ offset) as u64, "a word was overwritten");
    }
    // SAFETY: a live block of the set, freed once.
    unsafe { A::free(block, size) };
}
