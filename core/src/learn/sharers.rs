//! The sharers lever: among how many caches the growth of lists is divided.
//!
//! It follows the caches that were active, rounded up to a power of two, as the last round of decay found
//! them: up with the first look after a round that found more, down only after [`CALM`] looks in a row that found half as many or fewer. Where it had to come up again, the next way
//! down takes twice as long.

use super::notes::Notes;
use super::{Change, Counters, Lever, Reason};
use crate::policy::Policy;

/// Looks in a row before fewer caches share, and doublings of that, at most.
const CALM: u32 = 8;
const DOUBLINGS: u8 = 6;

#[derive(Clone, Copy, Debug)]
pub(super) struct Sharers {
    /// Looks in a row that found half as many or fewer.
    calm: u32,
    /// The most that these found, rounded up.
    most: u32,
    doublings: u8,
    /// Whether fewer were made to share before.
    was_lowered: bool,
}

impl Sharers {
    pub(super) const fn new() -> Self {
        Self { calm: 0, most: 0, doublings: 0, was_lowered: false }
    }

    pub(super) fn follow(&mut self, seen: &Counters, policy: &mut Policy, notes: &mut Notes) {
        let caches = seen.caches;
        // Before the first round of decay nobody knows.
        if seen.active == 0 || caches == 0 {
            return;
        }
        let share = if policy.sharers == 0 { caches } else { policy.sharers.min(caches) };
        let active = seen.active.min(caches);
        let wanted = active.checked_next_power_of_two().unwrap_or(caches).min(caches);
        if wanted > share {
            self.calm = 0;
            self.most = 0;
            if self.was_lowered {
                self.doublings = self.doublings.saturating_add(1).min(DOUBLINGS);
                self.was_lowered = false;
            }
            return set(wanted, caches, policy, notes);
        }
        if wanted > share / 2 {
            self.calm = 0;
            self.most = 0;
            return;
        }
        self.calm = self.calm.saturating_add(1);
        self.most = self.most.max(wanted);
        if self.calm >= CALM << self.doublings.min(DOUBLINGS) {
            set(self.most, caches, policy, notes);
            self.calm = 0;
            self.most = 0;
            self.was_lowered = true;
        }
    }
}

/// Lets so many share: all, where that is as many as live.
fn set(sharers: u32, caches: u32, policy: &mut Policy, notes: &mut Notes) {
    let to = if sharers >= caches { 0 } else { sharers };
    if to == policy.sharers {
        return;
    }
    let (lever, reason) = (Lever::Sharers, Reason::Follow);
    notes.changed(Change { lever, class: None, from: policy.sharers, to, reason, expected: 0 });
    policy.sharers = to;
}
