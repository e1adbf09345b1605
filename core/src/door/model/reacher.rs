//! The reacher: passes as `reach.rs` makes them.

use super::{
    BEHIND, BUSY, GARBAGE, GATE, Gate, HEAD, NOTED_HEAD, NOTED_NEXT, ROOM, Rules, SERVES, State,
    Step, TAG, Without, Word, link, set,
};
use std::vec::Vec;

/// What the reacher does next.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub(super) enum Reacher {
    Outside,
    CloseTag,
    CloseServes,
    Fence,
    LookForOwner,
    ReopenTag,
    ReopenServes,
    ReopenGate,
    ReadHead,
    ReadLink(i8),
    FenceAgain { head: i8, next: i8 },
    ReadHeadAgain { head: i8, next: i8 },
    ReadLinkAgain { head: i8, next: i8 },
    Count { head: i8, next: i8 },
    Take { head: i8, next: i8, most: i8 },
    LetOwnerOn { next: i8, most: i8 },
    Walk { at: i8, most: i8 },
}

impl Reacher {
    /// Words that the next step reads or writes.
    pub(super) fn touches(self) -> Vec<Word> {
        match self {
            Self::Outside | Self::ReopenGate | Self::LetOwnerOn { .. } => Vec::from([GATE]),
            Self::CloseTag | Self::ReopenTag => Vec::from([TAG]),
            Self::CloseServes | Self::ReopenServes => Vec::from([SERVES]),
            Self::LookForOwner => Vec::from([BUSY]),
            Self::ReadHead | Self::ReadHeadAgain { .. } => Vec::from([HEAD]),
            Self::ReadLink(at) | Self::ReadLinkAgain { head: at, .. } | Self::Walk { at, .. } => {
                link(at).into_iter().collect()
            }
            Self::Count { .. } => Vec::from([ROOM]),
            Self::Take { .. } => Vec::from([NOTED_HEAD, NOTED_NEXT, BEHIND]),
            Self::Fence | Self::FenceAgain { .. } => Vec::new(),
        }
    }
}

/// No list is taken.
const LEFT_ALONE: Reacher = Reacher::Take { head: 0, next: 0, most: 0 };

impl State {
    pub(super) fn steps_of_reacher(&self, rules: &Rules, next: &mut Vec<Self>) -> Step<()> {
        if self.is_alone() {
            return Ok(());
        }
        // A fence that fails.
        match self.reacher {
            Reacher::Fence => next.push(Self { reacher: Reacher::ReopenTag, ..self.clone() }),
            Reacher::FenceAgain { .. } => next.push(Self { reacher: LEFT_ALONE, ..self.clone() }),
            _ => {}
        }
        let mut state = self.clone();
        state.reach_on(rules)?;
        next.push(state);
        Ok(())
    }

    fn reach_on(&mut self, rules: &Rules) -> Step<()> {
        self.reacher = match self.reacher {
            Reacher::Outside if self.memory[GATE] != Gate::Open as i8 => self.pass_is_over(),
            Reacher::Outside => self.put(GATE, Gate::Shut as i8, Reacher::CloseTag),
            Reacher::CloseTag => self.put(TAG, 0, Reacher::CloseServes),
            Reacher::CloseServes => self.put(SERVES, 0, Reacher::Fence),
            Reacher::Fence => {
                if rules.has(Without::FirstFence) {
                    self.fence();
                }
                Reacher::LookForOwner
            }
            Reacher::LookForOwner if self.memory[BUSY] != 0 && rules.has(Without::BusyCheck) => {
                Reacher::ReopenTag
            }
            Reacher::LookForOwner => Reacher::ReadHead,
            Reacher::ReopenTag => self.put(TAG, 1, Reacher::ReopenServes),
            Reacher::ReopenServes => self.put(SERVES, 1, Reacher::ReopenGate),
            Reacher::ReopenGate => {
                self.memory[GATE] = Gate::Open as i8;
                self.pass_is_over()
            }

            Reacher::ReadHead => match self.memory[HEAD] {
                0 => LEFT_ALONE,
                head => Reacher::ReadLink(head),
            },
            Reacher::ReadLink(head) => match self.memory[link(head)?] {
                next if rules.has(Without::SecondLook) => Reacher::FenceAgain { head, next },
                next => Reacher::Count { head, next },
            },
            Reacher::FenceAgain { head, next } => {
                if rules.has(Without::SecondFence) {
                    self.fence();
                }
                Reacher::ReadHeadAgain { head, next }
            }
            Reacher::ReadHeadAgain { head, next } => match self.memory[HEAD] == head {
                true if rules.has(Without::SecondLink) => Reacher::ReadLinkAgain { head, next },
                true => Reacher::Count { head, next },
                false => LEFT_ALONE,
            },
            Reacher::ReadLinkAgain { head, next } => match self.memory[link(head)?] == next {
                true => Reacher::Count { head, next },
                false => LEFT_ALONE,
            },
            Reacher::Count { next: 0, .. } => LEFT_ALONE,
            Reacher::Count { next: GARBAGE, .. } => {
                return Err("the reacher follows what a user wrote");
            }
            Reacher::Count { head, next } => {
                let most = (rules.limit - self.memory[ROOM]).max(0) + 1;
                Reacher::Take { head, next, most }
            }

            Reacher::Take { head, next, most } => {
                // The owner looks at none of these before it is let on.
                (self.memory[NOTED_HEAD], self.memory[NOTED_NEXT]) = (head, next);
                self.send_home(self.memory[BEHIND])?;
                let keeps = rules.has(Without::LeavingTheHead) || head == 0;
                let next = if keeps { next } else { head };
                self.put(BEHIND, 0, Reacher::LetOwnerOn { next, most })
            }
            Reacher::LetOwnerOn { next, most } => {
                self.put(GATE, Gate::Emptied as i8, Reacher::Walk { at: next, most })
            }
            Reacher::Walk { at: 0, .. } => self.pass_is_over(),
            Reacher::Walk { most: 0, .. } => return Err("more was taken than was counted"),
            Reacher::Walk { at, most } => {
                let next = self.memory[link(at)?];
                self.send_home(set(at))?;
                Reacher::Walk { at: next, most: most - 1 }
            }
        };
        Ok(())
    }

    /// Writes a word as the reacher does.
    fn put(&mut self, word: Word, value: i8, next: Reacher) -> Reacher {
        self.memory[word] = value;
        next
    }

    fn pass_is_over(&mut self) -> Reacher {
        self.passes -= 1;
        Reacher::Outside
    }
}
