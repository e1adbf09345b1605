//! What the tests of whole programs share: where the built artefacts lie, how a C program is
//! compiled, and how a child process is run to its end.
//!
//! Nothing here builds hakmem itself. `cargo verify` does that before it starts a suite, and a
//! missing artefact fails the test that needs it.

pub mod artefacts;
pub mod child;
pub mod compile;
pub mod find;
pub mod harness;
