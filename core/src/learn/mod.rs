//! The learner.

mod counters;
mod decisions;

pub use counters::{ClassCounters, Counters};
pub use decisions::{Change, Decisions, Lever, Note, Phase, Reason, Verdict};
