//! The record: what the learner saw and did, as lines of JSON.
//!
//! A [`Header`], then one [`Line`] a step, each without the newline. A line holds all that its step was
//! given and all that came of it, so whoever begins a [`State`](super::State) by the header and steps it by
//! the lines finds the same notes, phase, policy and pause in each.
//!
//! ```text
//! {"hakmem":"learn","version":1,"classes":[8,16,…],"start":"on","settled":false,"fixed":["decay"],
//!  "policy":{"lists":[64,64,…],"growth":32768,…,"fresh":"plain"}}
//! {"t":100,"seen":{"classes":[[3,120,80,6400]],"mapped":…,"huge":true},"phase":"canary",
//!  "notes":[{"changed":"list","class":48,"from":64,"to":128,"reason":"gain","expected":120}],
//!  "policy":{"lists":[[3,128]]},"pause":100}
//! ```
//! Of classes and of the policy a line holds what differs from the line before it; the first line's
//! counters, from nothing, and its policy, from the header's.

use super::{Change, Counters, Decisions, Lever, Note, Phase, Reason, Start, Verdict};
use crate::class::{CLASSES, size_at};
use crate::policy::Policy;
use core::fmt::{self, Display, Formatter};

/// The version of the record's form.
const VERSION: u32 = 1;

/// The first line: what the learner began with.
#[derive(Clone, Copy, Debug)]
pub struct Header<'a> {
    /// As given to [`State::begin`](super::State::begin).
    pub policy: &'a Policy,
    /// As given to [`State::begin`](super::State::begin).
    pub start: Start,
}

/// One step.
#[derive(Clone, Copy, Debug)]
pub struct Line<'a> {
    /// As given to [`step`](super::step).
    pub now: u64,
    /// As given to [`step`](super::step).
    pub seen: &'a Counters,
    /// What the line before says; [`Counters::ZERO`] for the first.
    pub seen_before: &'a Counters,
    /// What the step answered.
    pub decisions: &'a Decisions,
    /// What the line before says, or for the first the header.
    pub policy_before: &'a Policy,
}

impl Display for Header<'_> {
    fn fmt(&self, f: &mut Formatter<'_>) -> fmt::Result {
        write!(f, "{{\"hakmem\":\"learn\",\"version\":{VERSION},\"classes\":[")?;
        let between = Between::new();
        for class in 0..CLASSES {
            write!(f, "{between}{}", size_at(class))?;
        }
        let start = if self.start.freeze { "freeze" } else { "on" };
        write!(f, "],\"start\":\"{start}\",\"settled\":{},\"fixed\":[", self.start.settled)?;
        let between = Between::new();
        for lever in Lever::ALL.into_iter().filter(|lever| self.start.fixed.has(*lever)) {
            write!(f, "{between}\"{}\"", lever.whole())?;
        }
        f.write_str("],\"policy\":{\"lists\":[")?;
        let between = Between::new();
        for blocks in self.policy.lists {
            write!(f, "{between}{blocks}")?;
        }
        f.write_str("]")?;
        for (name, number) in numbers(self.policy) {
            write!(f, ",\"{name}\":{number}")?;
        }
        write!(f, ",\"fresh\":\"{}\"}}}}", self.policy.fresh.name())
    }
}

impl Display for Line<'_> {
    fn fmt(&self, f: &mut Formatter<'_>) -> fmt::Result {
        write!(f, "{{\"t\":{},\"seen\":{{\"classes\":[", self.now)?;
        let between = Between::new();
        let pairs = self.seen.classes.iter().zip(&self.seen_before.classes);
        for (at, (class, _)) in pairs.enumerate().filter(|(_, (class, before))| class != before) {
            write!(f, "{between}[{at},{},{},{}]", class.refills, class.spills, class.moved)?;
        }
        f.write_str("]")?;
        for (name, number) in sums(self.seen) {
            write!(f, ",\"{name}\":{number}")?;
        }
        let phase = match self.decisions.phase {
            Phase::Learn => "learn",
            Phase::Canary => "canary",
            Phase::Frozen => "frozen",
        };
        write!(f, ",\"huge\":{}}},\"phase\":\"{phase}\",\"notes\":[", self.seen.huge)?;
        let between = Between::new();
        for note in self.decisions.notes.iter().map_while(Option::as_ref) {
            write!(f, "{between}")?;
            match note {
                Note::Changed(change) => changed(f, change)?,
                Note::Settled(verdict) => settled(f, verdict)?,
            }
        }
        f.write_str("],\"policy\":{")?;
        moved(f, self.policy_before, &self.decisions.policy)?;
        write!(f, "}},\"pause\":{}}}", self.decisions.pause)
    }
}

