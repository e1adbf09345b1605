//! Repeatable random numbers and tables of block sizes.

/// A small generator (xorshift64*, by Marsaglia and Vigna): the same seed gives the same run under
/// every allocator.
#[derive(Clone)]
pub struct Random(u64);

impl Random {
    /// A generator; seeds that differ by little give sequences that differ.
    #[must_use]
    pub fn new(seed: u64) -> Self {
        Self(seed.wrapping_mul(0x9E37_79B9_7F4A_7C15) | 1)
    }

    /// The next number.
    #[inline(always)]
    pub fn number(&mut self) -> u64 {
        let mut x = self.0;
        x ^= x >> 12;
        x ^= x << 25;
        x ^= x >> 27;
        self.0 = x;
        x.wrapping_mul(0x2545_F491_4F6C_DD1D)
    }

    /// A number from 0 to `limit - 1`.
    #[inline(always)]
    pub fn below(&mut self, limit: u32) -> u32 {
        (((self.number() >> 32) * u64::from(limit)) >> 32) as u32
    }

    /// A number from `low` to `high`, both included.
    #[inline(always)]
    pub fn between(&mut self, low: u32, high: u32) -> u32 {
        low + self.below(high - low + 1)
    }

    /// A number from `low` to `high` whose logarithm is even: as many in each doubling.
    pub fn log_between(&mut self, low: u32, high: u32) -> u32 {
        let part = (self.number() >> 11) as f64 / (1_u64 << 53) as f64;
        let ratio = f64::from(high) / f64::from(low);
        ((f64::from(low) * ratio.powf(part)) as u32).clamp(low, high)
    }

    /// Puts a slice in random order.
    pub fn shuffle<T>(&mut self, slice: &mut [T]) {
        for last in (1..slice.len()).rev() {
            slice.swap(last, self.below(last as u32 + 1) as usize);
        }
    }

    /// A table of `count` sizes from `low` to `high` bytes.
    #[must_use]
    pub fn sizes(&mut self, count: usize, low: u32, high: u32) -> Vec<u32> {
        (0..count).map(|_| self.between(low, high)).collect()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn bounds_hold_and_are_reached() {
        let mut random = Random::new(7);
        let sizes = random.sizes(10_000, 8, 12);
        assert_eq!(sizes.iter().min(), Some(&8));
        assert_eq!(sizes.iter().max(), Some(&12));
        for _ in 0..10_000 {
            assert!((100..=3000).contains(&random.log_between(100, 3000)));
        }
    }
}
