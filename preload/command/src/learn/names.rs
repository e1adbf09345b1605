//! What things are called in logs, and in tables.

use hakmem_core::learn::{Lever, Phase, Reason};
use hakmem_core::policy::Fresh;
use serde::de::Error;
use serde::{Deserialize, Deserializer};

/// One of a few things, each with a name.
pub(crate) trait Named: Copy + PartialEq + 'static {
    /// What one of them is, in an error.
    const KIND: &'static str;
    const NAMES: &'static [(&'static str, Self)];

    fn name(self) -> &'static str {
        Self::NAMES.iter().find(|(_, thing)| *thing == self).map_or("?", |(name, _)| name)
    }

    fn of(name: &str) -> Option<Self> {
        Self::NAMES.iter().find(|(known, _)| *known == name).map(|(_, thing)| *thing)
    }
}

impl Named for Phase {
    const KIND: &'static str = "phase";
    const NAMES: &'static [(&'static str, Self)] =
        &[("learn", Self::Learn), ("canary", Self::Canary), ("frozen", Self::Frozen)];
}

impl Named for Lever {
    const KIND: &'static str = "lever";
    const NAMES: &'static [(&'static str, Self)] = &{
        let [list, sharers, decay, fresh] = Self::ALL;
        [
            (list.name(), list),
            (sharers.name(), sharers),
            (decay.name(), decay),
            (fresh.name(), fresh),
        ]
    };
}

impl Named for Reason {
    const KIND: &'static str = "reason";
    const NAMES: &'static [(&'static str, Self)] = &[
        ("gain", Self::Gain),
        ("memory", Self::Memory),
        ("undone", Self::Undone),
        ("unclear", Self::Unclear),
        ("explore", Self::Explore),
        ("follow", Self::Follow),
    ];
}

impl Named for Fresh {
    const KIND: &'static str = "way with fresh memory";
    const NAMES: &'static [(&'static str, Self)] = &[
        (Self::Plain.name(), Self::Plain),
        (Self::Populate.name(), Self::Populate),
        (Self::Huge.name(), Self::Huge),
    ];
}

/// A thing that stands in a log by its name.
pub(crate) struct Word<T>(pub(crate) T);

impl<'de, T: Named> Deserialize<'de> for Word<T> {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let name = String::deserialize(deserializer)?;
        let unknown = || D::Error::custom(format!("{name:?} is no {}", T::KIND));
        T::of(&name).map(Word).ok_or_else(unknown)
    }
}

/// What a lever's number says: `fresh` is a number that stands for a word.
pub(crate) fn value(lever: Lever, number: u32) -> String {
    match lever {
        Lever::Fresh => u8::try_from(number).map_or("?", |number| Fresh::of(number).name()).into(),
        Lever::Sharers if number == 0 => "all".into(),
        Lever::Decay => format!("{number} ms"),
        _ => number.to_string(),
    }
}
