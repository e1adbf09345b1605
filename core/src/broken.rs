//! What a walk over a heap finds wrong: for tests.

/// An invariant that does not hold.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Broken {
    /// Which, in words.
    pub what: &'static str,
    /// Where: an address, or a superslab's number.
    pub at: usize,
}
