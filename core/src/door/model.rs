//! An exhaustive search of the handshake at a door. Loom cannot do it: the owner has no fence of its
//! own, it is made to pass one.
//!
//! An abstract machine of one owner, one reacher and one class. The search tries every order of
//! their steps, each at most one read or one write of a shared word, and of the steps by which the
//! owner's writes reach the memory. It remembers where it has been.
//!
//! | modelled | how |
//! |---|---|
//! | door, hot list, notes | word by word |
//! | what stands behind | a set of blocks in one word |
//! | the owner | some calls, each a pop or a push of a block that it holds; slow ways as `enter`, look, act, `leave` |
//! | its user | overwrites the links of blocks that it holds, at any time between calls |
//! | the owner's writes | wait in a buffer: they get out in order ([`Machine::Ordered`]), or in any but that of one word, with releases last ([`Machine::Weak`]) |
//! | the reacher | passes as `reach_in` makes them, fences that may fail, and the walk home |
//!
//! Not modelled: several classes, owners or reachers (the ring's lock keeps reachers apart); reads
//! that pass earlier ones, beyond that the owner may halt between any two; the reacher's own buffer,
//! which each fence and the release of the gate empty; ends and starts of a cache; the length of the
//! buffer beyond [`BUFFERED`] at a step's begin; memory that is unmapped (who closes a superslab waits
//! for the ring's lock).
//!
//! The teeth: each part of the handshake can be left out ([`Without`]), and must then be missed.

use super::{Gate, Noted};
use crate::sync::Ordering;
use std::collections::HashSet;
use std::vec::Vec;

mod owner;
mod reacher;

use owner::Owner;
use reacher::Reacher;

/// Blocks are 1 to this; 0 is none.
const BLOCKS: usize = 4;

/// What a user writes where the link was.
const GARBAGE: i8 = 99;

/// Writes that the owner's buffer holds before a call has to wait.
const BUFFERED: usize = 5;

/// A shared word: one of the names, or a link.
type Word = usize;

const SERVES: Word = 0;
const TAG: Word = 1;
const GATE: Word = 2;
const BUSY: Word = 3;
const HEAD: Word = 4;
const ROOM: Word = 5;
const NOTED_HEAD: Word = 6;
const NOTED_NEXT: Word = 7;
const BEHIND: Word = 8;
const LINKS: Word = 9;
const WORDS: usize = LINKS + BLOCKS;

/// A step, or what is wrong with the state that it leads to.
type Step<T> = Result<T, &'static str>;

/// The link of a block.
fn link(block: i8) -> Step<Word> {
    match usize::try_from(block) {
        Ok(number) if (1..=BLOCKS).contains(&number) => Ok(LINKS + number - 1),
        _ => Err("a link was followed that leads to no block"),
    }
}

/// A set of one block.
fn set(block: i8) -> i8 {
    if block == 0 { 0 } else { 1 << (block - 1) }
}

/// The blocks of a set.
fn members(set_of: i8) -> impl Iterator<Item = i8> {
    (1..=BLOCKS as i8).filter(move |&block| set_of & set(block) != 0)
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Machine {
    /// Writes get out in order, as on x86-64.
    Ordered,
    /// They do not, as on aarch64.
    Weak,
}

/// What is left out.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Without {
    Nothing,
    FirstFence,
    BusyCheck,
    /// Neither the second fence nor what follows it.
    SecondLook,
    SecondFence,
    /// The head is read once more, its link is not.
    SecondLink,
    /// The head is left.
    LeavingTheHead,
    Repair,
    /// A head that was not noted means an empty list.
    Another,
    /// Links are written before the head that makes them reachable.
    LinkFirst,
    /// A popped block leaves the list before its user has it.
    HeadFirst,
}

/// What a search is about.
#[derive(Clone, Copy)]
struct Rules {
    machine: Machine,
    without: Without,
    limit: i8,
}

impl Rules {
    fn has(&self, part: Without) -> bool {
        self.without != part
    }
}

