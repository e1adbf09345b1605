//! The policy that the program gave last: no step may put its own in place of it.
//!
//! ```text
//! the program gives one              a step has decided
//!   1 its numbers, here                a the step's numbers, in the heap
//!   2 count + 1                        - fence
//!   - fence                            b another count than it began with?
//!   3 its numbers, in the heap           then the numbers from here, in the heap; from the fence again
//!   4 count + 1
//! ```
//! Neither waits for the other, nor for anybody that was stopped on the way, and whatever the order, what
//! the program gave is what the heap works by in the end. If b sees 2, the step itself puts these numbers
//! where it has put its own, and of both who write in the heap then, each writes the same. If it does not,
//! its fence came before the program's, so that 3 comes after a, number by number. Numbers that b reads
//! beside a second giver's 1 are a mixture; but that one's 2 and 3 are still to come, and the same holds for
//! them. Two that give at once may leave some numbers of each.
//!
//! With 4 the learner begins anew if it did between 2 and 3, and has decided on something since that 3 took
//! back.

use core::sync::atomic::{AtomicU8, AtomicU16, AtomicU32, Ordering, fence};
use hakmem_core::Policy;
use hakmem_core::policy::Fresh;

/// All zero while none was given.
pub(super) struct Given {
    count: AtomicU32,
    lists: [AtomicU16; Policy::ZERO.lists.len()],
    growth: AtomicU32,
    sharers: AtomicU32,
    batch: AtomicU32,
    decay: AtomicU32,
    kept: AtomicU32,
    fresh: AtomicU8,
}

impl Given {
    pub(super) const fn new() -> Self {
        Self {
            count: AtomicU32::new(0),
            lists: [const { AtomicU16::new(0) }; Policy::ZERO.lists.len()],
            growth: AtomicU32::new(0),
            sharers: AtomicU32::new(0),
            batch: AtomicU32::new(0),
            decay: AtomicU32::new(0),
            kept: AtomicU32::new(0),
            fresh: AtomicU8::new(0),
        }
    }

    /// Changes whenever one is given.
    pub(super) fn count(&self) -> u32 {
        // ORDERING: Acquire, partner: `add`: the numbers are that one's, or later ones.
        self.count.load(Ordering::Acquire)
    }

    fn add(&self) {
        // ORDERING: Release, partner: `count`.
        self.count.fetch_add(1, Ordering::Release);
    }

    /// What was given last.
    pub(super) fn policy(&self) -> Policy {
        let number = |cell: &AtomicU32| cell.load(Ordering::Relaxed);
        Policy {
            lists: self.lists.each_ref().map(|list| list.load(Ordering::Relaxed)),
            growth: number(&self.growth),
            sharers: number(&self.sharers),
            batch: number(&self.batch),
            decay: number(&self.decay),
            kept: number(&self.kept),
            fresh: Fresh::of(self.fresh.load(Ordering::Relaxed)),
        }
    }

    fn store(&self, policy: &Policy) {
        let Policy { lists, growth, sharers, batch, decay, kept, fresh } = policy;
        for (cell, list) in self.lists.iter().zip(lists) {
            cell.store(*list, Ordering::Relaxed);
        }
        let cells = [&self.growth, &self.sharers, &self.batch, &self.decay, &self.kept];
        for (cell, number) in cells.into_iter().zip([growth, sharers, batch, decay, kept]) {
            cell.store(*number, Ordering::Relaxed);
        }
        self.fresh.store(*fresh as u8, Ordering::Relaxed);
    }

    /// The program gives one, which `put` puts into the heap.
    pub(super) fn give(&self, policy: &Policy, put: impl FnOnce(&Policy)) {
        self.store(policy);
        self.add();
        // ORDERING: SeqCst, partner: the fence in `prevail`.
        fence(Ordering::SeqCst);
        put(policy);
        self.add();
    }

    /// A step that began by this count has put what it decided into the heap: what the program gave since
    /// takes its place. Whether there was such.
    pub(super) fn prevail(&self, begun: u32, put: impl Fn(&Policy)) -> bool {
        let mut seen = begun;
        loop {
            // ORDERING: SeqCst, partner: the fence in `give`.
            fence(Ordering::SeqCst);
            let count = self.count();
            if count == seen {
                return count != begun;
            }
            seen = count;
            put(&self.policy());
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use core::cell::Cell;
    use std::sync::Barrier;
    use std::thread;

    fn numbered(number: u32) -> Policy {
        let lists = [number as u16; Policy::ZERO.lists.len()];
        let [growth, sharers, batch, decay, kept] = [number; 5];
        Policy { lists, growth, sharers, batch, decay, kept, fresh: Fresh::Huge }
    }

    #[test]
    fn what_is_given_is_what_is_found() {
        let given = Given::new();
        assert_eq!(given.policy(), Policy::ZERO);
        let begun = given.count();
        assert!(!given.prevail(begun, |_| panic!("nothing was given")));
        given.give(&numbered(7), |policy| assert_eq!(*policy, numbered(7)));
        assert_eq!(given.policy(), numbered(7));
        assert_ne!(given.count(), begun);
    }

    /// A step that has looked, and puts its own, beside one who gives: in each order of their stores.
    #[test]
    fn no_order_loses_it() {
        let heap = Cell::new(0);
        let put = |policy: &Policy| heap.set(policy.decay);
        let step = |given: &Given, begun| {
            heap.set(1);
            given.prevail(begun, put)
        };
        // Whole, before.
        let given = Given::new();
        given.give(&numbered(2), put);
        assert!(step(&given, 0) && heap.get() == 2);
        // Between 2 and 3.
        let given = Given::new();
        given.give(&numbered(2), |policy| {
            assert!(step(&given, 0) && heap.get() == 2);
            put(policy);
        });
        assert_eq!(heap.get(), 2);
        // Between 3 and 4.
        given.give(&numbered(3), |policy| {
            put(policy);
            assert!(step(&given, 2) && heap.get() == 3);
        });
        assert_eq!(heap.get(), 3);
        // A second one while the step puts the first one's.
        let given = Given::new();
        given.give(&numbered(2), put);
        let once = Cell::new(true);
        heap.set(1);
        assert!(given.prevail(0, |policy| {
            if once.replace(false) {
                given.give(&numbered(3), put);
            }
            put(policy);
        }));
        assert_eq!(heap.get(), 3);
    }

    /// A learner that began between the two counts begins once more.
    #[test]
    fn whoever_begins_too_early_begins_again() {
        let given = Given::new();
        let mut begun = 0;
        given.give(&numbered(2), |_| begun = given.count());
        assert!(begun != 0 && begun != given.count());
    }

    #[test]
    fn threads_lose_none() {
        const ROUNDS: u32 = 2000;
        let (given, heap) = (Given::new(), Given::new());
        let round = Barrier::new(2);
        thread::scope(|scope| {
            scope.spawn(|| {
                for _ in 0..ROUNDS {
                    let begun = given.count();
                    round.wait();
                    heap.store(&numbered(1));
                    given.prevail(begun, |policy| heap.store(policy));
                    round.wait();
                }
            });
            for number in 0..ROUNDS {
                // The step has begun by now.
                round.wait();
                given.give(&numbered(2 + number), |policy| heap.store(policy));
                round.wait();
                assert_eq!(heap.policy(), numbered(2 + number));
            }
        });
    }
}
