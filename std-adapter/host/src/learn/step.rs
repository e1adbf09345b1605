//! A step: what is seen, what comes of it, and where that goes.

use super::log::Log;
use super::policy::Desk;
use super::{Learn, Learner};
use crate::libc::{self, Used};
use crate::linux::{Adapter, Linux};
use core::sync::atomic::{AtomicU8, AtomicU64, Ordering};
use hakmem_core::Policy;
use hakmem_core::learn::{Counters, Decisions, Note, Phase, Start, State, record, step};

/// Milliseconds from one step to the next, or until a program that rested is looked at.
const PAUSE: u64 = 100;
/// Doublings of the pause of a process that uses no CPU, until the learner sleeps.
const DOUBLINGS: u32 = 4;
/// No time at which a step is due.
const ASLEEP: u64 = u64::MAX;
/// Bytes held from the system before which a program's own thread makes no step.
const GROWTH: usize = 4 << 20;
/// Bytes mapped since the last step that wake the background thread: as many as tell a way of taking them that
/// does not pay.
const RUSH: u64 = 16 << 20;
/// Milliseconds from one look to the next, even in a rush.
const SOONEST: u64 = 10;

/// What is worked on by one thread at a time. All zero at first.
pub(super) struct Inner {
    pub(super) state: State,
    pub(super) start: Start,
    /// Whether `state` was begun with the policy that the heap works by.
    begun: bool,
    /// The count of what the program had given by then.
    pub(super) given: u32,
    pub(super) log: Log,
    pub(super) desk: Desk,
    /// What this step sees: too much for the stack of any thread.
    look: Counters,
    /// What the log's last line says.
    seen: Counters,
    pub(super) policy: Policy,
    /// What the program used up to the last look, and when that was.
    used: Used,
    looked: u64,
    /// Looks since the process last used any.
    idle: u32,
    /// Whether a step was made since the policy was last written to stay, by a learner that has come to rest.
    pub(super) learned: bool,
}

impl Inner {
    pub(super) const fn new() -> Self {
        Self {
            state: State::new(),
            start: Start::NEW,
            begun: false,
            given: 0,
            log: Log::new(),
            desk: Desk::new(),
            look: Counters::ZERO,
            seen: Counters::ZERO,
            policy: Policy::ZERO,
            used: Used { faults: 0, user: 0, system: 0 },
            looked: 0,
            idle: 0,
            learned: false,
        }
    }

    /// In the child of a fork: what was learned in the parent was seen there, and is no more than where to
    /// begin.
    pub(super) fn forget(&mut self) -> Option<Policy> {
        self.log.forget();
        self.used = Used::default();
        let lasting = self.begun.then(|| self.state.lasting());
        self.begin_anew();
        lasting
    }

    /// Lets the next step begin with what the heap works by then: nobody knows it to be the best.
    fn begin_anew(&mut self) {
        (self.begun, self.learned, self.start.settled) = (false, false, false);
    }

    /// Takes up what the program used. Whether that was next to no CPU since the last look: less than half
    /// a percent of the time.
    fn is_idle(&mut self, now: u64, used: Used) -> bool {
        let before = core::mem::replace(&mut self.used, used);
        let time = now.saturating_sub(core::mem::replace(&mut self.looked, now));
        let cpu = (used.user - before.user) + (used.system - before.system);
        cpu < time * 1000 / 200
    }
}

/// What the learner did in this process.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Told {
    /// Whether it makes steps.
    pub learn: Learn,
    /// Where it stands.
    pub phase: Phase,
    /// Steps.
    pub steps: u64,
    /// Changes of the policy.
    pub changes: u64,
    /// Microseconds of CPU that it took.
    pub micros: u64,
}

/// The same as threads share it.
pub(super) struct Shared {
    phase: AtomicU8,
    steps: AtomicU64,
    changes: AtomicU64,
    micros: AtomicU64,
}

