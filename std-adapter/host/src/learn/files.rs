//! The learner's files in a process: found at the start, opened, written, and warned of once.

use super::path::Shared;
use super::policy::{self, Fault};
use super::step::Inner;
use super::{Learn, Learner, Learning, Path, stderr};
use crate::libc;
use crate::line::Line;
use crate::linux::{Adapter, Linux};
use crate::options::Decay;
use core::fmt::{self, Display};
use core::sync::atomic::Ordering;
use hakmem_core::learn::{Start, record};
use rustix::io::Errno;

const POLICY: &str = "HAKMEM_POLICY";
const LOG: &str = "HAKMEM_LEARN_LOG";

impl Learner {
    /// One line on standard error, if anybody reads it.
    #[cold]
    #[inline(never)]
    fn warn(&self, name: &str, path: &dyn Display, what: &dyn Display) {
        let mut line = Line::<{ stderr::LONGEST }>::new();
        // Writing to a line cannot fail.
        let _ = fmt::write(&mut line, format_args!("hakmem: {name}={path}: {what}\n"));
        self.stderr.put(&line);
    }

    #[cold]
    #[inline(never)]
    fn warn_of_policy(&self, path: &dyn Display, fault: &Fault) {
        self.warn(POLICY, path, &format_args!("{fault}; the default holds"));
    }

    #[cold]
    #[inline(never)]
    fn warn_of_log(&self, path: &dyn Display, what: &str, error: Errno) {
        let error = error.raw_os_error();
        self.warn(LOG, path, &format_args!("{what} (error {error}); the log ends"));
    }

    /// Adds the record's first line, where the process has a record, to a file that is opened first.
    #[cold]
    #[inline(never)]
    pub(super) fn begin_log(&self, inner: &mut Inner) {
        let opens = self.log.is_some() && (self.is_owner() || self.log.names_process());
        if opens && inner.log.is_unopened() {
            let path = &mut inner.desk.path;
            let fits = self.log.write_of_process(libc::getpid(), path);
            if let Err(error) = inner.log.open(fits.then_some(path)) {
                self.warn_of_log(&self.log, "cannot be opened", error);
            }
        }
        let header = record::Header { policy: &inner.policy, start: inner.start };
        let added = inner.log.add(&header);
        self.log_added(added);
    }

    pub(super) fn log_added(&self, added: Result<(), Errno>) {
        if let Err(error) = added {
            self.warn_of_log(&self.log, "cannot be written", error);
        }
    }

    /// Keeps a path, if it can be told which file it is.
    fn keep(kept: &Shared, path: Option<Path<'_>>, warn: impl FnOnce(&Path<'_>, Errno)) {
        if let Some(path) = path {
            if let Err(error) = kept.store(path) {
                warn(&path, error);
            }
        }
    }
}

impl<A: Adapter> Linux<A> {
    /// Reads the policy's file, begins the record, and lets steps be made.
    #[cold]
    #[inline(never)]
    pub(crate) fn start_learning(
        &self,
        learning: Learning,
        decay: Decay,
        files: [Option<Path<'_>>; 2],
    ) {
        let errno = libc::errno();
        let learner = &self.learner;
        learner.stderr.note();
        learner.learn.store(learning.learn as u8, Ordering::Relaxed);
        let mut start = Start { freeze: false, settled: false, fixed: learning.fixed };
        start.freeze = learning.learn == Learn::Freeze;
        let [policy, log] = files;
        Learner::keep(&learner.policy, policy, |path, error| {
            learner.warn_of_policy(path, &Fault::Unreadable(error));
        });
        if learner.policy.is_some() {
            start.settled = self.load_policy(learning.learn);
        }
        Learner::keep(&learner.log, log, |path, error| {
            learner.warn_of_log(path, "cannot be opened", error);
        });
        start.fixed.decay |= decay != Decay::Policy;
        if let Decay::Fixed(decay) = decay {
            let policy = A::heap().policy();
            learner.own_decay.store(policy.decay, Ordering::Relaxed);
            A::heap().set_policy(&hakmem_core::Policy { decay, ..policy });
        }
        learner.begin_at(libc::millis());
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
    #[cold]
    #[inline(never)]
    fn load_policy(&self, learn: Learn) -> bool {
        let learner = &self.learner;
        let mut path = crate::container::PathBuffer::new();
        learner.policy.write(&mut path);
        let found = policy::load(&path, &self.machine());
        let is_new = learn == Learn::On && found == Err(Fault::Missing);
        learner.saves.store(learn == Learn::On && (is_new || found.is_ok()), Ordering::Relaxed);
        match found {
            Ok(policy) => A::heap().set_policy(&policy),
            Err(ref fault) if !is_new => learner.warn_of_policy(&learner.policy, fault),
            Err(_) => {}
        }
        found.is_ok()
    }

    /// The machine, as a policy's file names it.
    pub fn machine(&self) -> hakmem_core::policy::text::Machine {
        policy::machine(self.page_size())
    }

    /// Writes the policy into its file, if that is wanted, and anything was learned since. `lasts`: the disk
    /// may be waited for; if not, it is written once more at the end.
    #[cold]
    #[inline(never)]
    pub(super) fn save_policy(&self, inner: &mut Inner, lasts: bool) {
        let learner = &self.learner;
        let is_given = learner.given.count() != inner.given;
        if !learner.saves() || !inner.learned || is_given || !learner.is_owner() {
            return;
        }
        if !learner.policy.write(&mut inner.desk.path) {
            return;
        }
        let mut policy = inner.state.lasting();
        // What the user fixed is no part of what was learned.
        let decay = learner.own_decay.load(Ordering::Relaxed);
        if decay != 0 {
            policy.decay = decay;
        }
        inner.learned = match inner.desk.save(&policy, &self.machine(), lasts) {
            Ok(()) => !lasts,
            Err(error) => {
                learner.saves.store(false, Ordering::Relaxed);
                let error = error.raw_os_error();
                let what = format_args!("cannot be written (error {error}); it stays as it was");
                learner.warn(POLICY, &learner.policy, &what);
                false
            }
        };
    }

    /// The process comes to its end: the policy is written, if anything was learned. For adapters.
    pub fn end(&self) {
        let learner = &self.learner;
        if learner.saves() && learner.is_owner() {
            libc::uncancelled(|| learner.at_last(|inner| self.save_policy(inner, true)));
        }
    }
}
