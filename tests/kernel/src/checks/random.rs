//! Random numbers that are the same each time.

/// A xorshift generator.
pub(super) struct Random(u64);

impl Random {
    pub(super) const fn new(seed: u64) -> Self {
        Self(seed.wrapping_mul(0x9e37_79b9_7f4a_7c15) | 1)
    }

    pub(super) fn number(&mut self) -> u64 {
        self.0 ^= self.0 << 13;
        self.0 ^= self.0 >> 7;
        self.0 ^= self.0 << 17;
        self.0
    }

    /// A number below `end`.
    pub(super) fn below(&mut self, end: usize) -> usize {
        (self.number() >> 16) as usize % end
    }

    /// A size as kernels ask for it: mostly small, sometimes pages, now and then up to `largest`.
    pub(super) fn size(&mut self, largest: usize) -> usize {
        let end = match self.below(1024) {
            0 => largest,
            1..=16 => 8192,
            17..=127 => 1024,
            _ => 160,
        };
        1 + self.below(end.min(largest))
    }
}
