//! Blocks of mixed sizes: mostly small ones by number, and yet all layers of an allocator by bytes.
//! Every byte of a block is written, and its ends are checked before it is freed.

use crate::alloc::Alloc;
use crate::random::Random;
use crate::release::book::Book;

/// A block and what was asked for.
#[derive(Clone, Copy)]
pub(crate) struct Block {
    pub(crate) start: *mut u8,
    pub(crate) size: u32,
    /// Whether it outlives the burst.
    pub(crate) kept: bool,
}

// SAFETY: whoever holds it owns the block.
unsafe impl Send for Block {}

/// 90 % of 8 to 512 B, 9 % to 8 KiB, 0.9 % to 64 KiB, 0.1 % to 1 MiB, as many in each doubling: some
/// 960 B in the mean, of which the four parts make about 11, 26, 26 and 37 % by bytes.
pub(crate) fn draw(random: &mut Random) -> u32 {
    match random.below(1000) {
        0..900 => random.log_between(8, 512),
        900..990 => random.log_between(512, 8 << 10),
        990..999 => random.log_between(8 << 10, 64 << 10),
        _ => random.log_between(64 << 10, 1 << 20),
    }
}

impl Block {
    /// A new block, all of it written.
    pub(crate) fn new<A: Alloc>(size: u32) -> Self {
        let block = Self { start: A::alloc(size as usize), size, kept: false };
        // SAFETY: the block has `size` bytes.
        unsafe { block.start.write_bytes(block.mark(), size as usize) };
        block
    }

    /// The byte that fills it, which differs between neighbours.
    pub(crate) fn mark(self) -> u8 {
        (self.size as u8) ^ (self.start.addr() >> 4) as u8
    }

    /// Ends the process where somebody else wrote to the block.
    ///
    /// # Safety
    /// The block is live.
    pub(crate) unsafe fn check(self) {
        let last = self.size as usize - 1;
        // SAFETY: live, and written from end to end.
        let ends = unsafe { (self.start.read(), self.start.add(last).read()) };
        assert_eq!(ends, (self.mark(), self.mark()), "a block was overwritten");
    }

    /// Checks the block and gives it back.
    ///
    /// # Safety
    /// The block is live, and nobody uses it any more.
    pub(crate) unsafe fn free<A: Alloc>(self) {
        // SAFETY: the caller's promise.
        unsafe {
            self.check();
            A::free(self.start, self.size as usize);
        }
    }
}

/// A book with room for what [`fill`] makes of so many bytes.
pub(crate) fn book_for(bytes: usize) -> Book<Block> {
    Book::new(bytes / 512 + 4096)
}

/// Allocates mixed blocks until they hold `bytes`; what they really hold.
pub(crate) fn fill<A: Alloc>(book: &mut Book<Block>, random: &mut Random, bytes: usize) -> usize {
    let mut live = 0;
    while live < bytes {
        let block = Block::new::<A>(draw(random));
        live += block.size as usize;
        book.push(block);
    }
    live
}

/// Frees every block that is not kept, in random order; bytes of those that are.
pub(crate) fn thin<A: Alloc>(book: &mut Book<Block>, random: &mut Random) -> usize {
    random.shuffle(book);
    let mut live = 0;
    for block in book.iter() {
        if block.kept {
            live += block.size as usize;
        } else {
            // SAFETY: live since `fill`, freed once: the caller forgets what is not kept.
            unsafe { block.free::<A>() };
        }
    }
    live
}

/// Allocates mixed blocks of `bytes` and frees all of them in random order; what they held. The list
/// is gone when this returns.
pub(crate) fn burst<A: Alloc>(random: &mut Random, bytes: usize, full: impl FnOnce()) -> usize {
    let mut book = book_for(bytes);
    let live = fill::<A>(&mut book, random, bytes);
    full();
    thin::<A>(&mut book, random);
    live
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::alloc::RustGlobal;

    #[test]
    fn sizes_are_small_by_number_and_mixed_by_bytes() {
        let mut random = Random::new(1);
        let sizes: Vec<u32> = (0..1_000_000).map(|_| draw(&mut random)).collect();
        assert_eq!(sizes.iter().min(), Some(&8));
        assert!(sizes.iter().all(|&size| size <= 1 << 20));
        let number = |low: u32, high: u32| {
            sizes.iter().filter(|&&size| size > low && size <= high).count() as f64 / 1e6
        };
        let all: f64 = sizes.iter().map(|&size| f64::from(size)).sum();
        let bytes = |low: u32, high: u32| {
            let part = sizes.iter().filter(|&&size| size > low && size <= high);
            part.map(|&size| f64::from(size)).sum::<f64>() / all
        };
        assert!((0.88..0.92).contains(&number(0, 512)));
        assert!((0.05..0.20).contains(&bytes(0, 512)));
        assert!((0.15..0.35).contains(&bytes(512, 8 << 10)));
        assert!((0.15..0.35).contains(&bytes(8 << 10, 64 << 10)));
        assert!((0.25..0.50).contains(&bytes(64 << 10, 1 << 20)));
    }

    #[test]
    fn a_burst_reaches_its_bytes_and_keeps_what_is_marked() {
        let mut random = Random::new(2);
        let bytes = 1 << 20;
        let mut book = book_for(bytes);
        assert!(fill::<RustGlobal>(&mut book, &mut random, bytes) >= bytes);
        book[0].kept = true;
        let size = book[0].size as usize;
        assert_eq!(thin::<RustGlobal>(&mut book, &mut random), size);
        for block in book.iter().filter(|block| block.kept) {
            // SAFETY: the one block that was not freed.
            unsafe { block.free::<RustGlobal>() };
        }
    }

    #[test]
    fn the_same_seed_gives_the_same_sizes() {
        let sizes = |seed| {
            let mut random = Random::new(seed);
            [(); 100].map(|()| draw(&mut random))
        };
        assert_eq!(sizes(5), sizes(5));
        assert_ne!(sizes(5), sizes(6));
    }
}