/// A write of the owner on its way.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
struct Write {
    word: Word,
    value: i8,
    release: bool,
}

#[derive(Clone, Debug, PartialEq, Eq, Hash)]
struct State {
    memory: [i8; WORDS],
    buffer: Vec<Write>,
    owner: Owner,
    /// Calls that the owner may yet make.
    calls: u8,
    /// Blocks that the user holds.
    user: i8,
    reacher: Reacher,
    /// Passes that the reacher has yet to make.
    passes: u8,
    /// Blocks that went home.
    home: i8,
}

impl State {
    /// A hot list of so many blocks, the last behind it, and those between with the user.
    fn new(rules: &Rules, listed: i8, calls: u8, passes: u8) -> Self {
        let mut memory = [0; WORDS];
        (memory[SERVES], memory[TAG], memory[GATE]) = (1, 1, Gate::Open as i8);
        for block in 1..listed {
            memory[LINKS + block as usize - 1] = block + 1;
        }
        memory[HEAD] = listed.min(1);
        memory[ROOM] = rules.limit - listed;
        let last = BLOCKS as i8;
        memory[BEHIND] = if listed < last { set(last) } else { 0 };
        let user = (listed + 1..last).map(set).sum();
        for block in members(user) {
            memory[LINKS + block as usize - 1] = GARBAGE;
        }
        let (owner, reacher) = (Owner::Resting, Reacher::Outside);
        Self { memory, buffer: Vec::new(), owner, calls, user, reacher, passes, home: 0 }
    }

    /// Reads a word as the owner does, which sees its own writes.
    fn read(&self, word: Word) -> i8 {
        let own = self.buffer.iter().rev().find(|write| write.word == word);
        own.map_or(self.memory[word], |write| write.value)
    }

    /// Writes a word as the owner does.
    fn write(&mut self, word: Word, value: i8, order: Ordering) {
        self.buffer.push(Write { word, value, release: order == Ordering::Release });
    }

    /// Lets a write of the owner out.
    fn let_out(&mut self, at: usize) {
        let Write { word, value, .. } = self.buffer.remove(at);
        self.memory[word] = value;
    }

    /// The owner passes a full fence.
    fn fence(&mut self) {
        while !self.buffer.is_empty() {
            self.let_out(0);
        }
    }

    /// Writes that may get out next. Nobody can tell when one does, but who touches that word: so they
    /// wait until the reacher is about to, or there is no room for more.
    fn ready(&self, machine: Machine) -> impl Iterator<Item = usize> {
        let touched = self.reacher.touches();
        let is_due = move |write: &Write| touched.contains(&write.word);
        let is_full = self.buffer.len() >= BUFFERED;
        (0..self.buffer.len()).filter(move |&at| {
            let (before, rest) = self.buffer.split_at(at);
            if machine == Machine::Ordered || is_full {
                return at == 0 && (is_full || rest.iter().any(&is_due));
            }
            let Write { word, release, .. } = rest[0];
            let may = at == 0 || !release && before.iter().all(|earlier| earlier.word != word);
            may && (is_due(&rest[0]) || rest.iter().any(|later| later.release && is_due(later)))
        })
    }

    /// The blocks of the hot list as the owner sees them.
    fn listed(&self) -> Step<i8> {
        let (mut at, mut found) = (self.read(HEAD), 0);
        while at != 0 {
            let next = self.read(link(at)?);
            if found & set(at) != 0 {
                return Err("the list is a circle");
            }
            found |= set(at);
            at = next;
        }
        Ok(found)
    }

    fn send_home(&mut self, blocks: i8) -> Step<()> {
        if self.home & blocks != 0 {
            return Err("a block went home twice");
        }
        self.home |= blocks;
        Ok(())
    }

    fn is_over(&self) -> bool {
        self.owner == Owner::Resting && self.calls == 0 && self.is_alone()
    }

    /// Whether no reacher will come any more.
    fn is_alone(&self) -> bool {
        self.reacher == Reacher::Outside && self.passes == 0
    }

