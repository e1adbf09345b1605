//! Lock-free bins: cached spans that any thread may take.

use super::class::{SPAN_CLASSES, SpanClass};
use super::superslab::SpanId;
use crate::sync::mark::AtomicBool;
use crate::sync::{AtomicU32, AtomicUsize, Ordering, cells, const_fn};

/// Places a class.
const PLACES: usize = if cfg!(loom) { 1 } else { 8 };
/// Bins under loom are too few to serve: no model runs spans.
const BINS: usize = if cfg!(loom) { 1 } else { SPAN_CLASSES };

/// Bytes that the bins may hold however few spans there are: half a superslab, so that a small
/// program keeps next to nothing.
const BOUND_LEAST: usize = 1 << 20;
/// Above that, one part in so many of the spans' bytes.
const BOUND_PART: usize = 8;
/// At most: what lies here serves its own class alone, while the lock costs a large span little.
const BOUND_MOST: usize = 16 << 20;

/// A few places a span class, each empty or one span.
pub(crate) struct Bins {
    places: [[AtomicU32; PLACES]; BINS],
    /// Bytes held; booked before a span comes, unbooked after it left.
    bytes: AtomicUsize,
    /// Whether a span came or left since the last round of decay.
    stirred: AtomicBool,
}

impl Bins {
    const_fn! {
        pub(crate) fn new() -> Self {
            Self {
                places: cells!(cells!(AtomicU32::new(0); PLACES); BINS),
                bytes: AtomicUsize::new(0),
                stirred: AtomicBool::new(false),
            }
        }
    }

    /// Whether a span came or left since the last call.
    pub(crate) fn settle(&self) -> bool {
        self.stirred.swap(false, Ordering::Relaxed)
    }

    fn stir(&self) {
        if !self.stirred.load(Ordering::Relaxed) {
            self.stirred.store(true, Ordering::Relaxed);
        }
    }

    fn bin(&self, class: SpanClass) -> &[AtomicU32; PLACES] {
        &self.places[usize::from(class.0) % BINS]
    }

    pub(crate) fn bytes(&self) -> usize {
        self.bytes.load(Ordering::Relaxed)
    }

    /// Puts a cached span in, where bound and places allow. `held`: bytes of all spans. `false`:
    /// it is still the caller's.
    pub(crate) fn put(&self, id: SpanId, class: SpanClass, held: usize) -> bool {
        let bound = (held / BOUND_PART).clamp(BOUND_LEAST, BOUND_MOST);
        let before = self.bytes.fetch_add(class.size(), Ordering::Relaxed);
        let room = before + class.size() <= bound;
        let placed = room
            && self.bin(class).iter().any(|place| {
                place.load(Ordering::Relaxed) == 0
                    // ORDERING: Release hands the span, and what was done to its memory, to the
                    // Acquire in `take_from`.
                    && place
                        .compare_exchange(0, id.encode(), Ordering::Release, Ordering::Relaxed)
                        .is_ok()
            });
        self.stir();
        if !placed {
            self.bytes.fetch_sub(class.size(), Ordering::Relaxed);
        }
        placed
    }

    /// Takes a cached span of a class.
    pub(crate) fn take(&self, class: SpanClass) -> Option<SpanId> {
        self.stir();
        self.bin(class).iter().find_map(|place| self.take_from(place, class))
    }

    fn take_from(&self, place: &AtomicU32, class: SpanClass) -> Option<SpanId> {
        if place.load(Ordering::Relaxed) == 0 {
            return None;
        }
        // ORDERING: Acquire pairs with the Release in `put`.
        let id = SpanId::decode(place.swap(0, Ordering::Acquire))?;
        self.bytes.fetch_sub(class.size(), Ordering::Relaxed);
        Some(id)
    }

    /// Takes all that is there.
    pub(crate) fn drain(&self, mut each: impl FnMut(SpanId, SpanClass)) {
        for (bin, class) in self.places.iter().zip((0..).map(SpanClass)) {
            for place in bin {
                if let Some(id) = self.take_from(place, class) {
                    each(id, class);
                }
            }
        }
    }
}

#[cfg(all(test, not(loom)))]
mod tests {
    use super::*;

    fn id(number: u32) -> SpanId {
        SpanId::new(number, 0).unwrap()
    }

    #[test]
    fn a_span_comes_back_once_and_to_its_class_alone() {
        let bins = Bins::new();
        let class = SpanClass(3);
        assert!(bins.put(id(7), class, 0));
        assert_eq!(bins.take(SpanClass(4)), None);
        assert_eq!(bins.take(class), Some(id(7)));
        assert_eq!(bins.take(class), None);
        assert_eq!(bins.bytes(), 0);
    }

    #[test]
    fn places_and_bytes_are_bounded() {
        let bins = Bins::new();
        let small = SpanClass(0);
        for number in 0..PLACES as u32 {
            assert!(bins.put(id(number), small, 0));
        }
        assert!(!bins.put(id(99), small, usize::MAX));
        let large = SpanClass::of(1 << 20);
        assert!(!bins.put(id(100), large, 0), "a MiB more than is there passes the least bound");
        assert!(bins.put(id(100), large, 64 << 20));
        let mut drained = 0;
        bins.drain(|_, class| drained += class.size());
        assert_eq!(drained, PLACES * small.size() + large.size());
        assert_eq!(bins.bytes(), 0);
    }
}
