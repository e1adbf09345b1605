//! The learner's place in a process: who gives it steps, and where its record and its policy lie.
//!
//! ```text
//! start ..................... HAKMEM_POLICY is read, HAKMEM_LEARN_LOG begun              (files.rs)
//! the background thread ..... a step when one is due, asleep where the program rests
//!  \-- none runs: growth and spills note that one is due; attend, at the end of a slow allocation,
//!      makes it: outside of the heap, a second of CPU for some ten thousand of them    (step.rs)
//! set_policy ................ holds, whatever a step decides meanwhile                  (given.rs)
//! frozen, and at the end .... the policy is written, if the learner has come to rest since it began: the
//!                             next start rests with it                                 (policy.rs)
//! fork ...................... the child goes on by the policy that it has, learns anew, and writes neither
//!                             file; but a log with %p in its name is its own
//! exec ...................... another program: it starts as any does, with the same variables
//! ```
//! Whoever finds the learner at work goes on without it: nobody waits. A thread that is stopped in the
//! middle of a step, or a process without any, harms nothing: the heap works by the policy that it has.
//!
//! *Paths* that are relative are so to the working directory of the start (path.rs).
//!
//! *The log* is opened once, closed in whatever program the process becomes, and each line written by
//! one call at the file's end: what two processes write into one file are whole lines, in turn. A call
//! never waits: a pipe that nobody empties ends the log, as a full disk does, with one warning. Neither
//! ends the process: the signals that come with that are taken back (quietly.rs). A program that this one
//! starts, by fork and exec, finds the same variables, and *empties* a log of the same name; `%p` is its own
//! number there, so with that it has a log of its own, be it a program that forks in its turn. A process
//! that execs without a fork keeps its number: the new program empties the old one's log even so.
//! All of them read the policy, and each that comes to rest writes it at its end: the last one's stays.
//!
//! *The policy* is written beside its file and renamed, so that no reader finds half of one. Before that, the
//! background thread waits for the disk, and so does the end of the process: some milliseconds, or as long
//! as a busy disk takes, for a program that names a file and has come to rest. A program's own thread that
//! makes the step with which the learner freezes does not wait in the middle of its work: what it writes
//! would be lost if the machine stopped at once, so it is written once more at the end. A fork while the
//! background thread waits is not held up; its child learns nothing.
//!
//! *The stack* of a program's own thread: a step takes 4 KiB at most, its warnings and files included, and so
//! does the end. What is larger lies beside the learner, of which only one is at work.
//!
//! *Warnings* go to what was standard error at the start, if it takes them at once, or are lost (stderr.rs).
//! *Cancelling* a thread does nothing while it makes a step.

mod files;
mod given;
mod identity;
mod log;
mod path;
mod policy;
mod quietly;
mod stderr;
mod step;

pub(crate) use path::Path;
pub use step::Told;

use crate::libc;
use core::cell::UnsafeCell;
use core::sync::atomic::{AtomicBool, AtomicI32, AtomicU8, AtomicU32, AtomicU64, Ordering};
use hakmem_core::Policy;
use hakmem_core::learn::Fixed;

/// Whether the heap tunes itself.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Learn {
    /// It does.
    #[default]
    On,
    /// No step is made.
    Off,
    /// Steps are made, and recorded, and change nothing.
    Freeze,
}

/// How the heap tunes itself.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Learning {
    /// `HAKMEM_LEARN`.
    pub learn: Learn,
    /// `HAKMEM_LEARN_FIXED`: what is left alone.
    pub fixed: Fixed,
}

/// The levers that are named, with commas between. `None`: one is none, or there is none.
pub(crate) fn levers(names: &[u8]) -> Option<Fixed> {
    let mut fixed = Fixed::default();
    names.split(|&byte| byte == b',').all(|name| fixed.add(name)).then_some(fixed)
}

/// The learner, as its host knows it. All zero at first, as a static heap must be.
pub(crate) struct Learner {
    learn: AtomicU8,
    /// The process that reads and writes the files; 0 before the start.
    owner: AtomicI32,
    /// The policy's time of decay where `HAKMEM_DECAY` stands in its place; 0: it does not.
    own_decay: AtomicU32,
    /// Whether the policy's file may be written.
    saves: AtomicBool,
    policy: path::Shared,
    log: path::Shared,
    /// Whether somebody is at work in `inner`.
    busy: AtomicBool,
    /// Whether a fork holds `busy`.
    held: AtomicBool,
    /// Whether a step is due that a thread of the program is to make.
    due: AtomicBool,
    /// When the next step is due, by [`libc::millis`].
    next: AtomicU64,
    /// When the last look was.
    last: AtomicU64,
    /// What the program set.
    given: given::Given,
    stderr: stderr::Stderr,
    /// Bytes mapped since the last step.
    grown: AtomicU64,
    /// Whether it slept, so that what the process did meanwhile is no measure.
    rested: AtomicBool,
    told: step::Shared,
    inner: UnsafeCell<step::Inner>,
}

// SAFETY: `inner` is reached by whoever set `busy` alone.
unsafe impl Sync for Learner {}

impl Learner {
    pub(crate) const fn new() -> Self {
        Self {
            learn: AtomicU8::new(Learn::On as u8),
            owner: AtomicI32::new(0),
            own_decay: AtomicU32::new(0),
            saves: AtomicBool::new(false),
            policy: path::Shared::new(),
            log: path::Shared::new(),
            busy: AtomicBool::new(false),
            held: AtomicBool::new(false),
            due: AtomicBool::new(false),
            next: AtomicU64::new(0),
            last: AtomicU64::new(0),
            given: given::Given::new(),
            stderr: stderr::Stderr::new(),
            grown: AtomicU64::new(0),
            rested: AtomicBool::new(false),
            told: step::Shared::new(),
            inner: UnsafeCell::new(step::Inner::new()),
        }
    }

