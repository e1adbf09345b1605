//! The learner's memory, and the order of what it does in a step.

use super::cost::{self, Fault};
use super::decay::Decay;
use super::fresh::{FAST, Growth};
use super::life::{Life, SHORT};
use super::lists::{Lists, Scale};
use super::notes::Notes;
use super::sharers::Sharers;
use super::tick::Tick;
use super::{Counters, Decisions, Phase, Start};
use crate::policy::{Fresh, Policy};

/// What a learner remembers. All-zero bytes when new, so a static one takes no room in the program's file.
#[derive(Clone, Debug)]
pub struct State {
    begun: bool,
    /// Whether there is a look to compare the next one with.
    looked: bool,
    /// Whether it was frozen since it began.
    rested: bool,
    start: Start,
    policy: Policy,
    /// What was done to fresh memory at the beginning.
    fresh: Fresh,
    seen: Counters,
    /// When that was.
    then: u64,
    /// Milliseconds that were believed, all together: the learner's clock.
    clock: u64,
    fault: Fault,
    lists: Lists,
    sharers: Sharers,
    decay: Decay,
    growth: Growth,
    life: Life,
}

impl State {
    /// A learner that has seen nothing.
    pub const fn new() -> Self {
        Self {
            begun: false,
            looked: false,
            rested: false,
            start: Start::NEW,
            policy: Policy::ZERO,
            fresh: Fresh::Plain,
            seen: Counters::ZERO,
            then: 0,
            clock: 0,
            fault: Fault::new(),
            lists: Lists::new(),
            sharers: Sharers::new(),
            decay: Decay::new(),
            growth: Growth::new(),
            life: Life::new(),
        }
    }

    /// Begins, or begins anew, with the policy that the heap works by.
    pub fn begin(&mut self, policy: &Policy, start: Start) {
        *self = Self::new();
        self.begun = true;
        self.start = start;
        self.policy = policy.bounded();
        self.fresh = policy.fresh;
        self.life.pause = SHORT;
        if start.settled || start.freeze {
            self.life.settle();
        }
        self.rested = start.settled;
    }

    /// Whether it has come to rest since it began, or began at rest. What was learned until then is no
    /// policy to rest with at the next start.
    pub fn has_rested(&self) -> bool {
        self.rested
    }

    /// The policy without what passes: a change that is being tried, and what is done to fresh memory while
    /// the heap grows. What to begin with next time.
    pub fn lasting(&self) -> Policy {
        let mut policy = self.policy;
        policy.fresh = self.fresh;
        if let Some((class, from)) = self.lists.tried() {
            policy.lists[class] = from;
        }
        policy
    }

    /// Takes a look for the one to compare the next with.
    fn look(&mut self, seen: &Counters, now: u64) {
        self.looked = true;
        self.seen = *seen;
        self.then = now;
    }

    fn answer(&self, notes: Notes) -> Decisions {
        Decisions {
            policy: self.policy,
            phase: self.life.phase,
            notes: notes.into_array(),
            pause: self.life.pause.max(SHORT),
        }
    }

    /// Decides by a tick.
    fn decide(&mut self, seen: &Counters, tick: &Tick, notes: &mut Notes) {
        let fixed = self.start.fixed;
        if self.policy.fresh == Fresh::Plain {
            self.fault.learn(tick.faults, tick.system);
        }
        if !fixed.fresh {
            self.growth.follow(tick, seen.huge, &mut self.policy, notes);
        }
        if !fixed.sharers {
            self.sharers.follow(seen, &mut self.policy, notes);
        }
        if self.life.phase != Phase::Frozen {
            self.decay.learn(tick, self.fault);
        }
        if tick.is_busy() {
            self.decide_busy(seen, tick, notes);
        } else if self.lists.is_trying() {
            let scale = self.scale(seen);
            self.lists.watch(tick, &scale, &mut self.policy, notes);
        }
        if self.life.phase != Phase::Frozen {
            let is_trying = self.lists.is_trying();
            self.life.phase = if is_trying { Phase::Canary } else { Phase::Learn };
        }
        self.rested |= self.life.phase == Phase::Frozen;
    }

    /// What needs a tick in which the program did something.
    fn decide_busy(&mut self, seen: &Counters, tick: &Tick, notes: &mut Notes) {
        let fixed = self.start.fixed;
        self.lists.learn(tick);
        self.life.learn(tick, cost::time(self.fault.of(tick.missed), tick.cpu));
        if self.life.phase == Phase::Frozen {
            if self.life.watch(&self.lists, tick.ms) {
                self.lists.forget();
                self.decay.doubt();
            }
            return;
        }
        if !fixed.decay {
            self.decay.decide(&mut self.policy, notes);
        }
        let scale = self.scale(seen);
        self.lists.weigh(tick.ms, &scale, &self.policy);
        if self.lists.is_trying() {
            self.lists.watch(tick, &scale, &mut self.policy, notes);
        }
        if !fixed.lists && !self.lists.is_trying() && self.life.is_ready() {
            self.lists.decide(&scale, &mut self.policy, notes);
        }
        let is_waiting = !fixed.lists && (self.lists.is_trying() || self.lists.is_waiting());
        let is_finding_out = !fixed.decay && !self.decay.is_settled();
        let busy_with = notes.any_changed() || is_waiting || is_finding_out;
        self.life.rest(&self.lists, busy_with);
    }

    fn scale(&self, seen: &Counters) -> Scale {
        // Before the first round of decay nobody knows which are active.
        let active = if seen.active == 0 { seen.caches } else { seen.active };
        Scale {
            caches: active.min(seen.caches),
            in_use: self.life.in_use(),
            second: (self.clock / 1000).min(u32::MAX.into()) as u32,
        }
    }
}

impl Default for State {
    fn default() -> Self {
        Self::new()
    }
}

/// One step: looks at what happened since the last one, and decides. `now` in milliseconds, from any
/// beginning. Any counters and any clock are borne; steps may come sooner than
/// [asked for](Decisions::pause), and later.
pub fn step(state: &mut State, seen: &Counters, now: u64) -> Decisions {
    let mut notes = Notes::new();
    if !state.begun {
        state.begin(&Policy::DEFAULT, Start::NEW);
    }
    if state.looked && Tick::is_soon(state.then, now) {
        return state.answer(notes);
    }
    let tick = Tick::between(&state.seen, state.then, seen, now).filter(|_| state.looked);
    state.look(seen, now);
    if let Some(tick) = tick {
        if !state.start.freeze {
            state.clock = state.clock.saturating_add(tick.ms);
            state.decide(seen, &tick, &mut notes);
        }
        let is_moving = notes.any_changed() || tick.growth() >= FAST;
        state.life.set_pause(is_moving, !tick.is_busy());
    }
    state.answer(notes)
}
