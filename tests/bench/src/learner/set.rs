//! Live blocks that are replaced at random.

use std::time::Instant;

use crate::alloc::Alloc;
use crate::learner::piece::Piece;
use crate::random::Random;
use crate::release::book::Book;

/// Replacements between two looks at the clock.
const STRIDE: usize = 256;

/// Sizes from `low` to `high`, as many in each doubling; and the bytes that are live.
#[derive(Clone, Copy, Debug)]
pub(super) struct Mix {
    pub(super) low: u32,
    pub(super) high: u32,
    pub(super) bytes: usize,
}

impl Mix {
    /// Blocks of the mix, with some to spare.
    fn room(&self) -> usize {
        let (low, high) = (f64::from(self.low), f64::from(self.high));
        let mean = (high - low) / (high / low).ln();
        (self.bytes as f64 / mean * 1.25) as usize + 1024
    }
}

/// Sizes drawn beforehand.
const SIZES: usize = 1 << 12;

/// One thread's live blocks. Every block is freed before a set goes, by [`clear`](Self::clear).
pub(super) struct Set {
    random: Random,
    sizes: Book<u32>,
    pieces: Book<Piece>,
}

impl Set {
    /// An empty set with room for each of the mixes.
    pub(super) fn new(seed: u64, mixes: &[Mix]) -> Self {
        let room = mixes.iter().map(Mix::room).max().unwrap_or(0);
        Self { random: Random::new(seed), sizes: Book::new(SIZES), pieces: Book::new(room) }
    }

    /// Draws sizes of the mix, and fills up.
    pub(super) fn fill<A: Alloc>(&mut self, mix: Mix) -> usize {
        self.sizes.clear();
        for _ in 0..SIZES {
            self.sizes.push(self.random.log_between(mix.low, mix.high));
        }
        let mut live = 0;
        while live < mix.bytes {
            let piece = Piece::new::<A>(self.size());
            live += piece.size();
            self.pieces.push(piece);
        }
        self.pieces.len()
    }

    /// Replaces blocks until then; how many.
    pub(super) fn replace<A: Alloc>(&mut self, until: Instant) -> usize {
        let mut count = 0;
        while Instant::now() < until {
            for _ in 0..STRIDE {
                let place = self.random.below(self.pieces.len() as u32) as usize;
                // SAFETY: live since `fill` or the last replacement, which follows.
                unsafe { self.pieces[place].free::<A>() };
                self.pieces[place] = Piece::new::<A>(self.size());
            }
            count += STRIDE;
        }
        count
    }

    /// Frees all.
    pub(super) fn clear<A: Alloc>(&mut self) {
        for piece in self.pieces.iter() {
            // SAFETY: live, and forgotten below.
            unsafe { piece.free::<A>() };
        }
        self.pieces.clear();
    }

    fn size(&mut self) -> u32 {
        self.sizes[self.random.number() as usize % SIZES]
    }
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::*;
    use crate::alloc::RustGlobal;

    #[test]
    fn a_set_holds_what_its_mix_says() {
        let mix = Mix { low: 16, high: 4096, bytes: 1 << 20 };
        let mut set = Set::new(3, &[mix]);
        let count = set.fill::<RustGlobal>(mix);
        let bytes: usize = set.pieces.iter().map(|piece| piece.size()).sum();
        assert!((mix.bytes..mix.bytes + 4096).contains(&bytes), "{bytes}");
        assert!(set.replace::<RustGlobal>(Instant::now() + Duration::from_millis(5)) > 0);
        assert_eq!(set.pieces.len(), count);
        set.clear::<RustGlobal>();
        assert!(set.pieces.is_empty());
    }
}
