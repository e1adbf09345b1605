//! What a learner begins with, beside a policy.

/// How a learner begins. All off: it learns, from a policy that nobody vouches for.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Start {
    /// It watches, and changes nothing.
    pub freeze: bool,
    /// The policy was learned before: it begins frozen, and learns once the program's profile drifts from
    /// what it is at first.
    pub settled: bool,
    /// What it leaves alone.
    pub fixed: Fixed,
}

impl Start {
    /// All off, as by default.
    pub const NEW: Self = Self {
        freeze: false,
        settled: false,
        fixed: Fixed { lists: false, sharers: false, decay: false, fresh: false },
    };
}

/// Levers that stay as they are.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Fixed {
    /// `Policy::lists`.
    pub lists: bool,
    /// `Policy::sharers`.
    pub sharers: bool,
    /// `Policy::decay`.
    pub decay: bool,
    /// `Policy::fresh`.
    pub fresh: bool,
}
