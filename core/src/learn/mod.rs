//! The learner.

mod counters;
mod decisions;
pub mod record;
mod start;
mod state;

pub use counters::{ClassCounters, Counters};
pub use decisions::{Change, Decisions, Lever, Note, Phase, Reason, Verdict};
pub use start::{Fixed, Start};
pub use state::{State, step};
