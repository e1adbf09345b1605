//! What the learner answers: a policy, and why.

use crate::policy::Policy;

/// Where the learner stands.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
#[repr(u8)]
pub enum Phase {
    /// It watches, and looks for what to change.
    #[default]
    Learn = 0,
    /// A change is being tried.
    Canary = 1,
    /// Nothing was worth a change for a while: stable until the program's profile drifts.
    Frozen = 2,
}

/// What a change moves.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[repr(u8)]
pub enum Lever {
    /// `Policy::lists`, of one class.
    List = 0,
    /// `Policy::sharers`.
    Sharers = 1,
    /// `Policy::decay`.
    Decay = 2,
    /// `Policy::fresh`.
    Fresh = 3,
}

impl Lever {
    /// Each of them.
    pub const ALL: [Self; 4] = [Self::List, Self::Sharers, Self::Decay, Self::Fresh];

    /// What a note calls it: what it moves.
    pub const fn name(self) -> &'static str {
        match self {
            Self::List => "list",
            Self::Sharers => "sharers",
            Self::Decay => "decay",
            Self::Fresh => "fresh",
        }
    }

    /// What it is called as a whole, as among the numbers of a policy: it moves the lists of all classes.
    pub const fn whole(self) -> &'static str {
        match self {
            Self::List => "lists",
            _ => self.name(),
        }
    }
}

/// Why.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[repr(u8)]
pub enum Reason {
    /// It saves more time than its memory is worth.
    Gain = 0,
    /// Its memory is worth more than the time it saves.
    Memory = 1,
    /// It was tried and did not keep its promise.
    Undone = 2,
    /// It is tried because it was tried seldom.
    Explore = 3,
    /// What it answers to came, or went.
    Follow = 4,
    /// It was tried while other things changed, or not for long enough: what it did says nothing.
    Unclear = 5,
}

/// A number of the policy that is changed now.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Change {
    /// What is moved.
    pub lever: Lever,
    /// The class, where it is one class's.
    pub class: Option<u8>,
    /// What the number was, and is from now on.
    pub from: u32,
    /// See `from`.
    pub to: u32,
    /// Why.
    pub reason: Reason,
    /// What it is expected to save, in millionths: of the process's time plus of the memory in use.
    /// Below zero: it costs.
    pub expected: i32,
}

/// How a change did that was tried.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Verdict {
    /// What was moved.
    pub lever: Lever,
    /// The class, where it is one class's.
    pub class: Option<u8>,
    /// What it was expected to save, as in [`Change`].
    pub expected: i32,
    /// What it saved.
    pub realised: i32,
    /// Whether it stays.
    pub stays: bool,
}

/// One entry of the record.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Note {
    /// Something is changed.
    Changed(Change),
    /// Something that was tried has shown its effect.
    Settled(Verdict),
}

/// What a step came to.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Decisions {
    /// What the heap is to work by from now on.
    pub policy: Policy,
    /// Where the learner stands.
    pub phase: Phase,
    /// What was decided, and what became of earlier decisions; the first `None` ends them.
    pub notes: [Option<Note>; Self::NOTES],
    /// Milliseconds until the next step is due, if the program does anything.
    pub pause: u32,
}

impl Decisions {
    /// Notes of one step, at most.
    pub const NOTES: usize = 8;
}
