//! The sizes that a kernel asks for: many small ones, as in its statistics of slabs.

use crate::random::Random;

/// Shares in a thousand, with the least and the greatest size. The mean is some 370 B.
#[rustfmt::skip] // a table
const BANDS: [(u32, u32, u32); 9] = [
    (300, 8, 32), (250, 40, 64), (170, 72, 128), (120, 136, 256), (70, 264, 512),
    (45, 520, 1 << 10), (35, 1032, 4 << 10), (8, 4104, 16 << 10), (2, 16_392, LARGEST),
];

/// The greatest size of all.
const LARGEST: u32 = 64 << 10;
/// No block has more than this part of the region.
const PART: usize = 16;
/// Every size is a multiple of this, as those of most structs are.
const STEP: u32 = 8;

/// The sizes for one region.
#[derive(Clone, Copy)]
pub(super) struct Sizes {
    cap: u32,
}

impl Sizes {
    /// Sizes that fit a region: what would be larger than a sixteenth of it is drawn again.
    pub(super) fn for_region(size: usize) -> Self {
        let cap = u32::try_from(size / PART).map_or(LARGEST, |cap| cap.min(LARGEST));
        assert!(cap >= BANDS[0].2, "a region this small holds too few blocks");
        Self { cap }
    }

    /// No size is above this.
    pub(super) fn largest(self) -> usize {
        self.cap as usize
    }

    /// A size.
    pub(super) fn draw(self, random: &mut Random) -> u32 {
        loop {
            let mut rest = random.below(1000);
            for (share, low, high) in BANDS {
                if rest < share {
                    let size = random.between(low / STEP, high / STEP) * STEP;
                    if size > self.cap {
                        break;
                    }
                    return size;
                }
                rest -= share;
            }
        }
    }

    /// A size that a block of `size` bytes may be resized to: half to double.
    pub(super) fn near(self, size: u32, random: &mut Random) -> u32 {
        let steps = random.between((size / 2).div_ceil(STEP), size * 2 / STEP);
        (steps * STEP).min(self.cap / STEP * STEP)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn shares_are_thousandths() {
        assert_eq!(BANDS.iter().map(|band| band.0).sum::<u32>(), 1000);
    }

    #[test]
    fn sizes_keep_to_their_bounds() {
        for region in [8 << 10, 1 << 20, 64 << 20] {
            let sizes = Sizes::for_region(region);
            let mut random = Random::new(3);
            let cap = LARGEST.min(region as u32 / 16);
            let mut largest = 0;
            for _ in 0..100_000 {
                let size = sizes.draw(&mut random);
                let near = sizes.near(size, &mut random);
                for size in [size, near] {
                    assert!((8..=cap).contains(&size) && size % STEP == 0, "{size}");
                }
                largest = largest.max(size);
            }
            assert!(largest > cap / 2, "{largest} of {cap}");
        }
    }
}
