//! The decay lever: how long memory lies free before it goes back.
//!
//! A bandit (UCB1) over the times of [`ARMS`]. It plays one for an episode of [`EPISODE`] or four times the
//! time itself, of which only ticks count in which something lies free or went back, and reckons what it cost:
//! the faults of what went back and was backed anew, of the process's time, plus what lay free, of what was in
//! use. Old episodes count an eighth less with each new one.
//!
//! After an episode:
//! - an arm that costs less than [`ENOUGH`] stays;
//! - else, where the faults cost more than what lay free, the next longer time is tried, where less, the next
//!   shorter, and so on while neighbours on that side were not tried before;
//! - else the best of all tried arms is played, each by its mean cost less its doubt: a quarter of the spread of
//!   all means, by sqrt(2 ln(all episodes) / its episodes). It must be an eighth better than the arm that
//!   was left to try others.
//!
//! After [`STEADY`] episodes in a row of one arm it is settled, and so it is while nothing lies free.

use super::cost::{self, Fault};
use super::notes::Notes;
use super::tick::Tick;
use super::{Change, Lever, Reason, Verdict};
use crate::policy::Policy;

/// Milliseconds.
pub(super) const ARMS: [u32; 6] = [125, 250, 500, 1000, 2000, 4000];
/// Milliseconds of an episode, at least, and by how many times the arm.
const EPISODE: u64 = 4000;
const TIMES: u64 = 4;
/// Milliseconds of one tick that count, at most.
const TICK_MOST: u64 = 1000;
/// Bytes that lie free, of which it takes notice: so many, and a part of what is in use.
const NOTICED: u64 = 1 << 20;
const NOTICED_PART: u64 = 32;
/// Millionths below which a cost is low enough, and by which a doubt is counted at least.
const ENOUGH: u32 = 1000;
const DOUBT: u64 = 250;
/// An episode's weight; below the least an arm counts as not tried.
const ONE: u32 = 1024;
const LEAST: u32 = ONE / 4;
/// Episodes in a row of one arm until it is settled.
const STEADY: u8 = 2;
/// Ticks without anything free until it is settled.
const NOTHING: u8 = 4;

#[derive(Clone, Copy, Debug)]
struct Arm {
    /// Episodes, in parts of [`ONE`], discounted.
    weight: u32,
    /// Their mean cost, in millionths.
    mean: u32,
}

#[derive(Clone, Copy, Debug)]
pub(super) struct Decay {
    arms: [Arm; ARMS.len()],
    /// Of the episode: milliseconds that counted, nanoseconds of faults, microseconds of CPU, and KiB that lay
    /// free and that this is compared with, times milliseconds.
    ms: u64,
    faults: u64,
    cpu: u64,
    free: u64,
    weight: u64,
    /// Episodes in a row of this arm.
    steady: u8,
    /// Ticks in a row that did not count.
    nothing: u8,
    /// The arm that was left to try others, counted from 1; 0: none is being tried.
    home: u8,
    /// What that was expected to save.
    expected: i32,
}

impl Decay {
    pub(super) const fn new() -> Self {
        Self {
            arms: [Arm { weight: 0, mean: 0 }; ARMS.len()],
            ms: 0,
            faults: 0,
            cpu: 0,
            free: 0,
            weight: 0,
            steady: 0,
            nothing: 0,
            home: 0,
            expected: 0,
        }
    }

    /// Whether there is nothing to find out for now.
    pub(super) fn is_settled(&self) -> bool {
        self.steady >= STEADY || self.nothing >= NOTHING
    }

    /// Believes less of what was found out, where the program does something else now.
    pub(super) fn doubt(&mut self) {
        for arm in &mut self.arms {
            arm.weight /= 8;
        }
        self.begin_episode();
        self.steady = 0;
        self.home = 0;
    }

    /// Adds a tick to the episode. Memory lies free in idle ones, too.
    pub(super) fn learn(&mut self, tick: &Tick, fault: Fault) {
        let noticed = NOTICED + tick.in_use / NOTICED_PART;
        if tick.decayed == 0 && tick.missed == 0 && tick.free < noticed {
            self.nothing = self.nothing.saturating_add(1);
            return;
        }
        self.nothing = 0;
        let ms = tick.ms.min(TICK_MOST);
        let over_time = |bytes: u64| (bytes >> 10).saturating_mul(ms);
        self.ms = self.ms.saturating_add(ms);
        self.faults = self.faults.saturating_add(fault.of(tick.missed));
        self.cpu = self.cpu.saturating_add(tick.cpu);
        self.free = self.free.saturating_add(over_time(tick.free));
        self.weight = self.weight.saturating_add(over_time(cost::weight(tick.in_use)));
    }

    /// Ends the episode when its time is up, and chooses the next one's arm.
    pub(super) fn decide(&mut self, policy: &mut Policy, notes: &mut Notes) {
        let arm = nearest(policy.decay);
        if self.ms < EPISODE.max(u64::from(ARMS[arm]) * TIMES) {
            return;
        }
        let time = cost::time(self.faults, self.cpu).min(cost::WHOLE as u32);
        let memory = cost::share(self.free, self.weight).min(cost::WHOLE as u32);
        self.begin_episode();
        self.add(arm, time + memory);
        let home = usize::from(self.home).checked_sub(1).unwrap_or(arm).min(ARMS.len() - 1);
        let untried = self.untried(arm, time, memory);
        let choice = untried.unwrap_or_else(|| self.best(home));
        let mut reason = if self.arms[choice].mean > self.arms[arm].mean {
            Reason::Explore
        } else {
            Reason::Gain
        };
        if untried.is_some() {
            reason = Reason::Explore;
        } else if self.home != 0 {
            self.home = 0;
            let (expected, realised) = (self.expected, self.gain(home, choice));
            let stays = choice != home;
            let lever = Lever::Decay;
            notes.settled(Verdict { lever, class: None, expected, realised, stays });
            reason = if stays { Reason::Gain } else { Reason::Undone };
        }
        if choice == arm {
            self.steady = self.steady.saturating_add(1);
            return;
        }
        self.steady = 0;
        let expected = match untried {
            Some(_) => (time.max(memory) / 2) as i32,
            None => self.gain(arm, choice),
        };
        if reason == Reason::Explore && self.home == 0 {
            self.home = arm as u8 + 1;
            self.expected = expected;
        }
        let (lever, from, to) = (Lever::Decay, policy.decay, ARMS[choice]);
        notes.changed(Change { lever, class: None, from, to, reason, expected });
        policy.decay = to;
    }