impl Shared {
    pub(super) const fn new() -> Self {
        Self {
            phase: AtomicU8::new(Phase::Learn as u8),
            steps: AtomicU64::new(0),
            changes: AtomicU64::new(0),
            micros: AtomicU64::new(0),
        }
    }

    pub(super) fn forget(&self) {
        self.phase.store(Phase::Learn as u8, Ordering::Relaxed);
        for sum in [&self.steps, &self.changes, &self.micros] {
            sum.store(0, Ordering::Relaxed);
        }
    }

    /// One that begins at rest has not come to it.
    fn begin(&self, start: Start) {
        let phase = if start.settled { Phase::Frozen } else { Phase::Learn };
        self.phase.store(phase as u8, Ordering::Relaxed);
    }

    fn phase(&self) -> Phase {
        match self.phase.load(Ordering::Relaxed) {
            1 => Phase::Canary,
            2 => Phase::Frozen,
            _ => Phase::Learn,
        }
    }

    /// Adds a step. Whether the learner has frozen by it.
    fn add(&self, decisions: &Decisions) -> bool {
        let notes = decisions.notes.iter().map_while(Option::as_ref);
        let changes = notes.filter(|note| matches!(note, Note::Changed(_))).count();
        self.steps.fetch_add(1, Ordering::Relaxed);
        self.changes.fetch_add(changes as u64, Ordering::Relaxed);
        let before = self.phase();
        self.phase.store(decisions.phase as u8, Ordering::Relaxed);
        before != Phase::Frozen && decisions.phase == Phase::Frozen
    }
}

impl Learner {
    /// When the next step is due for the background thread, by [`libc::millis`].
    pub(crate) fn next(&self) -> u64 {
        if self.is_on() { self.next.load(Ordering::Relaxed) } else { ASLEEP }
    }

    /// Whether it waits for something to happen.
    pub(crate) fn sleeps(&self) -> bool {
        self.is_on() && self.next.load(Ordering::Relaxed) == ASLEEP
    }

    /// Whether nothing is lost if no step comes until the heap is used again: it froze, or the process
    /// does nothing. One that computes on without the heap is to be seen until the learner freezes.
    pub(crate) fn may_rest(&self) -> bool {
        !self.is_on() || self.sleeps() || self.told.phase() == Phase::Frozen
    }

    /// Lets the first step be due some time from now.
    pub(super) fn begin_at(&self, now: u64) {
        self.next.store(now + PAUSE, Ordering::Relaxed);
    }

    /// Lets it sleep.
    pub(crate) fn doze(&self) {
        self.next.store(ASLEEP, Ordering::Relaxed);
    }

    /// Something happens: if it slept, what was meanwhile is no measure of anything.
    pub(crate) fn rouse(&self) {
        if self.sleeps() {
            self.rested.store(true, Ordering::Relaxed);
            self.next.store(0, Ordering::Relaxed);
        }
    }

    /// So many bytes were mapped. Whether that is a rush, which the background thread should see.
    pub(crate) fn grew(&self, bytes: usize) -> bool {
        let before = self.grown.fetch_add(bytes as u64, Ordering::Relaxed);
        let rushes = before / RUSH != before.wrapping_add(bytes as u64) / RUSH;
        rushes && self.is_on() && {
            let soonest = self.last.load(Ordering::Relaxed).saturating_add(SOONEST);
            self.next.fetch_min(soonest.max(libc::millis() + 1), Ordering::Relaxed);
            true
        }
    }

    /// Something happens in a process without a background thread, whose heap holds so many bytes.
    pub(crate) fn note(&self, mapped: usize) {
        let may = mapped >= GROWTH && !self.due.load(Ordering::Relaxed) && self.is_on();
        if may && libc::millis() >= self.next.load(Ordering::Relaxed) {
            self.due.store(true, Ordering::Relaxed);
        }
    }

    /// What was due is done, or another's.
    pub(crate) fn done(&self) {
        self.due.store(false, Ordering::Relaxed);
    }

