//! What the learner sees: one look at a heap and its process.

use crate::class::CLASSES;

/// What a class's lists did, since the heap began. A heap counts in 32 bits, which wrap: differences are to
/// be taken in as many.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct ClassCounters {
    /// Times a list was filled from a slab.
    pub refills: u64,
    /// Times full lists went home.
    pub spills: u64,
    /// Blocks that these two moved.
    pub moved: u64,
}

/// One look. Sums count from the heap's or the process's beginning and may wrap, stand still or jump;
/// the rest is as it is now.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Counters {
    /// The classes, smallest first.
    pub classes: [ClassCounters; CLASSES],
    /// Bytes held from the source now.
    pub mapped: u64,
    /// Bytes that users and caches hold.
    pub in_use: u64,
    /// Bytes that are free and still backed: whole pieces, and pages of slabs.
    pub free: u64,
    /// Living caches.
    pub caches: u32,
    /// Caches that were used between the last two rounds of decay: as old as the last of them. 0: there was
    /// none yet.
    pub active: u32,
    /// Sum: bytes of superslabs, of slabs and of spans, that were opened on memory that nobody had touched.
    /// Large blocks do not count: whatever the policy says of fresh memory, nothing is done to theirs.
    pub grown: u64,
    /// Sum: bytes that decay gave back.
    pub decayed: u64,
    /// Sum: of these, bytes that were backed anew.
    pub missed: u64,
    /// Sum: page faults of the process that read nothing.
    pub faults: u64,
    /// Sum: microseconds of CPU that the process spent in its own code.
    pub user: u64,
    /// Sum: microseconds of CPU that it spent in the system.
    pub system: u64,
    /// Whether the source has huge pages to ask for.
    pub huge: bool,
}

impl Counters {
    /// A look at nothing.
    pub const ZERO: Self = Self {
        classes: [ClassCounters { refills: 0, spills: 0, moved: 0 }; CLASSES],
        mapped: 0,
        in_use: 0,
        free: 0,
        caches: 0,
        active: 0,
        grown: 0,
        decayed: 0,
        missed: 0,
        faults: 0,
        user: 0,
        system: 0,
        huge: false,
    };
}
