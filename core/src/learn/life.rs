//! The life cycle: when the learner learns, when it rests, and how long it pauses.
//!
//! ```text
//!          something is worth a try         it was kept or undone
//!   Learn --------------------------> Canary ------------------> Learn
//!   Learn -- STRETCH busy ticks with nothing to change --------> Frozen
//!   Frozen -- DRIFT busy ticks outside of the profile ---------> Learn
//! ```
//! The *profile* is the least and the most that each of its numbers was in the stretch that led to freezing, so
//! that a program whose numbers swing may go on swinging. Outside is below half the least or above twice the
//! most, of numbers to each of which its floor is added: what is small may change as it likes.

use super::Phase;
use super::cost;
use super::fresh::FAST;
use super::lists::Lists;
use super::tick::Tick;
use crate::class::CLASSES;

/// Busy ticks before anything is judged, so that means are means.
const FIRST: u8 = 3;
/// Busy ticks in a row without anything to change, until it freezes. Doubled where it thawed soon, so often
/// at most.
const STRETCH: u32 = 12;
const DOUBLINGS: u8 = 3;
/// Milliseconds frozen that are soon.
const SOON: u64 = 60_000;
/// Busy ticks in a row outside of the profile, until it learns again.
const DRIFT: u8 = 3;
/// Busy ticks of which a profile is made that nobody froze by: a policy was loaded.
const FIRST_PROFILE: u8 = 20;

/// Milliseconds from step to step: while something changes, while nothing does, and when frozen or idle.
pub(super) const SHORT: u32 = 100;
const LONG: u32 = 1000;
const LONGEST: u32 = 2000;

/// Numbers of a profile beside the classes' costs: in use, free, growth, and faults of what was missed.
const OTHERS: usize = 4;
/// Their floors: KiB, KiB, KiB a second, millionths of the process's time; and a class's, in such millionths.
const FLOORS: [u32; OTHERS] = [8 << 10, 8 << 10, (FAST >> 10) as u32, 1000];
const FLOOR: u32 = 1000;

type Numbers = [u32; CLASSES + OTHERS];

#[derive(Clone, Copy, Debug)]
pub(super) struct Life {
    pub(super) phase: Phase,
    /// Busy ticks since it began to learn, up to [`FIRST`].
    ticks: u8,
    /// Busy ticks in a row with nothing to change.
    quiet: u32,
    doublings: u8,
    /// Busy ticks in a row outside of the profile.
    drift: u8,
    /// Busy ticks that a frozen profile still takes up.
    open: u8,
    /// Milliseconds since it froze.
    frozen: u64,
    pub(super) pause: u32,
    /// Smoothed, floors included.
    others: [u32; OTHERS],
    least: Numbers,
    most: Numbers,
}

impl Life {
    pub(super) const fn new() -> Self {
        Self {
            phase: Phase::Learn,
            ticks: 0,
            quiet: 0,
            doublings: 0,
            drift: 0,
            open: 0,
            frozen: 0,
            pause: 0,
            others: [0; OTHERS],
            least: [0; CLASSES + OTHERS],
            most: [0; CLASSES + OTHERS],
        }
    }

    /// Begins with a policy that was learned before.
    pub(super) fn settle(&mut self) {
        self.phase = Phase::Frozen;
        self.open = FIRST_PROFILE;
    }

    /// Whether it has seen enough to judge.
    pub(super) fn is_ready(&self) -> bool {
        self.ticks >= FIRST
    }

    /// Takes up a busy tick; `missed`: what faults of missed memory cost in it.
    pub(super) fn learn(&mut self, tick: &Tick, missed: u32) {
        let kib = |bytes: u64| (bytes >> 10).min(u64::from(u32::MAX) / 4) as u32;
        let newest = [kib(tick.in_use), kib(tick.free), kib(tick.growth()), missed];
        for ((mean, newest), floor) in self.others.iter_mut().zip(newest).zip(FLOORS) {
            let newest = newest.saturating_add(floor);
            let smoothed = cost::smooth(u64::from(*mean), u64::from(newest)) as u32;
            *mean = if self.ticks == 0 { newest } else { smoothed };
        }
        self.ticks = self.ticks.saturating_add(1).min(FIRST);
    }

    /// In use, smoothed; bytes.
    pub(super) fn in_use(&self) -> u64 {
        u64::from(self.others[0].saturating_sub(FLOORS[0])) << 10
    }

    /// A busy tick, frozen. True: it thaws.
    pub(super) fn watch(&mut self, lists: &Lists, ms: u64) -> bool {
        self.frozen = self.frozen.saturating_add(ms);
        if !self.is_ready() {
            return false;
        }
        let numbers = self.numbers(lists);
        if self.open > 0 {
            if self.open == FIRST_PROFILE {
                self.least = numbers;
                self.most = numbers;
            }
            self.widen(&numbers);
            self.open -= 1;
            return false;
        }
        let mut bounds = self.least.iter().zip(&self.most).zip(&numbers);
        let is_outside = bounds.any(|((least, most), number)| {
            *number > most.saturating_mul(2) || number.saturating_mul(2) < *least
        });
        self.drift = if is_outside { self.drift.saturating_add(1) } else { 0 };
        if self.drift < DRIFT {
            return false;
        }
        if self.frozen < SOON {
            self.doublings = self.doublings.saturating_add(1).min(DOUBLINGS);
        } else {
            self.doublings = self.doublings.saturating_sub(1);
        }
        self.phase = Phase::Learn;
        self.ticks = 0;
        self.quiet = 0;
        self.drift = 0;
        self.pause = 0;
        true
    }

    /// A busy tick, learning; `busy_with`: something was changed, is being tried or found out.
    pub(super) fn rest(&mut self, lists: &Lists, busy_with: bool) {
        if busy_with || !self.is_ready() {
            self.quiet = 0;
            return;
        }
        let numbers = self.numbers(lists);
        if self.quiet == 0 {
            self.least = numbers;
            self.most = numbers;
        }
        self.widen(&numbers);
        self.quiet = self.quiet.saturating_add(1);
        if self.quiet >= STRETCH << self.doublings.min(DOUBLINGS) {
            self.phase = Phase::Frozen;
            self.frozen = 0;
            self.drift = 0;
        }
    }

    /// Sets the pause after a step.
    pub(super) fn set_pause(&mut self, is_moving: bool, is_idle: bool) {
        let most = if is_idle || self.phase == Phase::Frozen { LONGEST } else { LONG };
        let is_awake = match self.phase {
            Phase::Learn => !self.is_ready(),
            Phase::Canary => true,
            Phase::Frozen => self.drift > 0,
        };
        let doubled = self.pause.saturating_mul(2).clamp(SHORT, most);
        self.pause = if is_moving || (is_awake && !is_idle) { SHORT } else { doubled };
    }

    fn numbers(&self, lists: &Lists) -> Numbers {
        let mut numbers = [0; CLASSES + OTHERS];
        let classes = lists.costs().iter().map(|cost| cost.saturating_add(FLOOR));
        for (place, number) in numbers.iter_mut().zip(classes.chain(self.others)) {
            *place = number;
        }
        numbers
    }

    fn widen(&mut self, numbers: &Numbers) {
        for ((least, most), number) in self.least.iter_mut().zip(&mut self.most).zip(numbers) {
            *least = (*least).min(*number);
            *most = (*most).max(*number);
        }
    }
}
