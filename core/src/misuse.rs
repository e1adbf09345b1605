//! The wrong calls that a heap notices, and what becomes of them.

use core::fmt;

/// What was wrong with a pointer or size that the heap was handed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum MisuseKind {
    /// The address belongs to nothing this heap ever gave out.
    NotOurs,
    /// The block is free already.
    DoubleFree,
    /// The address lies in a block, but not at its start.
    Interior,
    /// The size or alignment is not the block's.
    WrongSize,
}

/// The kind of call that was wrong.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Call {
    /// A free: the caller has given the pointer up.
    Free,
    /// A reallocation: the caller gets null, and still has the pointer.
    Reallocate,
}

/// One wrong call.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Misuse {
    /// What was wrong.
    pub kind: MisuseKind,
    /// Which call it was.
    pub call: Call,
    /// The pointer that was handed in.
    pub address: usize,
    /// The size that the caller stated, in bytes; 0 where it stated none.
    pub size: usize,
    /// The size of the block that the heap knows there, in bytes; 0 where it knows none.
    pub block: usize,
}

impl fmt::Display for Misuse {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let call = match self.call {
            Call::Free => "free",
            Call::Reallocate => "reallocation",
        };
        let what = match self.kind {
            MisuseKind::NotOurs => "not from this heap",
            MisuseKind::DoubleFree => "free already",
            MisuseKind::Interior => "not the start of a block",
            MisuseKind::WrongSize => "not of that size",
        };
        write!(f, "wrong {call} of {:#x}: {what}", self.address)?;
        match (self.size, self.block) {
            (0, 0) => Ok(()),
            (size, 0) => write!(f, " (stated: {size} bytes)"),
            (0, block) => write!(f, " (the block there: {block} bytes)"),
            (size, block) => write!(f, " (stated: {size} bytes; the block there: {block})"),
        }
    }
}

/// What the host decided about a wrong call: the only way on is to drop it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Verdict {
    /// The call does nothing (an allocating call returns null).
    Ignore,
}