    /// Looks for what must never be.
    fn check(&self, rules: &Rules) -> Step<()> {
        let behind = self.read(BEHIND);
        if self.user & self.home | self.user & behind | self.home & behind != 0 {
            return Err("a block is in two places");
        }
        if self.owner == Owner::Resting && self.read(GATE) == Gate::Open as i8 {
            let listed = self.listed()?;
            if listed & (self.user | self.home | behind) != 0 {
                return Err("a block is in the list and elsewhere");
            }
            if self.read(ROOM) != rules.limit - listed.count_ones() as i8 {
                return Err("the room is not what the list leaves");
            }
        }
        if self.is_over() {
            return self.check_end(rules);
        }
        Ok(())
    }

    /// Every block is in one place at the end, once the owner came by the gate.
    fn check_end(&self, rules: &Rules) -> Step<()> {
        let mut end = self.clone();
        match end.read(GATE) {
            gate if gate == Gate::Shut as i8 => return Err("the gate stays shut"),
            gate if gate == Gate::Emptied as i8 => end.repair(rules)?,
            _ => {}
        }
        let parts = [end.user, end.home, end.read(BEHIND), end.listed()?];
        let held = parts.iter().map(|part| part.count_ones()).sum::<u32>();
        if held as usize != BLOCKS || parts.iter().fold(0, |all, part| all | part) != 0b1111 {
            return Err("a block was lost or is in two places");
        }
        Ok(())
    }

    /// Every state that one step leads to.
    fn steps(&self, rules: &Rules) -> Step<Vec<Self>> {
        let mut next = Vec::new();
        for at in self.ready(rules.machine) {
            let mut state = self.clone();
            state.let_out(at);
            next.push(state);
        }
        if self.buffer.len() < BUFFERED {
            self.steps_of_owner(rules, &mut next)?;
        }
        self.steps_of_reacher(rules, &mut next)?;
        for state in next.iter_mut().filter(|state| state.is_alone()) {
            // Nobody watches.
            state.fence();
        }
        Ok(next)
    }
}

/// Goes to every state. Answers their number.
fn search(rules: &Rules, start: State) -> Step<usize> {
    let mut seen = HashSet::from([start.clone()]);
    let mut open = Vec::from([start]);
    while let Some(state) = open.pop() {
        let next = state.steps(rules)?;
        if next.is_empty() && !state.is_over() {
            return Err("the owner waits for ever");
        }
        for state in next {
            state.check(rules)?;
            if seen.insert(state.clone()) {
                open.push(state);
            }
        }
    }
    Ok(seen.len())
}

/// Searches from every start, and answers the states it went to.
fn search_all(machine: Machine, without: Without, calls: u8, passes: u8) -> Step<usize> {
    let mut states = 0;
    for limit in [2, 3] {
        let rules = Rules { machine, without, limit };
        for listed in 0..=limit {
            states += search(&rules, State::new(&rules, listed, calls, passes))?;
        }
    }
    Ok(states)
}

#[test]
fn handshake_loses_nothing() {
    for (machine, calls, passes) in [(Machine::Ordered, 3, 2), (Machine::Weak, 3, 1)] {
        let states = search_all(machine, Without::Nothing, calls, passes);
        // Fewer, and the machine stands still somewhere.
        assert!(states.is_ok_and(|states| states > 100_000), "{machine:?}: {states:?}");
    }
}

#[test]
fn every_part_is_needed() {
    let ordered = [
        Without::FirstFence,
        Without::BusyCheck,
        Without::SecondLook,
        Without::LeavingTheHead,
        Without::Repair,
        Without::Another,
        Without::LinkFirst,
        Without::HeadFirst,
    ];
    let weak = [Without::SecondFence, Without::SecondLink];
    let ordered = ordered.map(|without| (Machine::Ordered, without));
    for (machine, without) in ordered.into_iter().chain(weak.map(|part| (Machine::Weak, part))) {
        let found = search_all(machine, without, 3, 1);
        assert!(found.is_err(), "{machine:?} without {without:?} passed");
    }
}
