//! The learner's memory, and the order of what it does in a step.

use super::{Counters, Decisions, Phase, Start};
use crate::policy::{Fresh, Policy};

/// What a learner remembers. All-zero bytes when new, so a static one takes no room in the program's file.
#[derive(Clone, Debug)]
pub struct State {
    begun: bool,
    start: Start,
    policy: Policy,
}

/// No policy at all: what stands in an all-zero state.
const NO_POLICY: Policy = Policy {
    lists: [0; crate::class::CLASSES],
    growth: 0,
    sharers: 0,
    batch: 0,
    decay: 0,
    kept: 0,
    fresh: Fresh::Plain,
};

impl State {
    /// A learner that has seen nothing.
    pub const fn new() -> Self {
        Self {
            begun: false,
            start: Start {
                freeze: false,
                settled: false,
                fixed: super::Fixed { lists: false, sharers: false, decay: false, fresh: false },
            },
            policy: NO_POLICY,
        }
    }

    /// Begins, or begins anew, with the policy that the heap works by.
    pub fn begin(&mut self, policy: &Policy, start: Start) {
        *self = Self::new();
        self.begun = true;
        self.start = start;
        self.policy = policy.bounded();
    }
}

impl Default for State {
    fn default() -> Self {
        Self::new()
    }
}

/// One step: looks at what happened since the last one, and decides. `now` in milliseconds, from any
/// beginning.
pub fn step(state: &mut State, _seen: &Counters, _now: u64) -> Decisions {
    if !state.begun {
        state.begin(&Policy::DEFAULT, Start::default());
    }
    Decisions { policy: state.policy, phase: Phase::Learn, notes: [None; Decisions::NOTES], pause: 100 }
}
