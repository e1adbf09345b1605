//! Whether memory that was given back should have been kept.
//!
//! At the low point of a swing nobody can tell whether the program will rest or ask for as much
//! again at once. So the bound on what is kept is strict at first; what was given back and had to be
//! backed again within [`SOON`] was given back in vain, and from then on twice as much more may be kept,
//! up to what was ever in use.
//! That allowance is halved when nothing was regretted for a while, and that while doubles each time
//! the halving was regretted in turn.

use crate::sync::mark::{AtomicU32, AtomicU64};
use crate::sync::{Ordering, Sum};

/// Milliseconds within which what was given back is regretted.
pub(crate) const SOON: u64 = 1000;
/// Bytes of an allowance, at most, where nobody calls rounds of decay: a program that swings farther than
/// this and then rests must not keep all of it. Where somebody does, what is allowed goes back with time.
const MOST: usize = 64 << 20;
/// Milliseconds that an allowance lasts at first, and doublings of that at most.
const HOLD: u64 = 2000;
const DOUBLINGS: u32 = 5;

/// What was given back, and what of it was missed. Times are the host's milliseconds.
pub(crate) struct Regret {
    /// Bytes given back and not taken again.
    given: Sum,
    given_at: AtomicU64,
    /// Bytes that may be kept beside the bound.
    allowance: Sum,
    /// When the allowance last grew, or was halved.
    changed_at: AtomicU64,
    doublings: AtomicU32,
    /// The most bytes that were in use when the bound was kept.
    most: Sum,
}

impl Regret {
    pub(crate) const fn new() -> Self {
        Self {
            given: Sum::new(),
            given_at: AtomicU64::new(0),
            allowance: Sum::new(),
            changed_at: AtomicU64::new(0),
            doublings: AtomicU32::new(0),
            most: Sum::new(),
        }
    }

    /// Notes how much is in use.
    #[inline]
    pub(crate) fn used(&self, bytes: usize) {
        if bytes > self.most.get() {
            self.most.set(bytes);
        }
    }

    /// Notes that the bound made the heap give `bytes` back.
    pub(crate) fn gave(&self, bytes: usize, now: u64) {
        self.given.add(bytes);
        self.given_at.store(now, Ordering::Relaxed);
    }

    /// Whether memory that is backed anew may have been given back before.
    #[inline]
    pub(crate) fn may_regret(&self) -> bool {
        self.given.get() != 0
    }

    /// Notes that `bytes` are backed anew. The allowance grows no larger than what was ever in use:
    /// slots and ranges count in whole here, though a program with many short threads touches but a
    /// page of each.
    pub(crate) fn took(&self, bytes: usize, now: u64, decays: bool) {
        let given = self.given.get();
        if now.wrapping_sub(self.given_at.load(Ordering::Relaxed)) > SOON {
            return self.given.set(0);
        }
        let missed = bytes.min(given);
        self.given.sub(missed);
        let most = self.most.get().min(allowed(decays));
        let room = most.saturating_sub(self.allowance.get());
        let more = (2 * missed).min(room);
        if more > 0 {
            self.allowance.add(more);
            self.changed_at.store(now, Ordering::Relaxed);
        }
    }

    /// Bytes that may be kept beside the bound. `decays`: somebody calls rounds of decay.
    pub(crate) fn allowance(&self, now: u64, decays: bool) -> usize {
        let allowance = self.allowance.get().min(allowed(decays));
        let doublings = self.doublings.load(Ordering::Relaxed);
        let lasted = now.wrapping_sub(self.changed_at.load(Ordering::Relaxed));
        if allowance == 0 || lasted < HOLD << doublings {
            return allowance;
        }
        self.allowance.set(allowance / 2);
        self.changed_at.store(now, Ordering::Relaxed);
        self.doublings.store((doublings + 1).min(DOUBLINGS), Ordering::Relaxed);
        allowance / 2
    }
}

/// Bytes of an allowance, at most.
fn allowed(decays: bool) -> usize {
    if decays { usize::MAX } else { MOST }
}

#[cfg(all(test, not(loom)))]
mod tests {
    use super::*;

    const MIB: usize = 1 << 20;

    #[test]
    fn what_is_missed_soon_may_be_kept_next_time() {
        let regret = Regret::new();
        regret.used(20 * MIB);
        regret.used(5 * MIB);
        assert!(!regret.may_regret());
        regret.gave(8 * MIB, 100);
        assert_eq!(regret.allowance(100, false), 0);
        regret.took(3 * MIB, 150, false);
        assert_eq!(regret.allowance(150, false), 6 * MIB);
        regret.took(64 * MIB, 150, false);
        assert_eq!(regret.allowance(150, false), 16 * MIB, "twice what was given back");
        assert!(!regret.may_regret());
        regret.gave(64 * MIB, 200);
        regret.took(64 * MIB, 250, false);
        assert_eq!(regret.allowance(250, false), 20 * MIB, "no more than was in use");
    }

    #[test]
    fn what_is_missed_late_is_not_regretted() {
        let regret = Regret::new();
        regret.used(64 * MIB);
        regret.gave(8 * MIB, 100);
        regret.took(MIB, 100 + SOON + 1, false);
        assert_eq!(regret.allowance(2000, false), 0);
        assert!(!regret.may_regret());
    }

    #[test]
    fn an_allowance_has_an_end_of_its_own_where_nothing_decays() {
        let regret = Regret::new();
        regret.used(3 * MOST);
        regret.gave(2 * MOST, 0);
        regret.took(2 * MOST, 0, true);
        assert_eq!(regret.allowance(0, true), 3 * MOST);
        assert_eq!(regret.allowance(0, false), MOST);
    }

    #[test]
    fn an_allowance_is_halved_later_each_time() {
        let regret = Regret::new();
        regret.used(64 * MIB);
        regret.gave(8 * MIB, 0);
        regret.took(8 * MIB, 0, false);
        assert_eq!(regret.allowance(HOLD - 1, false), 16 * MIB);
        assert_eq!(regret.allowance(HOLD, false), 8 * MIB);
        assert_eq!(regret.allowance(2 * HOLD, false), 8 * MIB);
        assert_eq!(regret.allowance(3 * HOLD, false), 4 * MIB);
    }
}
