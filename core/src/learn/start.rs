//! What a learner begins with, beside a policy.

use super::Lever;

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

impl Fixed {
    /// Whether a lever stays as it is.
    pub const fn has(&self, lever: Lever) -> bool {
        match lever {
            Lever::List => self.lists,
            Lever::Sharers => self.sharers,
            Lever::Decay => self.decay,
            Lever::Fresh => self.fresh,
        }
    }

    /// Adds the lever that is [called so as a whole](Lever::whole). `false`: there is none.
    pub fn add(&mut self, name: &[u8]) -> bool {
        let Some(lever) = Lever::ALL.into_iter().find(|lever| lever.whole().as_bytes() == name)
        else {
            return false;
        };
        *match lever {
            Lever::List => &mut self.lists,
            Lever::Sharers => &mut self.sharers,
            Lever::Decay => &mut self.decay,
            Lever::Fresh => &mut self.fresh,
        } = true;
        true
    }
}
