//! Blocks as a user holds them: filled with a pattern that is checked before each is given up.

#![allow(dead_code, unreachable_pub, reason = "each test uses its own part, in its own crate")]

use crate::fakes::Fake;
use hakmem_core::{Cache, Census, Heap, LayerStats, Registry};
use std::collections::BTreeMap;

/// Each of the first bytes of a block bears the pattern.
const DENSE: usize = 1 << 10;
/// Of the rest, bytes this far apart do, or one in so many parts.
const STRIDE: usize = 3001;
const PARTS: usize = 200;
/// What a freed block is filled with in debug builds: whoever reads it there has read too late.
const POISON: u8 = 0xdb;

/// A live block.
#[derive(Debug)]
pub struct Held {
    pub start: *mut u8,
    pub size: usize,
    pub align: usize,
    mark: u64,
}

// SAFETY: the holder of a block is its only user.
unsafe impl Send for Held {}

impl Held {
    /// Takes over a block just allocated for `size` bytes at `align`, and fills it.
    pub fn new(start: *mut u8, size: usize, align: usize, mark: u64) -> Self {
        assert!(!start.is_null(), "no memory for {size} bytes at {align}");
        assert!(start.addr() % align == 0, "{start:?} is not aligned to {align}");
        let natural = if size > 8 { 16 } else { 8 };
        assert!(start.addr() % natural == 0, "{start:?} for {size} bytes");
        let held = Self { start, size, align, mark };
        held.fill();
        held
    }

    /// As [`Held::new`], for a block that must read zero.
    pub fn zeroed(start: *mut u8, size: usize, align: usize, mark: u64) -> Self {
        assert!(!start.is_null(), "no memory for {size} bytes at {align}");
        // All of a small block; of a larger one a byte in each of a page's parts.
        let step = if size <= 32 << 10 { 1 } else { 509.max(size / 1000) };
        for at in (0..size).step_by(step).chain(size.checked_sub(1)) {
            // SAFETY: within the block.
            assert_eq!(unsafe { start.add(at).read() }, 0, "byte {at} of {size} is not zero");
        }
        Self::new(start, size, align, mark)
    }

    fn places(size: usize) -> impl Iterator<Item = usize> {
        let sparse = (DENSE..size).step_by(STRIDE.max(size / PARTS));
        (0..size.min(DENSE)).chain(sparse).chain(size.checked_sub(1))
    }

    fn pattern(&self, at: usize) -> u8 {
        ((self.mark ^ at as u64).wrapping_mul(0x9e37_79b9_7f4a_7c15) >> 56) as u8
    }

    fn fill(&self) {
        for at in Self::places(self.size) {
            // SAFETY: within the block, which is this holder's.
            unsafe { self.start.add(at).write(self.pattern(at)) }
        }
    }

    /// Checks that the first `size` bytes are as they were filled.
    fn check_first(&self, size: usize) {
        for at in Self::places(self.size).filter(|at| *at < size) {
            // SAFETY: within the block.
            let byte = unsafe { self.start.add(at).read() };
            assert_eq!(byte, self.pattern(at), "byte {at} of {:?}", self);
        }
    }

    /// Checks that the block is as it was filled.
    pub fn check(&self) {
        self.check_first(self.size);
    }

    /// Checks the block and gives it up; in debug builds nothing of its pattern is left.
    fn give_up(&self) {
        self.check();
        if cfg!(debug_assertions) {
            for at in Self::places(self.size) {
                // SAFETY: within the block.
                unsafe { self.start.add(at).write(POISON) }
            }
        }
    }

    /// Frees the block, its size stated or not.
    pub fn free<R: Registry>(self, heap: &Heap<Fake, R>, cache: &mut Cache, sized: bool) {
        self.give_up();
        // SAFETY: the block is given up, and the cache is the heap's.
        unsafe {
            if sized {
                heap.deallocate_sized(cache, self.start, self.size, self.align);
            } else {
                heap.deallocate(cache, self.start);
            }
        }
    }

