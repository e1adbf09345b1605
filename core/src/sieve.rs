//! Where the search for free pages inside slabs stands, from call to call.

use crate::sync::Sum;
use crate::sync::mark::{AtomicBool, AtomicU32};

/// Where the search for free pages stands, from call to call.
pub(crate) struct Sieve {
    /// The superslab to look at next.
    pub(crate) next: AtomicU32,
    /// Whether anything was found since the search began anew.
    pub(crate) found: AtomicBool,
    /// Slack of the last round that found nothing, or the least since.
    pub(crate) floor: Sum,
}

impl Sieve {
    pub(crate) const fn new() -> Self {
        Self { next: AtomicU32::new(0), found: AtomicBool::new(false), floor: Sum::new() }
    }

    /// Slack in which there is nothing to be found, as far as known; `slack` is what there is now.
    pub(crate) fn floor(&self, slack: usize) -> usize {
        let floor = self.floor.get();
        if slack < floor {
            self.floor.set(slack);
        }
        floor.min(slack)
    }
}
