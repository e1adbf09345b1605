//! The lines of a log as they are written: one JSON object each.

use super::names::Word;
use hakmem_core::learn::{Counters, Lever, Phase, Reason};
use hakmem_core::policy::{Fresh, Policy};
use serde::Deserialize;

/// What every first line has, of whatever version.
#[derive(Deserialize)]
pub(super) struct Mark {
    pub(super) hakmem: String,
    pub(super) version: u64,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Header {
    #[serde(rename = "hakmem")]
    _hakmem: String,
    #[serde(rename = "version")]
    _version: u64,
    pub(super) classes: Vec<u32>,
    pub(super) start: String,
    pub(super) settled: bool,
    pub(super) fixed: Vec<String>,
    pub(super) policy: WholePolicy,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct WholePolicy {
    pub(super) lists: Vec<u16>,
    growth: u32,
    sharers: u32,
    batch: u32,
    decay: u32,
    kept: u32,
    fresh: Word<Fresh>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Step {
    pub(super) t: u64,
    pub(super) seen: Seen,
    pub(super) phase: Word<Phase>,
    pub(super) notes: Vec<Note>,
    pub(super) policy: Moved,
    pub(super) pause: u32,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Seen {
    /// Place of the class, refills, spills, moved.
    classes: Vec<(usize, u64, u64, u64)>,
    mapped: u64,
    in_use: u64,
    free: u64,
    caches: u32,
    active: u32,
    grown: u64,
    decayed: u64,
    missed: u64,
    faults: u64,
    user: u64,
    system: u64,
    huge: bool,
}

#[derive(Deserialize)]
#[serde(untagged)]
pub(super) enum Note {
    Changed(Changed),
    Settled(Settled),
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Changed {
    pub(super) changed: Word<Lever>,
    pub(super) class: Option<u32>,
    pub(super) from: u32,
    pub(super) to: u32,
    pub(super) reason: Word<Reason>,
    pub(super) expected: i32,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Settled {
    pub(super) settled: Word<Lever>,
    pub(super) class: Option<u32>,
    pub(super) expected: i32,
    pub(super) realised: i32,
    pub(super) stays: bool,
}

/// The fields of a policy that are others than in the line before.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Moved {
    /// Place of the class, blocks.
    #[serde(default)]
    lists: Vec<(usize, u16)>,
    growth: Option<u32>,
    sharers: Option<u32>,
    batch: Option<u32>,
    decay: Option<u32>,
    kept: Option<u32>,
    fresh: Option<Word<Fresh>>,
}

/// A class that is none.
pub(super) type NoClass = String;

fn no_class(class: usize) -> NoClass {
    format!("there is no class {class}")
}

impl Seen {
    /// Takes over what was seen.
    pub(super) fn onto(&self, counters: &mut Counters) -> Result<(), NoClass> {
        for &(class, refills, spills, moved) in &self.classes {
            let counters = counters.classes.get_mut(class).ok_or_else(|| no_class(class))?;
            counters.refills = refills;
            counters.spills = spills;
            counters.moved = moved;
        }
        *counters = Counters {
            classes: counters.classes,
            mapped: self.mapped,
            in_use: self.in_use,
            free: self.free,
            caches: self.caches,
            active: self.active,
            grown: self.grown,
            decayed: self.decayed,
            missed: self.missed,
            faults: self.faults,
            user: self.user,
            system: self.system,
            huge: self.huge,
        };
        Ok(())
    }
}

impl WholePolicy {
    /// The policy; `None`: it has not as many lists as there are classes.
    pub(super) fn policy(&self) -> Option<Policy> {
        Some(Policy {
            lists: self.lists.as_slice().try_into().ok()?,
            growth: self.growth,
            sharers: self.sharers,
            batch: self.batch,
            decay: self.decay,
            kept: self.kept,
            fresh: self.fresh.0,
        })
    }
}

impl Moved {
    /// Takes over what was moved.
    pub(super) fn onto(&self, policy: &mut Policy) -> Result<(), NoClass> {
        for &(class, blocks) in &self.lists {
            *policy.lists.get_mut(class).ok_or_else(|| no_class(class))? = blocks;
        }
        *policy = Policy {
            lists: policy.lists,
            growth: self.growth.unwrap_or(policy.growth),
            sharers: self.sharers.unwrap_or(policy.sharers),
            batch: self.batch.unwrap_or(policy.batch),
            decay: self.decay.unwrap_or(policy.decay),
            kept: self.kept.unwrap_or(policy.kept),
            fresh: self.fresh.as_ref().map_or(policy.fresh, |fresh| fresh.0),
        };
        Ok(())
    }
}