fn changed(f: &mut Formatter<'_>, change: &Change) -> fmt::Result {
    write!(f, "{{\"changed\":\"{}\"", change.lever.name())?;
    class(f, change.class)?;
    let reason = match change.reason {
        Reason::Gain => "gain",
        Reason::Memory => "memory",
        Reason::Undone => "undone",
        Reason::Unclear => "unclear",
        Reason::Explore => "explore",
        Reason::Follow => "follow",
    };
    let Change { from, to, expected, .. } = change;
    write!(f, ",\"from\":{from},\"to\":{to},\"reason\":\"{reason}\",\"expected\":{expected}}}")
}

fn settled(f: &mut Formatter<'_>, verdict: &Verdict) -> fmt::Result {
    write!(f, "{{\"settled\":\"{}\"", verdict.lever.name())?;
    class(f, verdict.class)?;
    let Verdict { expected, realised, stays, .. } = verdict;
    write!(f, ",\"expected\":{expected},\"realised\":{realised},\"stays\":{stays}}}")
}

/// The block size of a note's class, if it has one.
fn class(f: &mut Formatter<'_>, class: Option<u8>) -> fmt::Result {
    match class.map(usize::from).filter(|class| *class < CLASSES) {
        Some(class) => write!(f, ",\"class\":{}", size_at(class)),
        None => Ok(()),
    }
}

/// What differs between two policies.
fn moved(f: &mut Formatter<'_>, before: &Policy, policy: &Policy) -> fmt::Result {
    let between = Between::new();
    if before.lists != policy.lists {
        write!(f, "{between}\"lists\":[")?;
        let between = Between::new();
        let pairs = policy.lists.iter().zip(before.lists);
        for (at, (blocks, _)) in pairs.enumerate().filter(|(_, (blocks, before))| *blocks != before)
        {
            write!(f, "{between}[{at},{blocks}]")?;
        }
        f.write_str("]")?;
    }
    for ((name, number), (_, before)) in numbers(policy).into_iter().zip(numbers(before)) {
        if number != before {
            write!(f, "{between}\"{name}\":{number}")?;
        }
    }
    if before.fresh != policy.fresh {
        write!(f, "{between}\"fresh\":\"{}\"", policy.fresh.name())?;
    }
    Ok(())
}

fn numbers(policy: &Policy) -> [(&'static str, u32); 5] {
    let Policy { growth, sharers, batch, decay, kept, .. } = *policy;
    [("growth", growth), ("sharers", sharers), ("batch", batch), ("decay", decay), ("kept", kept)]
}

fn sums(seen: &Counters) -> [(&'static str, u64); 11] {
    [
        ("mapped", seen.mapped),
        ("in_use", seen.in_use),
        ("free", seen.free),
        ("caches", seen.caches.into()),
        ("active", seen.active.into()),
        ("grown", seen.grown),
        ("decayed", seen.decayed),
        ("missed", seen.missed),
        ("faults", seen.faults),
        ("user", seen.user),
        ("system", seen.system),
    ]
}

/// Nothing the first time that it is written, then a comma.
struct Between(core::cell::Cell<bool>);

impl Between {
    fn new() -> Self {
        Self(core::cell::Cell::new(false))
    }
}

impl Display for Between {
    fn fmt(&self, f: &mut Formatter<'_>) -> fmt::Result {
        f.write_str(if self.0.replace(true) { "," } else { "" })
    }
}
