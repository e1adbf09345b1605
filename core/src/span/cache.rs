//! The few hot spans that a thread's cache keeps to itself.

use super::class::SpanClass;
use super::superslab::SpanId;

/// Places; two neighbouring doublings of sizes do not collide.
const PLACES: usize = 16;
#[derive(Clone, Copy)]
struct Place {
    span: Option<SpanId>,
    class: u8,
}

/// Cached spans, direct-mapped by class; the newer takes the older's place. All-zero bytes are the
/// empty one.
pub(crate) struct SpanCache {
    places: [Place; PLACES],
    bytes: usize,
}

impl SpanCache {
    pub(crate) const fn new() -> Self {
        Self { places: [Place { span: None, class: 0 }; PLACES], bytes: 0 }
    }

    /// Bytes of all cached spans.
    pub(crate) fn bytes(&self) -> usize {
        self.bytes
    }

    fn remove(&mut self, place: usize) -> Option<(SpanId, SpanClass)> {
        let class = SpanClass(self.places[place].class);
        let span = self.places[place].span.take()?;
        self.bytes -= class.size();
        Some((span, class))
    }

    /// Takes a span of a class.
    pub(super) fn take(&mut self, class: SpanClass) -> Option<SpanId> {
        let place = usize::from(class.0) % PLACES;
        if self.places[place].class != class.0 {
            return None;
        }
        self.remove(place).map(|(span, _)| span)
    }

    /// Keeps a span, `most` bytes of spans in all, and hands what has to leave for it to `evict`:
    /// perhaps the span itself.
    pub(super) fn put(
        &mut self,
        span: SpanId,
        class: SpanClass,
        most: usize,
        mut evict: impl FnMut(SpanId, SpanClass),
    ) {
        if class.size() > most / 2 {
            return evict(span, class);
        }
        let first = usize::from(class.0) % PLACES;
        for step in 0..PLACES {
            if step > 0 && self.bytes + class.size() <= most {
                break;
            }
            if let Some((span, class)) = self.remove((first + step) % PLACES) {
                evict(span, class);
            }
        }
        self.places[first] = Place { span: Some(span), class: class.0 };
        self.bytes += class.size();
    }

    /// Takes any span.
    pub(super) fn pop(&mut self) -> Option<(SpanId, SpanClass)> {
        (0..PLACES).find_map(|place| self.remove(place))
    }
}

#[cfg(all(test, not(loom)))]
mod tests {
    use super::*;
    use std::vec::Vec;

    const MOST: usize = 1 << 20;

    fn id(number: u32) -> SpanId {
        SpanId::new(number, 0).unwrap()
    }

    fn put(cache: &mut SpanCache, number: u32, class: u8) -> Vec<u32> {
        let mut evicted = Vec::new();
        cache.put(id(number), SpanClass(class), MOST, |span, _| evicted.push(span.number()));
        evicted
    }

    #[test]
    fn the_newer_span_takes_the_place_of_the_older() {
        let mut cache = SpanCache::new();
        assert_eq!(put(&mut cache, 1, 0), []);
        assert_eq!(put(&mut cache, 2, 3), []);
        assert_eq!(put(&mut cache, 3, 16), [1]);
        assert_eq!(cache.take(SpanClass(0)), None);
        assert_eq!(cache.take(SpanClass(3)), Some(id(2)));
        assert_eq!(cache.take(SpanClass(3)), None);
        assert_eq!(cache.pop(), Some((id(3), SpanClass(16))));
        assert_eq!(cache.pop(), None);
        assert_eq!(cache.bytes, 0);
    }

    #[test]
    fn bytes_are_bounded() {
        let mut cache = SpanCache::new();
        let half = SpanClass::of(MOST / 2).0;
        assert_eq!(put(&mut cache, 1, half + 1), [1], "too large to be kept at all");
        assert_eq!(put(&mut cache, 2, half), []);
        assert_eq!(put(&mut cache, 3, half - 1), []);
        assert_eq!(put(&mut cache, 4, half - 2).len(), 1);
        let mut kept = 0;
        while let Some((_, class)) = cache.pop() {
            kept += class.size();
        }
        assert!(kept <= MOST && kept > MOST / 2);
    }

    #[test]
    fn zero_bytes_are_the_empty_cache() {
        // SAFETY: what is tested: every field takes zeros.
        let mut cache: SpanCache = unsafe { core::mem::zeroed() };
        assert_eq!(cache.pop(), None);
        assert!(size_of::<SpanCache>() <= 16 * 16);
    }
}
