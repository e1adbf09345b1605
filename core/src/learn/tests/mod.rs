//! Tests of the whole learner, mostly against a simulated program.

mod bounds;
mod decay;
mod fresh;
mod life;
mod lists;
mod record;
mod sharers;
mod simulator;
