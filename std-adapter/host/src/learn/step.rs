//! A step: what is seen, what comes of it, and where that goes.

use super::log::Log;
use super::policy::{self, Fault};
use super::quietly::quietly;
use super::{Learn, Learner, Learning, Path};
use crate::libc::{self, Used};
use crate::line::Line;
use crate::linux::{Adapter, Linux};
use crate::options::Decay;
use core::fmt::{self, Display};
use core::sync::atomic::{AtomicU8, AtomicU64, Ordering};
use hakmem_core::Policy;
use hakmem_core::learn::{Counters, Decisions, Note, Phase, Start, State, record, step};
use rustix::fd::BorrowedFd;
use rustix::io::Errno;

/// Milliseconds from one step to the next, or until a program that rested is looked at.
pub(super) const PAUSE: u64 = 100;
/// Doublings of the pause of a process that uses no CPU, until the learner sleeps.
const DOUBLINGS: u32 = 4;
/// No time at which a step is due.
const ASLEEP: u64 = u64::MAX;
/// Bytes held from the system before which a program's own thread makes no step.
const GROWTH: usize = 4 << 20;
/// Bytes mapped since the last step that wake the background thread: more than it is asked to foresee.
const RUSH: u64 = 32 << 20;
/// Milliseconds from one look to the next, even in a rush.
const SOONEST: u64 = 10;
/// Bytes of a path that a warning shows.
const SHOWN: usize = 100;

/// What is worked on by one thread at a time. All zero at first.
pub(super) struct Inner {
    state: State,
    start: Start,
    /// Whether `state` was begun with the policy that the heap works by.
    begun: bool,
    log: Log,
    /// What the log's last line says.
    seen: Counters,
    policy: Policy,
    /// What the program used up to the last look, and when that was.
    used: Used,
    looked: u64,
    /// Looks since the process last used any.
    idle: u32,
    /// Whether a step was made since the policy was last written, by a learner that has come to rest.
    learned: bool,
}

