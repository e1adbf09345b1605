//! The fresh lever: whether memory that the heap takes anew is backed ahead.
//!
//! | | when |
//! |---|---|
//! | on | [`FAST`] a second or more was taken, [`LARGE`] is in use, and that is three quarters of what is mapped |
//! | proven | [`TRIAL`] was taken with it, and the system's time for each MiB fell by an eighth or more |
//! | undone | it fell by less: not again for a minute, then two, four, … |
//! | off | for [`CALM`] less than [`SLOW`] a second was taken, or less than five eighths of what is mapped was in use |
//!
//! On is huge pages where the source has any, else populating. It does not wait to be compared before it is
//! switched on: a heap that grows by gigabytes a second is built before a canary would have sung.

use super::cost::{self, Fault};
use super::notes::Notes;
use super::tick::Tick;
use super::{Change, Lever, Reason, Verdict};
use crate::policy::{Fresh, Policy};

/// Bytes a second that are fast growth, and that are none.
pub(super) const FAST: u64 = 32 << 20;
const SLOW: u64 = 8 << 20;
/// Bytes in use from which growth counts.
const LARGE: u64 = 64 << 20;
/// Bytes taken in a tick from which it says what they cost, and in a trial.
const TELLING: u64 = 4 << 20;
const TRIAL: u64 = 64 << 20;
/// Milliseconds without growth.
const CALM: u64 = 500;
/// Seconds until it is tried again, and doublings of that, at most.
const WAIT: u64 = 60;
const DOUBLINGS: u8 = 8;

#[derive(Clone, Copy, Debug)]
pub(super) struct Growth {
    /// Microseconds of system for each MiB taken, before; 0: not known.
    plain: u64,
    /// Of the trial: microseconds of CPU, of these in the system, and bytes taken.
    cpu: u64,
    system: u64,
    taken: u64,
    /// Milliseconds without growth.
    calm: u64,
    /// Second of the learner's clock before which it is not tried again.
    until: u64,
    doublings: u8,
    in_trial: bool,
}

impl Growth {
    pub(super) const fn new() -> Self {
        Self {
            plain: 0,
            cpu: 0,
            system: 0,
            taken: 0,
            calm: 0,
            until: 0,
            doublings: 0,
            in_trial: false,
        }
    }

    /// `second`: of the learner's clock.
    pub(super) fn follow(
        &mut self,
        tick: &Tick,
        fault: Fault,
        second: u64,
        huge: bool,
        policy: &mut Policy,
        notes: &mut Notes,
    ) {
        if policy.fresh == Fresh::Plain {
            self.learn_plain(tick);
            let is_dense = tick.in_use.saturating_mul(4) >= tick.mapped.saturating_mul(3);
            let is_fast = tick.growth() >= FAST && tick.in_use >= LARGE;
            if is_dense && is_fast && second >= self.until {
                self.begin();
                let to = if huge { Fresh::Huge } else { Fresh::Populate };
                let half = self.of_plain(tick.grown, fault) / 2;
                let expected = cost::net(cost::share(half, tick.cpu), 0);
                set(to, Reason::Follow, expected, policy, notes);
            }
            return;
        }
        if self.in_trial && self.try_out(tick, fault, second, notes) {
            return set(Fresh::Plain, Reason::Undone, 0, policy, notes);
        }
        let is_sparse = tick.in_use.saturating_mul(8) < tick.mapped.saturating_mul(5);
        if tick.growth() >= SLOW && !is_sparse {
            self.calm = 0;
            return;
        }
        self.calm = self.calm.saturating_add(tick.ms);
        if self.calm >= CALM {
            self.calm = 0;
            self.in_trial = false;
            set(Fresh::Plain, Reason::Follow, 0, policy, notes);
        }
    }

    /// What growth costs without it.
    fn learn_plain(&mut self, tick: &Tick) {
        if tick.grown >= TELLING {
            let newest = per_mib(tick.system, tick.grown);
            self.plain = if self.plain == 0 { newest } else { (self.plain + newest) / 2 };
        }
    }

    fn begin(&mut self) {
        self.cpu = 0;
        self.system = 0;
        self.taken = 0;
        self.calm = 0;
        self.in_trial = true;
    }

    /// Microseconds that so many bytes would have cost without it.
    fn of_plain(&self, bytes: u64, fault: Fault) -> u64 {
        let mib = if self.plain == 0 { fault.of(1 << 20) / 1000 } else { self.plain };
        (bytes >> 10).saturating_mul(mib) >> 10
    }

    /// Watches the trial. True: it did not pay.
    fn try_out(&mut self, tick: &Tick, fault: Fault, second: u64, notes: &mut Notes) -> bool {
        self.cpu = self.cpu.saturating_add(tick.cpu);
        self.system = self.system.saturating_add(tick.system);
        self.taken = self.taken.saturating_add(tick.grown);
        if self.taken < TRIAL {
            return false;
        }
        self.in_trial = false;
        // Expected of what was really taken, or it could not be compared.
        let plain = self.of_plain(self.taken, fault);
        let realised = cost::net(cost::share(plain, self.cpu), cost::share(self.system, self.cpu));
        let expected = cost::net(cost::share(plain / 2, self.cpu), 0);
        let stays = cost::is_kept(expected, realised);
        notes.settled(Verdict { lever: Lever::Fresh, class: None, expected, realised, stays });
        if stays {
            self.doublings = 0;
        } else {
            self.until = second.saturating_add(WAIT << self.doublings.min(DOUBLINGS));
            self.doublings = self.doublings.saturating_add(1).min(DOUBLINGS);
        }
        !stays
    }
}

/// Microseconds for each MiB.
fn per_mib(microseconds: u64, bytes: u64) -> u64 {
    microseconds.saturating_mul(1 << 20) / bytes.max(1)
}

fn set(to: Fresh, reason: Reason, expected: i32, policy: &mut Policy, notes: &mut Notes) {
    let (from, to_number) = (policy.fresh as u32, to as u32);
    notes.changed(Change { lever: Lever::Fresh, class: None, from, to: to_number, reason, expected });
    policy.fresh = to;
}
