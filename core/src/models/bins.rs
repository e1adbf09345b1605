//! The bins of cached spans.

use super::{bounded, scribble};
use crate::span::{Bins, SpanClass, SpanId};
use loom::sync::Arc;
use loom::thread;

const CLASS: SpanClass = SpanClass(0);

fn memory() -> *mut u8 {
    core::ptr::without_provenance_mut(128)
}

/// Two threads search a bin of one place while a third puts a span in and later takes what is left:
/// one of the three gets it, and may use its memory.
///
/// Fails when weakened: the Release of `put`, the Acquire of `take_from`.
#[test]
fn a_span_in_a_bin_is_found_once() {
    bounded(3, || {
        let bins = Arc::new(Bins::new());
        let take = |bins: &Bins| bins.take(CLASS).inspect(|_| scribble(memory())).is_some();
        let theirs = bins.clone();
        let giver = thread::spawn(move || {
            scribble(memory());
            assert!(theirs.put(SpanId::new(0, 3).unwrap(), CLASS, 0));
            take(&theirs)
        });
        let theirs = bins.clone();
        let other = thread::spawn(move || take(&theirs));
        let mine = take(&bins);
        let found = [mine, giver.join().unwrap(), other.join().unwrap()];
        assert_eq!(found.into_iter().filter(|found| *found).count(), 1);
        assert_eq!(bins.bytes(), 0);
    });
}

/// Two threads put a span each into a bin of one place: one has to keep its own.
#[test]
fn a_place_takes_one_span() {
    bounded(3, || {
        let bins = Arc::new(Bins::new());
        let put = |bins: &Bins, grain| bins.put(SpanId::new(0, grain).unwrap(), CLASS, 0);
        let theirs = bins.clone();
        let other = thread::spawn(move || put(&theirs, 9));
        let mine = put(&bins, 0);
        assert!(mine != other.join().unwrap());
        let found = bins.take(CLASS).unwrap();
        assert_eq!(found.grain(), if mine { 0 } else { 9 });
        assert_eq!((bins.take(CLASS), bins.bytes()), (None, 0));
    });
}
