//! What the learner sees of a heap.

use crate::class::ClassId;
use crate::heap::Heap;
use crate::huge::Huge;
use crate::learn::{ClassCounters, Counters};
use crate::registry::Registry;
use crate::source::{Host, HugePages};
use crate::sync::Ordering;

impl<H: Host, R: Registry> Heap<H, R> {
    /// One look, for a [learner](crate::learn). What the heap does not know is 0: the host adds the faults of
    /// its process and the time that it took. Of a living cache some trips of each class are yet to be told.
    pub fn look(&self) -> Counters {
        let mut counters = Counters::ZERO;
        for (class, id) in counters.classes.iter_mut().zip(ClassId::all()) {
            let [refills, spills, moved] = self.counters.classes.get(id);
            *class = ClassCounters { refills, spills, moved };
        }
        let caches = self.caches.count();
        let (decayed, missed, active) = self.losses.get();
        // In place: two of them would be much on a small stack.
        counters.mapped = self.mapped() as u64;
        counters.in_use = self.in_use() as u64;
        counters.free = (self.free_dirty() + self.pool.sums.slack()) as u64;
        counters.caches = caches as u32;
        // Without a way to look, any of them may be.
        counters.active = if H::REACHES { active } else { caches as u32 };
        counters.grown = self.ledger.opened.load(Ordering::Relaxed);
        (counters.decayed, counters.missed) = (decayed, missed);
        // Told never or always, the heap asks by that alone.
        let asks = self.huge.get() == Huge::Auto;
        counters.huge = asks && self.host.huge_pages() != HugePages::None;
        counters
    }
}

#[cfg(all(test, not(loom)))]
mod tests {
    use super::*;
    use crate::cache::Cache;
    use crate::fakes::{self, Fake};
    use crate::learn::{Decisions, Lever, Note, State, step};
    use crate::policy::Policy;
    use std::vec::Vec;

    /// Trips that a learner sees of a heap whose sums of a class began at `sum`, and what it says to them.
    fn learn(sum: u32) -> (Vec<ClassCounters>, Vec<Decisions>) {
        const SIZE: usize = 48;
        let class = ClassId::of(SIZE);
        let heap = fakes::heap(Fake::new());
        let mut cache = Cache::new();
        heap.counters.classes.set(class, sum);
        let mut state = State::new();
        let (mut told, mut answers, mut blocks) = (Vec::new(), Vec::new(), Vec::new());
        for tick in 0..4 {
            // As many as are told of in two stretches, and a list.
            let count = 129 * usize::from(Policy::DEFAULT.lists[usize::from(class.0)]);
            // SAFETY: the cache is this heap's.
            blocks.extend((0..count).map(|_| unsafe { heap.allocate(&mut cache, SIZE) }));
            let seen = Counters { user: 10_000 * (tick + 1), ..heap.look() };
            told.push(seen.classes[usize::from(class.0)]);
            answers.push(step(&mut state, &seen, 100 * tick));
        }
        // SAFETY: blocks of this heap, given up once.
        blocks.into_iter().for_each(|block| unsafe { heap.deallocate(&mut cache, block) });
        heap.retire_cache(&mut cache);
        (told, answers)
    }

    /// Each sum in its turn.
    #[test]
    fn sums_of_classes_may_wrap_from_look_to_look() {
        let (plain, expected) = learn(0);
        let notes = expected[3].notes.iter().flatten();
        let is_tried = |note: &Note| matches!(note, Note::Changed(it) if it.lever == Lever::List);
        assert!(notes.copied().any(|note| is_tried(&note)), "{:?}", expected[3].notes);
        let sums: [fn(&ClassCounters) -> u64; 2] = [|of| of.refills, |of| of.moved];
        for sum in sums {
            let first = sum(&plain[0]) as u32;
            let (told, answers) = learn(u32::MAX - first);
            assert!(first > 0 && sum(&told[0]) == u32::MAX.into() && sum(&told[1]) < 1 << 31);
            assert_eq!(answers, expected, "{told:?}");
        }
    }
}