    #[inline]
    pub(crate) fn is_due(&self) -> bool {
        self.due.load(Ordering::Relaxed)
    }
}

impl<A: Adapter> Linux<A> {
    /// Begins, or begins anew, by the policy that the heap has; in the record as well.
    #[cold]
    #[inline(never)]
    pub(super) fn begin(&self, inner: &mut Inner) {
        inner.policy = A::heap().policy();
        inner.seen = Counters::ZERO;
        inner.state.begin(&inner.policy, inner.start);
        inner.begun = true;
        self.learner.told.begin(inner.start);
        self.learner.begin_log(inner);
    }

    /// Makes a step if one is due and nobody else makes one. Not inside the heap.
    pub(crate) fn learn(&self, in_background: bool) {
        let learner = &self.learner;
        if !learner.is_on() {
            return;
        }
        let tried = learner.try_with(|inner| {
            let now = libc::millis();
            if now >= learner.next.load(Ordering::Relaxed) {
                let before = libc::thread_micros();
                learner.last.store(now, Ordering::Relaxed);
                // A rush from here on has its time in there, and keeps it.
                learner.next.store(ASLEEP, Ordering::Relaxed);
                let pause = self.look_and_step(inner, now, in_background);
                learner.next.fetch_min(now.saturating_add(pause), Ordering::Relaxed);
                let took = libc::thread_micros().saturating_sub(before);
                learner.told.micros.fetch_add(took, Ordering::Relaxed);
            }
        });
        if tried.is_none() {
            // Whoever is inside may be long about it, and is not to be asked again and again.
            learner.next.store(libc::millis() + PAUSE, Ordering::Relaxed);
        }
    }

    /// Milliseconds until the next.
    fn look_and_step(&self, inner: &mut Inner, now: u64, in_background: bool) -> u64 {
        let learner = &self.learner;
        // What that thread uses itself is not the program's. It is looked at first, so that it is never
        // more than all.
        let own = if in_background { libc::used(libc::RUSAGE_THREAD) } else { Used::default() };
        let used = libc::used(libc::RUSAGE_SELF).without(&own, &inner.used);
        let is_idle = inner.is_idle(now, used);
        if in_background && learner.rested.swap(false, Ordering::Relaxed) {
            inner.idle = 0;
            return PAUSE;
        }
        if in_background && is_idle && learner.grown.load(Ordering::Relaxed) < RUSH {
            inner.idle += 1;
            return if inner.idle > DOUBLINGS { ASLEEP } else { PAUSE << inner.idle };
        }
        inner.idle = 0;
        learner.grown.store(0, Ordering::Relaxed);
        let given = learner.given.count();
        if given != inner.given {
            inner.given = given;
            inner.begin_anew();
            // Whoever gave it may be stopped on the way.
            A::heap().set_policy(&learner.given.policy());
        }
        if !inner.begun {
            self.begin(inner);
        }
        self.look(inner, in_background);
        let decisions = decide(inner, now);
        if learner.learn() == Learn::On && decisions.policy != inner.policy {
            A::heap().set_policy(&decisions.policy);
        }
        if learner.given.prevail(inner.given, |policy| A::heap().set_policy(policy)) {
            return PAUSE;
        }
        let line = record::Line {
            now,
            seen: &inner.look,
            seen_before: &inner.seen,
            decisions: &decisions,
            policy_before: &inner.policy,
        };
        let added = inner.log.add(&line);
        learner.log_added(added);
        (inner.seen, inner.policy) = (inner.look, decisions.policy);
        inner.learned = inner.state.has_rested();
        if learner.told.add(&decisions) {
            self.save_policy(inner, in_background);
        }
        u64::from(decisions.pause.max(1))
    }

    /// Looks at the heap and the process. On its own, as `decide` is: what they work with is gone from the
    /// stack afterwards.
    #[inline(never)]
    fn look(&self, inner: &mut Inner, in_background: bool) {
        let seen = &mut inner.look;
        *seen = A::heap().look();
        let Used { faults, user, system } = inner.used;
        (seen.faults, seen.user, seen.system) = (faults, user, system);
        if !in_background {
            // Without rounds of decay nobody looks which are used.
            seen.active = seen.caches;
        }
    }