impl Inner {
    pub(super) const fn new() -> Self {
        Self {
            state: State::new(),
            start: Start::NEW,
            begun: false,
            log: Log::new(),
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
    /// Reads the policy's file, begins the record, and lets steps be made.
    pub(crate) fn start_learning(
        &self,
        learning: Learning,
        decay: Decay,
        files: [Option<Path<'_>>; 2],
    ) {
        let errno = libc::errno();
        let learner = &self.learner;
        learner.learn.store(learning.learn as u8, Ordering::Relaxed);
        let mut start = Start { freeze: false, settled: false, fixed: learning.fixed };
        start.freeze = learning.learn == Learn::Freeze;
        let [policy, log] = files;
        if let Some(path) = policy {
            learner.policy.store(path);
            start.settled = self.load_policy(learning.learn);
        }
        if let Some(path) = log {
            learner.log.store(path);
        }
        start.fixed.decay |= decay != Decay::Policy;
        if let Decay::Fixed(decay) = decay {
            let policy = A::heap().policy();
            learner.own_decay.store(policy.decay, Ordering::Relaxed);
            A::heap().set_policy(&Policy { decay, ..policy });
        }
        learner.next.store(libc::millis() + PAUSE, Ordering::Relaxed);
        learner.owner.store(libc::getpid(), Ordering::Relaxed);
        learner.try_with(|inner| {
            inner.start = start;
            if learner.is_on() {
                self.begin(inner);
            }
        });
        libc::set_errno(errno);
    }

    /// Whether the heap works by the file's policy now.
    fn load_policy(&self, learn: Learn) -> bool {
        let learner = &self.learner;
        let Some(path) = learner.policy.plain() else { return false };
        let found = policy::load(&path, &self.machine());
        let is_new = learn == Learn::On && found == Err(Fault::Missing);
        learner.saves.store(learn == Learn::On && (is_new || found.is_ok()), Ordering::Relaxed);
        match found {
            Ok(policy) => A::heap().set_policy(&policy),
            Err(ref fault) if !is_new => {
                warn("HAKMEM_POLICY", path.as_bytes(), &format_args!("{fault}; the default holds"));
            }
            Err(_) => {}
        }
        found.is_ok()
    }

    /// The machine, as a policy's file names it.
    pub fn machine(&self) -> hakmem_core::policy::text::Machine {
        policy::machine(self.page_size())
    }

    /// Begins, or begins anew, by the policy that the heap has; in the record as well.
    fn begin(&self, inner: &mut Inner) {
        let learner = &self.learner;
        inner.policy = A::heap().policy();
        inner.seen = Counters::ZERO;
        inner.state.begin(&inner.policy, inner.start);
        inner.begun = true;
        learner.told.begin(inner.start);
        let log = &learner.log;
        let opens = log.is_some() && (learner.is_owner() || log.names_process());
        if opens && inner.log.is_unopened() {
            let path = log.of_process(libc::getpid());
            if let Err(error) = inner.log.open(path.as_ref()) {
                self.warn_of_log("cannot be opened", error);
            }
        }
        let header = record::Header { policy: &inner.policy, start: inner.start };
        let added = inner.log.add(&header);
        self.log_added(added);
    }

    fn log_added(&self, added: Result<(), Errno>) {
        if let Err(error) = added {
            self.warn_of_log("cannot be written", error);
        }
    }

    fn warn_of_log(&self, what: &str, error: Errno) {
        let path = self.learner.log.plain();
        let path = path.as_ref().map_or(&b""[..], |path| path.as_bytes());
        let error = error.raw_os_error();
        warn("HAKMEM_LEARN_LOG", path, &format_args!("{what} (error {error}); the log ends"));
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
        // ORDERING: Acquire, partner: `set_policy`: the policy that was set is the one begun with.
        if learner.anew.swap(false, Ordering::Acquire) {
            inner.begin_anew();
        }
        if !inner.begun {
            self.begin(inner);
        }
        let Used { faults, user, system } = used;
        let mut seen = Counters { faults, user, system, ..A::heap().look() };
        if !in_background {
            // Without rounds of decay nobody looks which are used.
            seen.active = seen.caches;
        }
        let decisions = step(&mut inner.state, &seen, now);
        if learner.anew.load(Ordering::Relaxed) {
            // What the program has set meanwhile holds.
            return PAUSE;
        }
        if learner.learn() == Learn::On && decisions.policy != inner.policy {
            A::heap().set_policy(&decisions.policy);
        }
        let line = record::Line {
            now,
            seen: &seen,
            seen_before: &inner.seen,
            decisions: &decisions,
            policy_before: &inner.policy,
        };
        let added = inner.log.add(&line);
        self.log_added(added);
        (inner.seen, inner.policy) = (seen, decisions.policy);
        inner.learned = inner.state.has_rested();
        if learner.told.add(&decisions) {
            self.save_policy(inner);
        }
        u64::from(decisions.pause.max(1))
    }

    /// Writes the policy into its file, if that is wanted, and anything was learned since.
    fn save_policy(&self, inner: &mut Inner) {
        let learner = &self.learner;
        let is_set = learner.anew.load(Ordering::Relaxed);
        if !learner.saves() || !inner.learned || is_set || !learner.is_owner() {
            return;
        }
        let Some(path) = learner.policy.plain() else { return };
        let mut policy = inner.state.lasting();
        // What the user fixed is no part of what was learned.
        let decay = learner.own_decay.load(Ordering::Relaxed);
        if decay != 0 {
            policy.decay = decay;
        }
        if let Err(error) = policy::save(&path, &policy, &self.machine()) {
            learner.saves.store(false, Ordering::Relaxed);
            let error = error.raw_os_error();
            let what = format_args!("cannot be written (error {error}); it stays as it was");
            warn("HAKMEM_POLICY", path.as_bytes(), &what);
        }
        inner.learned = false;
    }

    /// The process comes to its end: the policy is written, if anything was learned. For adapters.
    pub fn end(&self) {
        self.learner.with_patience(|inner| self.save_policy(inner));
    }

    /// Lets the heap work by other numbers from now on; the learner begins anew with them.
    pub fn set_policy(&self, policy: &Policy) {
        // Twice: a step that is under way must not put its own in place of this one, and one that has
        // begun with what was there before must begin once more.
        // ORDERING: Release, partner: the acquire in `look_and_step`.
        let tell = || self.learner.anew.store(true, Ordering::Release);
        let set = || {
            tell();
            A::heap().set_policy(policy);
            tell();
        };
        if self.learner.with_patience(|_| set()).is_none() {
            set();
        }
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

/// One line on standard error, if anybody reads it.
fn warn(name: &str, path: &[u8], what: &dyn Display) {
    let path = path[..path.len().min(SHOWN)].escape_ascii();
    let mut line = Line::<512>::new();
    // Writing to a line cannot fail.
    let _ = fmt::write(&mut line, format_args!("hakmem: {name}={path}: {what}\n"));
    // SAFETY: not -1; if it is closed, the call fails, which is no concern.
    let stderr = unsafe { BorrowedFd::borrow_raw(2) };
    let _ = quietly(|| line.put(stderr));
}
