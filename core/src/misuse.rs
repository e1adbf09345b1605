//! The wrong calls that a heap notices, and what becomes of them.

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

/// What the host decided about a wrong call: the only way on is to drop it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Verdict {
    /// The call does nothing (an allocating call returns null).
    Ignore,
}
