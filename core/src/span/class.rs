//! Span sizes: 36 KiB to 2 MiB in 48 steps, eight a doubling.

use crate::class::LARGEST;

/// log2 of a grain's bytes: 4 KiB, whatever the page is.
const GRAIN_SHIFT: u32 = 12;
/// Bytes of a grain, the unit in which spans are cut. Pages may be larger; then several spans share
/// one, and only purging minds.
pub(crate) const GRAIN: usize = 1 << GRAIN_SHIFT;
/// Grains of a span superslab.
pub(crate) const GRAINS: usize = 512;
/// The number of span classes.
pub(crate) const SPAN_CLASSES: usize = 48;

/// Grains of the smallest span: the first size above the largest size class.
const LEAST: usize = 9;

/// A span size, by its place in the row of sizes: 9 to 16 grains, 18 to 32, 36 to 64, … 512.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct SpanClass(pub(crate) u8);

impl SpanClass {
    /// The class of a size of at most 2 MiB; what fits a size class gets the smallest span.
    pub(crate) const fn of(size: usize) -> Self {
        let grains = size.div_ceil(GRAIN);
        Self::of_grains(if grains < LEAST { LEAST } else { grains })
    }

    /// The smallest class of at least `grains` (9 to 512) grains: the doubling from the top bit,
    /// the eighth from the next three.
    const fn of_grains(grains: usize) -> Self {
        let last = grains - 1;
        let top = last.ilog2();
        Self(((top - 3) * 8 + (last >> (top - 3) & 7) as u32) as u8)
    }

    /// The largest class that a run of grains holds.
    pub(crate) const fn fitting(run: usize) -> Option<Self> {
        if run < LEAST {
            return None;
        }
        let class = Self::of_grains(run);
        Some(if class.grains() > run { Self(class.0 - 1) } else { class })
    }

    /// Grains of a span.
    pub(crate) const fn grains(self) -> usize {
        (9 + (self.0 as usize & 7)) << (self.0 >> 3)
    }

    /// Bytes of a span.
    pub(crate) const fn size(self) -> usize {
        self.grains() * GRAIN
    }

    /// Whether a span of this class is what a request of this size and alignment gets. Alignment
    /// alone makes a span of a small size.
    pub(crate) const fn is_for(self, size: usize, align: usize) -> bool {
        size <= GRAINS * GRAIN
            && align <= GRAINS * GRAIN
            && (size > LARGEST || align > LARGEST)
            && Self::of(size).0 == self.0
    }
}

#[cfg(all(test, not(loom)))]
mod tests {
    use super::*;

    #[test]
    fn every_run_of_grains_maps_to_the_nearest_classes() {
        let classes = (0..SPAN_CLASSES as u8).map(SpanClass);
        for grains in 0..=GRAINS {
            let above = classes.clone().find(|class| class.grains() >= grains);
            let below = classes.clone().rfind(|class| class.grains() <= grains);
            assert_eq!(Some(SpanClass::of(grains * GRAIN)), above, "{grains} grains");
            assert_eq!(SpanClass::fitting(grains), below, "{grains} grains");
        }
    }

    #[test]
    fn sizes_rise_from_36_kib_to_2_mib_and_waste_a_ninth_at_most() {
        assert_eq!(SpanClass::of(0).size(), 36 << 10);
        assert_eq!(SpanClass::of(LARGEST + 1).size(), 36 << 10);
        assert_eq!(SpanClass::of(2 << 20), SpanClass(SPAN_CLASSES as u8 - 1));
        for size in (LARGEST + 1..=GRAINS * GRAIN).step_by(509) {
            let class = SpanClass::of(size);
            assert!(class.size() >= size);
            assert!(class.size() - size < class.size() / 9 + GRAIN, "{size}");
            assert_eq!(SpanClass::of(class.size()), class, "rounding twice changes nothing");
        }
    }

    #[test]
    fn only_the_request_that_rounds_to_a_span_matches_it() {
        let class = SpanClass::of(100_000);
        assert!(class.is_for(100_000, 1));
        assert!(class.is_for(class.size(), 1 << 20));
        assert!(!class.is_for(class.size() + 1, 1));
        assert!(!class.is_for(usize::MAX, 1));
        assert!(!class.is_for(100_000, 4 << 20));
        assert!(SpanClass(0).is_for(100, 65536));
        assert!(!SpanClass(0).is_for(100, 16));
    }
}