    /// Lets the heap work by other numbers from now on; the learner begins anew with them.
    pub fn set_policy(&self, policy: &Policy) {
        self.learner.given.give(policy, |policy| A::heap().set_policy(policy));
    }

    /// What the learner did in this process.
    pub fn learner(&self) -> Told {
        let learner = &self.learner;
        let told = &learner.told;
        Told {
            learn: learner.learn(),
            phase: told.phase(),
            steps: told.steps.load(Ordering::Relaxed),
            changes: told.changes.load(Ordering::Relaxed),
            micros: told.micros.load(Ordering::Relaxed),
        }
    }
}

#[inline(never)]
fn decide(inner: &mut Inner, now: u64) -> Decisions {
    step(&mut inner.state, &inner.look, now)
}

#[cfg(test)]
mod tests {
    use super::*;

    const CLASS: usize = 3;

    /// Makes steps of a busy program's counters until longer lists are tried for one class.
    fn try_longer_lists(inner: &mut Inner) {
        inner.state.begin(&Policy::DEFAULT, Start::NEW);
        inner.begun = true;
        let mut seen = Counters { in_use: 24 << 20, caches: 1, active: 1, ..Counters::ZERO };
        let mut steps = 1..100;
        let tries = |step: u64| {
            seen.user += 100_000;
            seen.classes[CLASS].refills += 4000;
            seen.classes[CLASS].moved += 32 * 4000;
            let decisions = hakmem_core::learn::step(&mut inner.state, &seen, step * 100);
            decisions.phase == Phase::Canary
                && decisions.policy.lists[CLASS] > Policy::DEFAULT.lists[CLASS]
        };
        assert!(steps.any(tries), "nothing is tried");
    }

    #[test]
    fn a_child_does_not_go_on_trying() {
        static LEARNER: Learner = Learner::new();
        let begin = || LEARNER.try_with(try_longer_lists).expect("nobody is inside");
        begin();
        LEARNER.lock_for_fork();
        assert_eq!(LEARNER.unlock_after_fork(false), None);
        assert!(LEARNER.try_with(|inner| inner.begun).expect("nobody is inside"));
        LEARNER.lock_for_fork();
        let lasting = LEARNER.unlock_after_fork(true).expect("another than the parent's");
        assert_eq!(lasting.lists[CLASS], Policy::DEFAULT.lists[CLASS]);
        // It has not begun, so it has nothing to take back.
        LEARNER.lock_for_fork();
        assert_eq!(LEARNER.unlock_after_fork(true), None);
        // What the program gave meanwhile holds in a child.
        begin();
        LEARNER.given.give(&Policy::DEFAULT, |_| ());
        LEARNER.lock_for_fork();
        assert_eq!(LEARNER.unlock_after_fork(true), None);
    }

    #[test]
    fn a_rush_of_growth_makes_a_step_due() {
        static LEARNER: Learner = Learner::new();
        LEARNER.doze();
        assert!(!LEARNER.grew(2 * RUSH as usize), "it has not begun");
        LEARNER.owner.store(libc::getpid(), Ordering::Relaxed);
        assert!(!LEARNER.grew(RUSH as usize - 1) && LEARNER.sleeps());
        assert!(LEARNER.grew(1) && LEARNER.next() != ASLEEP);
        // Not sooner than some time after the last look, nor later than it was due.
        let last = libc::millis() + 1_000_000;
        LEARNER.last.store(last, Ordering::Relaxed);
        LEARNER.doze();
        assert!(LEARNER.grew(RUSH as usize) && LEARNER.next() == last + SOONEST);
        LEARNER.next.store(last, Ordering::Relaxed);
        assert!(LEARNER.grew(RUSH as usize) && LEARNER.next() == last);
    }
}
