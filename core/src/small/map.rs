//! The map of a region: one bit a grain, which tells everything about what lies there.
//!
//! ```text
//! piece    |   block   |  hole   |  block  | block |hole|   block    |
//! grains   | . . . . . | . . . . | . . . . | . . . | .  | . . . . .  |
//! bits     | 0 0 0 0 1 | 1 1 1 1 | 0 0 0 1 | 0 0 1 | 1  | 0 0 0 0 1  |
//! ```
//! A hole is all ones; a block has its last grain alone. No block is shorter than two grains and no
//! two holes touch, so that:
//!
//! - a piece that begins with a zero is a block, one that begins with a one is a hole;
//! - what ends before grain `i` is a hole if both bits before `i` are set: the last but one grain of
//!   a block is clear;
//! - a block begins at `i` if bit `i` is clear and the one before it set, and ends at the next one:
//!   its size need not be kept, and a wrong one is seen.

const BITS: usize = usize::BITS as usize;

/// The bits of a region; they lie in it.
#[derive(Clone, Copy)]
pub(super) struct Map(*mut usize);

impl Map {
    /// # Safety
    /// There are the words that [`bytes`](Self::bytes) says for whatever grain is asked about, and
    /// they are nobody else's.
    pub(super) unsafe fn at(words: *mut usize) -> Self {
        Self(words)
    }

    /// Bytes of the map of so many grains: a bit each, and one that is clear behind the last.
    pub(super) const fn bytes(grains: usize) -> usize {
        (grains / BITS + 1) * size_of::<usize>()
    }

    #[inline(always)]
    fn word(self, index: usize) -> *mut usize {
        // SAFETY: within the map, as `at` demands.
        unsafe { self.0.add(index) }
    }

    #[inline(always)]
    pub(super) fn get(self, grain: u32) -> bool {
        let grain = grain as usize;
        // SAFETY: as in `word`.
        unsafe { *self.word(grain / BITS) >> (grain % BITS) & 1 != 0 }
    }

    /// Sets the bits of `from..to`.
    #[inline]
    pub(super) fn set(self, from: u32, to: u32) {
        // SAFETY: as in `word`.
        self.each(from, to, |word, mask| unsafe { *word |= mask });
    }

    /// Clears the bits of `from..to`.
    #[inline]
    pub(super) fn clear(self, from: u32, to: u32) {
        // SAFETY: as in `word`.
        self.each(from, to, |word, mask| unsafe { *word &= !mask });
    }

    /// The words of `from..to`, which is not empty, each with the bits of the range in it.
    #[inline(always)]
    fn each(self, from: u32, to: u32, change: impl Fn(*mut usize, usize)) {
        let (from, last) = (from as usize, to as usize - 1);
        let low = usize::MAX << (from % BITS);
        let high = usize::MAX >> (BITS - 1 - last % BITS);
        let (first, end) = (from / BITS, last / BITS);
        if first == end {
            return change(self.word(first), low & high);
        }
        change(self.word(first), low);
        (first + 1..end).for_each(|index| change(self.word(index), usize::MAX));
        change(self.word(end), high);
    }

    /// The first grain at `grain` or behind it whose bit is set; there must be one.
    #[inline]
    pub(super) fn next_set(self, grain: u32) -> u32 {
        let grain = grain as usize;
        let mut index = grain / BITS;
        // SAFETY: as in `word`; the last grain of a region is set, be it of a block or a hole.
        let mut word = unsafe { *self.word(index) } & usize::MAX << (grain % BITS);
        while word == 0 {
            index += 1;
            // SAFETY: as above.
            word = unsafe { *self.word(index) };
        }
        (index * BITS) as u32 + word.trailing_zeros()
    }
}
