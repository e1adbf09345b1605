//! The owner: hot calls as `cache.rs` has them, slow ones as `alloc.rs` and `free.rs`.

use super::{
    BEHIND, BUSY, GARBAGE, GATE, Gate, HEAD, NOTED_HEAD, NOTED_NEXT, Noted, Ordering, ROOM, Rules,
    SERVES, State, Step, TAG, Without, link, members, set,
};
use Ordering::{Relaxed, Release};
use std::vec::Vec;

#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub(super) enum Call {
    Pop,
    Push(i8),
}

/// What the owner does next.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub(super) enum Owner {
    /// Between two calls.
    Resting,

    ReadServes,
    ReadHead,
    ReadLink(i8),
    /// A head becomes the user's.
    WriteNext(i8, i8),
    /// The user was faster: see [`Without::HeadFirst`].
    WriteNextLate(i8, i8),
    CountPop(i8),

    ReadTag(i8),
    CountPush(i8),
    CompareHead(i8),
    WriteLink(i8, i8),
    WriteHead(i8),
    /// A link behind its head: see [`Without::LinkFirst`].
    WriteLinkLate(i8, i8),
    Regret(i8),

    Enter(Call),
    AtGate(Call),
    Look(Call),
    Act {
        call: Call,
        head: i8,
        behind: i8,
    },
    Leave,
}

impl State {
    pub(super) fn steps_of_owner(&self, rules: &Rules, next: &mut Vec<Self>) -> Step<()> {
        if self.owner != Owner::Resting {
            let mut state = self.clone();
            state.go_on(rules)?;
            if state != *self {
                next.push(state);
            }
            return Ok(());
        }
        for block in members(self.user) {
            if self.read(link(block)?) != GARBAGE {
                let mut state = self.clone();
                state.write(link(block)?, GARBAGE, Relaxed);
                next.push(state);
            }
        }
        if self.calls > 0 {
            let called = Self { calls: self.calls - 1, ..self.clone() };
            next.push(Self { owner: Owner::ReadServes, ..called.clone() });
            next.extend(members(self.user).map(|block| {
                // Given up, from here on.
                let user = self.user & !set(block);
                Self { owner: Owner::ReadTag(block), user, ..called.clone() }
            }));
        }
        Ok(())
    }

    fn go_on(&mut self, rules: &Rules) -> Step<()> {
        self.owner = match self.owner {
            Owner::Resting => Owner::Resting,

            Owner::ReadServes if self.read(SERVES) == 0 => Owner::Enter(Call::Pop),
            Owner::ReadServes => Owner::ReadHead,
            Owner::ReadHead => match self.read(HEAD) {
                0 => Owner::Enter(Call::Pop),
                head => Owner::ReadLink(head),
            },
            Owner::ReadLink(head) => Owner::WriteNext(head, self.read(link(head)?)),
            Owner::WriteNext(head, next) if !rules.has(Without::HeadFirst) => {
                self.write(link(head)?, GARBAGE, Relaxed);
                Owner::WriteNextLate(head, next)
            }
            Owner::WriteNext(head, next) | Owner::WriteNextLate(head, next) => {
                self.write(HEAD, next, Relaxed);
                Owner::CountPop(head)
            }
            Owner::CountPop(head) => {
                self.count(1);
                self.hand_out(head)?;
                Owner::Resting
            }

            Owner::ReadTag(block) if self.read(TAG) == 0 => Owner::Enter(Call::Push(block)),
            Owner::ReadTag(block) => Owner::CountPush(block),
            Owner::CountPush(block) => {
                self.count(-1);
                if self.read(ROOM) < 0 { Owner::Regret(block) } else { Owner::CompareHead(block) }
            }
            Owner::CompareHead(block) => match self.read(HEAD) {
                head if head == block => return Err("a block is pushed that is the head"),
                head if rules.has(Without::LinkFirst) => Owner::WriteLink(block, head),
                head => Owner::WriteLinkLate(block, head),
            },
            Owner::WriteLink(block, head) => {
                self.write(link(block)?, head, Relaxed);
                Owner::WriteHead(block)
            }
            Owner::WriteHead(block) => {
                self.write(HEAD, block, Relaxed);
                Owner::Resting
            }
            Owner::WriteLinkLate(block, head) => {
                if self.read(HEAD) != block {
                    self.write(HEAD, block, Relaxed);
                    Owner::WriteLinkLate(block, head)
                } else {
                    self.write(link(block)?, head, Relaxed);
                    Owner::Resting
                }
            }
            Owner::Regret(block) => {
                self.count(1);
                Owner::Enter(Call::Push(block))
            }

            Owner::Enter(call) => {
                self.write(BUSY, 1, Relaxed);
                Owner::AtGate(call)
            }
            Owner::AtGate(call) => match self.read(GATE) {
                gate if gate == Gate::Shut as i8 => Owner::AtGate(call),
                gate if gate == Gate::Emptied as i8 => {
                    self.repair(rules)?;
                    Owner::Look(call)
                }
                _ => Owner::Look(call),
            },
            Owner::Look(call) => {
                let (head, behind) = (self.read(HEAD), self.read(BEHIND));
                Owner::Act { call, head, behind }
            }
            Owner::Act { call: Call::Pop, head, behind } => {
                self.pop_slowly(rules, head, behind)?;
                Owner::Leave
            }
            Owner::Act { call: Call::Push(block), head, behind } => {
                self.push_slowly(rules, block, head, behind)?;
                Owner::Leave
            }
            Owner::Leave => {
                self.write(BUSY, 0, Release);
                Owner::Resting
            }
        };
        Ok(())
    }