    /// What it saves to go from one arm to another, by their means.
    fn gain(&self, from: usize, to: usize) -> i32 {
        cost::net(self.arms[from].mean, self.arms[to].mean)
    }

    fn begin_episode(&mut self) {
        self.ms = 0;
        self.faults = 0;
        self.cpu = 0;
        self.free = 0;
        self.weight = 0;
    }

    /// Adds an episode to what is known of its arm.
    fn add(&mut self, at: usize, cost: u32) {
        for arm in &mut self.arms {
            arm.weight -= arm.weight / 8;
        }
        let arm = &mut self.arms[at];
        let old = u64::from(arm.weight) * u64::from(arm.mean);
        arm.weight += ONE;
        let sum = old + u64::from(ONE) * u64::from(cost);
        arm.mean = (sum / u64::from(arm.weight)) as u32;
    }

    /// The neighbour that is worth a try after an episode that cost so much in time and memory.
    fn untried(&self, arm: usize, time: u32, memory: u32) -> Option<usize> {
        if self.arms[arm].mean < ENOUGH {
            return None;
        }
        let towards = if time > memory { arm.checked_add(1) } else { arm.checked_sub(1) };
        towards.filter(|arm| self.arms.get(*arm).is_some_and(|arm| arm.weight < LEAST))
    }

    /// The best of all tried arms, if it is better than one of them by its margin, and that one if not.
    fn best(&self, home: usize) -> usize {
        let mean = self.arms[home].mean;
        if mean < ENOUGH {
            return home;
        }
        let all = self.arms.iter().fold(0, |all: u32, arm| all.saturating_add(arm.weight));
        let scale = (self.spread() / 4).max(DOUBT);
        let index = |at: usize| {
            let Arm { weight, mean } = self.arms[at];
            let doubt = doubt(scale, all, weight);
            i64::from(mean) - i64::try_from(doubt).unwrap_or(i64::MAX / 2)
        };
        let tried = (0..ARMS.len()).filter(|arm| self.arms[*arm].weight >= LEAST);
        let best = tried.min_by_key(|arm| index(*arm)).unwrap_or(home);
        let is_better = index(best).saturating_add(i64::from(mean / 8)) < index(home);
        if is_better { best } else { home }
    }

    /// How far the means of tried arms lie apart.
    fn spread(&self) -> u64 {
        let means = self.arms.iter().filter(|arm| arm.weight >= LEAST).map(|arm| arm.mean);
        let (least, most) =
            means.fold((u32::MAX, 0), |(least, most), mean| (least.min(mean), most.max(mean)));
        most.saturating_sub(least).into()
    }
}

/// The arm nearest to a time.
fn nearest(ms: u32) -> usize {
    let mut best = 0;
    for (arm, time) in ARMS.iter().enumerate() {
        if time.abs_diff(ms) < ARMS[best].abs_diff(ms) {
            best = arm;
        }
    }
    best
}

/// `scale` * sqrt(2 ln(all) / one), where all and one are weights of episodes.
fn doubt(scale: u64, all: u32, one: u32) -> u64 {
    let ln = log2(all) * 177 / 256; // ln 2 = 0.693 = 177 / 256, and log2 is in parts of 256.
    let squared = 2 * ln * u64::from(ONE) / u64::from(one.max(1));
    // In parts of 256, and its root so in parts of 16.
    scale.saturating_mul(squared.isqrt()) / 16
}

/// log2 of a weight of episodes, in parts of 256; 0 below one episode.
fn log2(weight: u32) -> u64 {
    let weight = weight.max(ONE);
    let whole = weight.ilog2();
    let rest = (u64::from(weight) << 8 >> whole) & 255;
    u64::from(whole - ONE.ilog2()) * 256 + rest
}

#[cfg(all(test, not(loom)))]
#[allow(clippy::float_arithmetic, reason = "they check the integers")]
mod tests {
    use super::*;

    #[test]
    fn doubts_are_those_of_ucb1() {
        for (all, one) in [(1.0, 1.0), (2.0, 1.0), (3.0, 0.5), (7.9, 1.0), (7.9, 4.0), (7.9, 0.25)]
        {
            let exact = 1e6 * (2.0 * f64::ln(all) / one).sqrt();
            let part = |episodes: f64| (episodes * f64::from(ONE)) as u32;
            let found = doubt(1_000_000, part(all), part(one)) as f64;
            assert!(
                (found - exact).abs() <= 0.1 * exact + 1.0,
                "{all} {one}: {found}, not {exact}"
            );
        }
    }

    #[test]
    fn every_time_has_a_nearest_arm() {
        for (arm, time) in ARMS.into_iter().enumerate() {
            assert_eq!(nearest(time), arm);
        }
        assert_eq!((nearest(0), nearest(600), nearest(u32::MAX)), (0, 2, ARMS.len() - 1));
    }
}
