//! One bit a grain of a superslab, and the runs of set bits.

use super::class::GRAINS;
use core::ops::Range;

pub(crate) const WORDS: usize = GRAINS / 64;

/// A set of grains.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Bits(pub(crate) [u64; WORDS]);

impl Bits {
    pub(crate) const NONE: Self = Self([0; WORDS]);
    #[cfg(all(test, not(loom)))]
    pub(crate) const ALL: Self = Self([u64::MAX; WORDS]);

    /// The first `count` grains.
    pub(crate) fn first(count: usize) -> Self {
        let mut first = Self::NONE;
        first.insert(0..count);
        first
    }

    /// The words that a range of grains touches, each with the range's bits in it.
    fn masks(range: Range<usize>) -> impl Iterator<Item = (usize, u64)> {
        let words = range.start / 64..if range.is_empty() { 0 } else { range.end.div_ceil(64) };
        words.map(move |word| {
            let from = range.start.max(word * 64) - word * 64;
            let to = range.end.min(word * 64 + 64) - word * 64;
            (word, (u64::MAX >> (64 - (to - from))) << from)
        })
    }

    pub(crate) fn insert(&mut self, range: Range<usize>) {
        Self::masks(range).for_each(|(word, mask)| self.0[word] |= mask);
    }

    pub(crate) fn remove(&mut self, range: Range<usize>) {
        Self::masks(range).for_each(|(word, mask)| self.0[word] &= !mask);
    }

    /// Whether any grain of the range is in the set.
    pub(crate) fn meets(&self, range: Range<usize>) -> bool {
        Self::masks(range).any(|(word, mask)| self.0[word] & mask != 0)
    }

    /// Whether every grain of the range is in the set.
    pub(crate) fn holds(&self, range: Range<usize>) -> bool {
        Self::masks(range).all(|(word, mask)| self.0[word] & mask == mask)
    }

    pub(crate) fn contains(&self, grain: usize) -> bool {
        self.0[grain / 64] >> (grain % 64) & 1 != 0
    }

    /// The grains that are in both sets.
    pub(crate) fn meet(&self, other: &Self) -> Self {
        Self(core::array::from_fn(|word| self.0[word] & other.0[word]))
    }

    pub(crate) fn count(&self) -> usize {
        self.0.iter().map(|word| word.count_ones() as usize).sum()
    }

    /// The first grain at or after `from` whose bit differs from `skip`'s; the end if there is none.
    fn next(&self, from: usize, skip: bool) -> usize {
        let flip = if skip { u64::MAX } else { 0 };
        let mut word = from / 64;
        if word >= WORDS {
            return GRAINS;
        }
        let mut left = (self.0[word] ^ flip) & u64::MAX << (from % 64);
        while left == 0 {
            word += 1;
            if word == WORDS {
                return GRAINS;
            }
            left = self.0[word] ^ flip;
        }
        word * 64 + left.trailing_zeros() as usize
    }

    /// The runs of set bits, lowest first.
    pub(crate) fn runs(&self) -> impl Iterator<Item = Range<usize>> {
        let mut at = 0;
        core::iter::from_fn(move || {
            let start = self.next(at, false);
            at = self.next(start, true);
            (start < GRAINS).then_some(start..at)
        })
    }

    /// Length of the longest run.
    pub(crate) fn longest(&self) -> usize {
        self.runs().map(|run| run.len()).max().unwrap_or(0)
    }

    /// The lowest place for `count` set bits at a multiple of `align` (a power of two).
    pub(crate) fn first_fit(&self, count: usize, align: usize) -> Option<usize> {
        self.runs().find_map(|run| {
            let start = run.start.next_multiple_of(align);
            (start + count <= run.end).then_some(start)
        })
    }
}

#[cfg(all(test, not(loom)))]
mod tests {
    use super::*;
    use proptest::prelude::*;
    use std::vec::Vec;

    /// Sets made of a few toggled ranges: long runs and ragged edges.
    fn sets() -> impl Strategy<Value = (Bits, Vec<bool>)> {
        proptest::collection::vec((0..GRAINS, 0..GRAINS, any::<bool>()), 0..12).prop_map(|ranges| {
            let (mut bits, mut plain) = (Bits::NONE, std::vec![false; GRAINS]);
            for (a, b, set) in ranges {
                let range = a.min(b)..a.max(b) + 1;
                plain[range.clone()].fill(set);
                if set { bits.insert(range) } else { bits.remove(range) }
            }
            (bits, plain)
        })
    }

    proptest! {
        #[test]
        fn a_set_is_what_a_plain_array_says((bits, plain) in sets()) {
            for (grain, set) in plain.iter().enumerate() {
                prop_assert_eq!(bits.contains(grain), *set);
            }
            let mut at = 0;
            let mut runs = Vec::new();
            while at < GRAINS {
                let len = plain[at..].iter().take_while(|set| **set).count();
                if len > 0 {
                    runs.push(at..at + len);
                }
                at += len + 1;
            }
            prop_assert_eq!(bits.runs().collect::<Vec<_>>(), runs.clone());
            prop_assert_eq!(bits.count(), plain.iter().filter(|set| **set).count());
            prop_assert_eq!(bits.meet(&Bits::ALL), bits);
            prop_assert_eq!(bits.longest(), runs.iter().map(|run| run.len()).max().unwrap_or(0));
        }

        #[test]
        fn the_first_fit_is_the_lowest((bits, plain) in sets(), count in 1..=GRAINS, shift in 0..10) {
            let align = 1usize << shift;
            let lowest = (0..=GRAINS - count)
                .step_by(align)
                .find(|&start| plain[start..start + count].iter().all(|set| *set));
            prop_assert_eq!(bits.first_fit(count, align), lowest);
        }

        #[test]
        fn a_range_meets_a_set_where_it_holds_a_grain_of_it((bits, plain) in sets(), a in 0..GRAINS, b in 0..GRAINS) {
            let range = a.min(b)..a.max(b) + 1;
            prop_assert_eq!(bits.meets(range.clone()), plain[range.clone()].iter().any(|set| *set));
            prop_assert_eq!(bits.holds(range.clone()), plain[range].iter().all(|set| *set));
        }
    }

    #[test]
    fn the_ends_are_reached() {
        assert!(Bits::ALL.runs().eq(core::iter::once(0..GRAINS)));
        assert_eq!(Bits::NONE.runs().next(), None);
        assert_eq!(Bits::ALL.first_fit(GRAINS, GRAINS), Some(0));
    }
}