    /// Makes the block `size` bytes long, its size stated or not; then its alignment too is kept.
    /// The old block, should there be no memory.
    pub fn resize<R: Registry>(
        self,
        heap: &Heap<Fake, R>,
        cache: &mut Cache,
        size: usize,
        sized: bool,
        mark: u64,
    ) -> Result<Self, Self> {
        self.check();
        // SAFETY: the block is given up if this succeeds, and the cache is the heap's.
        let start = unsafe {
            if sized {
                heap.reallocate_sized(cache, self.start, self.size, self.align, size)
            } else {
                heap.reallocate(cache, self.start, size)
            }
        };
        if start.is_null() {
            self.check();
            return Err(self);
        }
        let kept = self.size.min(size);
        Self { start, ..self }.check_first(kept);
        let align = if sized { self.align } else { 1 };
        Ok(Self::new(start, size, align, mark))
    }
}

/// Allocates a block and fills it; `None`: no memory.
pub fn take<R: Registry>(
    heap: &Heap<Fake, R>,
    cache: &mut Cache,
    size: usize,
    align: usize,
    mark: u64,
) -> Option<Held> {
    // SAFETY: the tests use each cache with one heap, and alignments are powers of two.
    let start = unsafe { heap.allocate_aligned(cache, size, align) };
    (!start.is_null()).then(|| Held::new(start, size, align, mark))
}

/// As [`take`], for a block that must read zero.
pub fn take_zeroed<R: Registry>(
    heap: &Heap<Fake, R>,
    cache: &mut Cache,
    size: usize,
    align: usize,
    mark: u64,
) -> Option<Held> {
    // SAFETY: as in `take`.
    let start = unsafe { heap.allocate_zeroed_aligned(cache, size, align) };
    (!start.is_null()).then(|| Held::zeroed(start, size, align, mark))
}

/// The addresses that live blocks take, with all that the heap says they may use.
#[derive(Default)]
pub struct Taken(BTreeMap<usize, usize>);

impl Taken {
    /// Books a block; no other block may have any of its bytes.
    pub fn insert<R: Registry>(&mut self, heap: &Heap<Fake, R>, held: &Held) {
        let usable = heap.usable_size(held.start).expect("a live block has a size");
        assert!(usable >= held.size, "{usable} bytes for {held:?}");
        let (start, end) = (held.start.addr(), held.start.addr() + usable);
        let before = self.0.range(..end).next_back();
        assert!(before.is_none_or(|(_, &other)| other <= start), "{held:?} overlaps {before:x?}");
        self.0.insert(start, end);
    }

    /// Unbooks a block.
    pub fn remove(&mut self, held: &Held) {
        assert!(self.0.remove(&held.start.addr()).is_some());
    }
}

/// The global truth at the end (C5): the caches handed back and the heap told to release, nothing
/// is held, and nothing stays mapped but tables.
pub fn finish<'a, R: Registry>(
    heap: &Heap<Fake, R>,
    caches: impl IntoIterator<Item = &'a mut Cache>,
) {
    for cache in caches {
        heap.retire_cache(cache);
    }
    assert_eq!(heap.validate().map(|census| census.blocks), Ok(0));
    if !heap.host().tolerates_misuse() {
        // A wrong free is counted as a block that went home.
        assert_eq!(heap.balance().out, 0, "what caches drew and what they brought home");
    }
    heap.purge(&mut Cache::new());
    let stats = heap.stats();
    assert_eq!(heap.validate(), Ok(Census::default()));
    assert_eq!(stats.mapped, stats.tables, "{stats:?}");
    assert_eq!(heap.host().mapped(), stats.tables);
    assert_eq!([stats.slabs, stats.spans, stats.large], [LayerStats::default(); 3]);
    assert_eq!(stats.kept, 0);
}

/// A small generator of random numbers (xorshift).
pub struct Random(pub u64);

impl Random {
    pub fn next(&mut self) -> u64 {
        self.0 ^= self.0 << 13;
        self.0 ^= self.0 >> 7;
        self.0 ^= self.0 << 17;
        self.0
    }

    pub fn below(&mut self, end: usize) -> usize {
        ((self.next() >> 11) % end as u64) as usize
    }

    /// A size of any layer, small ones most often.
    pub fn size(&mut self) -> usize {
        match self.below(100) {
            0..70 => self.below(1025),
            70..92 => 1025 + self.below(31 << 10),
            92..99 => (32 << 10) + self.below(2 << 20),
            _ => (2 << 20) + self.below(4 << 20),
        }
    }
}
