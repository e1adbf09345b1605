//! The learner.

mod cost;
mod counters;
mod decay;
mod decisions;
mod fresh;
mod life;
mod lists;
mod notes;
pub mod record;
mod sharers;
mod start;
mod state;
mod tick;

pub use counters::{ClassCounters, Counters};
pub use decisions::{Change, Decisions, Lever, Note, Phase, Reason, Verdict};
pub use start::{Fixed, Start};
pub use state::{State, step};


#[cfg(all(test, not(loom)))]
mod tests;