    fn count(&mut self, by: i8) {
        self.write(ROOM, self.read(ROOM) + by, Relaxed);
    }

    fn hand_out(&mut self, block: i8) -> Step<()> {
        if self.user & set(block) != 0 {
            return Err("a block was handed out twice");
        }
        self.user |= set(block);
        Ok(())
    }

    /// Takes the head; of an empty list what is behind, the rest of which becomes the list.
    fn pop_slowly(&mut self, rules: &Rules, head: i8, behind: i8) -> Step<()> {
        if head != 0 {
            self.write(HEAD, self.read(link(head)?), Relaxed);
            self.count(1);
            return self.hand_out(head);
        }
        let Some(block) = members(behind).next() else { return Ok(()) };
        let rest = behind & !set(block);
        self.write(BEHIND, 0, Relaxed);
        let mut first = 0;
        for block in members(rest) {
            self.write(link(block)?, first, Relaxed);
            first = block;
        }
        self.write(HEAD, first, Relaxed);
        self.write(ROOM, rules.limit - rest.count_ones() as i8, Relaxed);
        self.hand_out(block)
    }

    /// Pushes; a full list goes behind before.
    fn push_slowly(&mut self, rules: &Rules, block: i8, head: i8, behind: i8) -> Step<()> {
        let mut head = head;
        if self.read(ROOM) <= 0 {
            let listed = self.listed()?;
            if behind & listed != 0 {
                return Err("a block goes behind twice");
            }
            self.write(BEHIND, behind | listed, Relaxed);
            self.write(ROOM, rules.limit, Relaxed);
            head = 0;
        }
        self.write(link(block)?, head, Relaxed);
        self.write(HEAD, block, Relaxed);
        self.count(-1);
        Ok(())
    }

    /// What the owner does where it finds its cache emptied. The reacher keeps out meanwhile.
    pub(super) fn repair(&mut self, rules: &Rules) -> Step<()> {
        let noted = Noted {
            head: self.read(NOTED_HEAD).try_into().unwrap_or(0),
            next: self.read(NOTED_NEXT).try_into().unwrap_or(0),
        };
        if noted.head != 0 && rules.has(Without::Repair) {
            let head = self.read(HEAD);
            let mut kept = noted.left(head.try_into().unwrap_or(0));
            if kept == 2 && !rules.has(Without::Another) {
                kept = 0;
            }
            match kept {
                0 => self.write(HEAD, 0, Relaxed),
                1 => self.write(link(head)?, 0, Relaxed),
                _ => self.write(link(self.read(link(head)?))?, 0, Relaxed),
            }
            self.write(ROOM, rules.limit - kept as i8, Relaxed);
        }
        self.write(NOTED_HEAD, 0, Relaxed);
        self.write(TAG, 1, Relaxed);
        self.write(SERVES, 1, Relaxed);
        self.write(GATE, Gate::Open as i8, Release);
        Ok(())
    }
}
