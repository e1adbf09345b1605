//! Where the search for free pages inside slabs stands, from call to call.

use crate::sync::Sum;
use crate::sync::mark::{AtomicBool, AtomicU32};

/// Where the search for free pages stands, from call to call.
pub(crate) struct Sieve {
    /// The superslab to look at next.
    pub(crate) next: AtomicU32,
    /// Whether anything was found since the search began anew.
    pub(crate) found: AtomicBool,
    /// Bytes of blocks that went home so far, and when a round last found nothing.
    pub(crate) freed: Sum,
    in_vain: Sum,
    /// The same, when a thread of the host's last looked.
    looked: Sum,
}

impl Sieve {
    pub(crate) const fn new() -> Self {
        Self {
            next: AtomicU32::new(0),
            found: AtomicBool::new(false),
            freed: Sum::new(),
            in_vain: Sum::new(),
            looked: Sum::new(),
        }
    }

    /// Notes that a round found nothing.
    pub(crate) fn was_in_vain(&self) {
        self.in_vain.set(self.freed.count());
    }

    /// Bytes that went home since a round found nothing: another would find no more than that.
    pub(crate) fn since_in_vain(&self) -> usize {
        self.freed.count().wrapping_sub(self.in_vain.count())
    }

    /// Notes that a thread of the host's looks.
    pub(crate) fn look(&self) {
        self.looked.set(self.freed.count());
    }

    /// Bytes that went home since.
    pub(crate) fn since_looked(&self) -> usize {
        self.freed.count().wrapping_sub(self.looked.count())
    }
}
