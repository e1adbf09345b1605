//! A program that answers to its policy, and a learner that steps beside it.

use crate::learn::{Change, Counters, Decisions, Lever, Note, Start, State, Verdict, step};
use crate::policy::Policy;
use std::vec::Vec;

pub(super) const MIB: u64 = 1 << 20;

/// Random numbers that are the same each time.
pub(super) struct Random(u64);

impl Random {
    pub(super) fn new(seed: u64) -> Self {
        Self(seed | 1)
    }

    fn next(&mut self) -> u64 {
        self.0 ^= self.0 << 13;
        self.0 ^= self.0 >> 7;
        self.0 ^= self.0 << 17;
        self.0
    }

    /// A number, give or take so many percent.
    pub(super) fn about(&mut self, number: u64, percent: u64) -> u64 {
        number * (100 - percent + self.next() % (2 * percent + 1)) / 100
    }
}

/// What a program does in some milliseconds, under a policy: it moves the counters.
pub(super) trait Program {
    fn run(&mut self, policy: &Policy, ms: u64, seen: &mut Counters);
}

impl<F: FnMut(&Policy, u64, &mut Counters)> Program for F {
    fn run(&mut self, policy: &Policy, ms: u64, seen: &mut Counters) {
        self(policy, ms, seen);
    }
}

/// A learner, what it sees, and what it noted when.
pub(super) struct Simulator {
    pub(super) state: State,
    pub(super) seen: Counters,
    pub(super) now: u64,
    pub(super) last: Decisions,
    pub(super) notes: Vec<(u64, Note)>,
}

impl Simulator {
    pub(super) fn new(policy: &Policy, start: Start) -> Self {
        let mut state = State::new();
        state.begin(policy, start);
        let seen = Counters { caches: 1, active: 1, ..Counters::ZERO };
        let last = step(&mut state, &seen, 0);
        Self { state, seen, now: 0, last, notes: Vec::new() }
    }

    pub(super) fn learning() -> Self {
        Self::new(&Policy::DEFAULT, Start::default())
    }

    /// Runs the program until the next step is due, and makes it.
    pub(super) fn step(&mut self, program: &mut impl Program) {
        let ms = u64::from(self.last.pause);
        program.run(&self.last.policy, ms, &mut self.seen);
        self.now += ms;
        self.last = step(&mut self.state, &self.seen, self.now);
        let notes = self.last.notes.iter().map_while(|note| *note);
        self.notes.extend(notes.map(|note| (self.now, note)));
    }

    pub(super) fn steps(&mut self, steps: usize, program: &mut impl Program) {
        for _ in 0..steps {
            self.step(program);
        }
    }

    /// Steps until so many milliseconds have passed.
    pub(super) fn run(&mut self, ms: u64, program: &mut impl Program) {
        let end = self.now + ms;
        while self.now < end {
            self.step(program);
        }
    }

    pub(super) fn changes(&self, lever: Lever) -> Vec<(u64, Change)> {
        let change = |(at, note): &(u64, Note)| match note {
            Note::Changed(change) if change.lever == lever => Some((*at, *change)),
            _ => None,
        };
        self.notes.iter().filter_map(change).collect()
    }

    pub(super) fn verdicts(&self, lever: Lever) -> Vec<Verdict> {
        let verdict = |(_, note): &(u64, Note)| match note {
            Note::Settled(verdict) if verdict.lever == lever => Some(*verdict),
            _ => None,
        };
        self.notes.iter().filter_map(verdict).collect()
    }
}

/// One busy CPU's time.
pub(super) fn busy(ms: u64, seen: &mut Counters) {
    seen.user += ms * 900;
    seen.system += ms * 100;
}

/// A class's trips: so many a second where its lists have the default length.
pub(super) struct Trips {
    pub(super) class: usize,
    pub(super) a_second: u64,
    /// Whether lists of twice the length halve them.
    pub(super) react: bool,
    /// Percent by which they differ from tick to tick.
    pub(super) noise: u64,
    pub(super) random: Random,
}

impl Trips {
    pub(super) fn new(class: usize, a_second: u64, react: bool) -> Self {
        Self { class, a_second, react, noise: 0, random: Random::new(class as u64 + 7) }
    }

    pub(super) fn noisy(self, noise: u64) -> Self {
        Self { noise, ..self }
    }
}

impl Program for Trips {
    fn run(&mut self, policy: &Policy, ms: u64, seen: &mut Counters) {
        let blocks = u64::from(policy.lists[self.class]);
        let default = u64::from(Policy::DEFAULT.lists[self.class]).max(1);
        let part = if self.react { (default, blocks.max(1)) } else { (1, 1) };
        let trips = self.random.about(self.a_second, self.noise) * ms / 1000 * part.0 / part.1;
        let class = &mut seen.classes[self.class];
        class.refills += trips / 2;
        class.spills += trips - trips / 2;
        class.moved += 32 * trips;
    }
}

/// A program whose memory swings between two sizes, half a period each, beside a decay that gives back what
/// lay free for two rounds.
pub(super) struct Swing {
    pub(super) period: u64,
    pub(super) low: u64,
    pub(super) high: u64,
    at: u64,
    freed_at: u64,
    free: u64,
    gone: u64,
    is_high: bool,
}

impl Swing {
    pub(super) fn new(period: u64, low: u64, high: u64) -> Self {
        Self { period, low, high, at: 0, freed_at: 0, free: 0, gone: 0, is_high: true }
    }
}

impl Program for Swing {
    fn run(&mut self, policy: &Policy, ms: u64, seen: &mut Counters) {
        // By the mean of the stretch, or a look would see but one moment of it.
        let (mut free, mut in_use, mut parts) = (0, 0, 0);
        let end = self.at + ms;
        while self.at < end {
            self.at += 5.min(end - self.at);
            let was_high = self.is_high;
            self.is_high = self.at / (self.period / 2) % 2 == 0;
            if was_high && !self.is_high {
                self.free = self.high - self.low - self.gone;
                self.freed_at = self.at;
            } else if !was_high && self.is_high {
                seen.missed += self.gone;
                self.gone = 0;
                self.free = 0;
            }
            if self.free > 0 && self.at - self.freed_at > 2 * u64::from(policy.decay) {
                seen.decayed += self.free;
                self.gone += self.free;
                self.free = 0;
            }
            free += self.free;
            in_use += if self.is_high { self.high } else { self.low };
            parts += 1;
        }
        seen.free = free / parts;
        seen.in_use = in_use / parts;
        seen.mapped = self.high;
        busy(ms, seen);
    }
}