    fn learn(&self) -> Learn {
        match self.learn.load(Ordering::Relaxed) {
            0 => Learn::On,
            1 => Learn::Off,
            _ => Learn::Freeze,
        }
    }

    /// Whether steps are made at all: not before the start, and none that changes nothing if it is not
    /// recorded either.
    fn is_on(&self) -> bool {
        self.owner.load(Ordering::Relaxed) != 0
            && match self.learn() {
                Learn::On => true,
                Learn::Off => false,
                Learn::Freeze => self.log.is_some(),
            }
    }

    /// Whether the policy is to be written.
    pub(crate) fn saves(&self) -> bool {
        self.saves.load(Ordering::Relaxed)
    }

    /// Whether this process reads and writes the files: no child of a fork does.
    fn is_owner(&self) -> bool {
        self.owner.load(Ordering::Relaxed) == libc::getpid()
    }

    /// Whether `busy` was not set, and is now.
    fn take(&self) -> bool {
        // ORDERING: Acquire, partner: `give`: what was done inside is seen.
        self.busy.compare_exchange(false, true, Ordering::Acquire, Ordering::Relaxed).is_ok()
    }

    fn give(&self) {
        // ORDERING: Release, partner: `take`.
        self.busy.store(false, Ordering::Release);
    }

    /// Lets `act` work inside, unless somebody does.
    fn try_with<T>(&self, act: impl FnOnce(&mut step::Inner) -> T) -> Option<T> {
        if !self.take() {
            return None;
        }
        // SAFETY: `busy` is ours.
        let done = act(unsafe { &mut *self.inner.get() });
        self.give();
        Some(done)
    }

    /// The same at the end of the process, which waits for a policy that is on its way to the disk.
    fn at_last<T>(&self, act: impl FnOnce(&mut step::Inner) -> T) -> Option<T> {
        let pause = rustix::thread::Timespec { tv_sec: 0, tv_nsec: 1_000_000 };
        let mut millis = 0;
        while self.busy.load(Ordering::Relaxed) && millis < LAST {
            let _ = rustix::thread::nanosleep(&pause);
            millis += 1;
        }
        self.try_with(act)
    }

    /// Before a fork: nobody is to be inside, for the child has nobody who would come out. A step that is
    /// long in coming to its end is not waited for; then the child never learns.
    pub(crate) fn lock_for_fork(&self) {
        let mut tries = 0;
        while !self.take() {
            tries += 1;
            if tries > PATIENCE {
                return;
            }
            rustix::thread::sched_yield();
        }
        self.held.store(true, Ordering::Relaxed);
    }

    /// After a fork, in the parent and in the child. The policy that the child's heap is to work by, if
    /// it is another: what was being tried is not tried there.
    pub(crate) fn unlock_after_fork(&self, in_child: bool) -> Option<Policy> {
        if in_child {
            // Not in other libraries' handlers of this fork.
            self.begin_at(libc::millis());
            self.due.store(false, Ordering::Relaxed);
        }
        if !self.held.swap(false, Ordering::Relaxed) {
            if in_child {
                self.learn.store(Learn::Off as u8, Ordering::Relaxed);
            }
            return None;
        }
        let mut lasting = None;
        if in_child {
            // SAFETY: `busy` is ours.
            let inner = unsafe { &mut *self.inner.get() };
            lasting = inner.forget().filter(|_| self.given.count() == inner.given);
            self.told.forget();
        }
        self.give();
        lasting
    }
}

/// How often a thread yields to one that makes a step.
const PATIENCE: u32 = 100;
/// Milliseconds that the end of a process waits for one, at most.
const LAST: u32 = 5000;

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn levers_by_their_names() {
        let none = Fixed::default();
        assert_eq!(levers(b"lists"), Some(Fixed { lists: true, ..none }));
        assert_eq!(levers(b"fresh,sharers"), Some(Fixed { fresh: true, sharers: true, ..none }));
        let all = Fixed { lists: true, sharers: true, decay: true, fresh: true };
        assert_eq!(levers(b"lists,sharers,decay,fresh,lists"), Some(all));
        for broken in [&b""[..], b",", b"lists,", b" lists", b"Lists", b"lists;decay"] {
            assert_eq!(levers(broken), None, "{}", broken.escape_ascii());
        }
    }

    #[test]
    fn nobody_waits_for_the_learner() {
        static LEARNER: Learner = Learner::new();
        assert!(!LEARNER.is_on());
        assert_eq!(LEARNER.try_with(|_| LEARNER.try_with(|_| ()).is_none()), Some(true));
        assert_eq!(LEARNER.at_last(|_| ()), Some(()));
        LEARNER.lock_for_fork();
        assert!(LEARNER.try_with(|_| ()).is_none());
        LEARNER.unlock_after_fork(true);
        assert!(LEARNER.try_with(|_| LEARNER.lock_for_fork()).is_some());
        // That fork was in the middle of a step, and holds nothing.
        LEARNER.unlock_after_fork(false);
        assert_eq!(LEARNER.learn(), Learn::On);
        LEARNER.unlock_after_fork(true);
        assert_eq!(LEARNER.learn(), Learn::Off);
    }
}
