//! Limits on what the heap maps, and what it does at them.
//!
//! ```text
//! about to map more
//! ├─ above the soft limit .... what is free goes back first
//! └─ above the limit ......... the ledger refuses
//!    └─ the allocation that asked: reclaim, once more, null
//! ```
//!
//! The limit holds for all that the source gives, tables included, at every instant. A source that has
//! nothing left is met in the same way.

use crate::cache::Cache;
use crate::heap::Heap;
use crate::registry::Registry;
use crate::source::Host;

/// What stands for no limit.
const NONE: usize = usize::MAX;

impl<H: Host, R: Registry> Heap<H, R> {
    /// Sets the most bytes that the heap may hold from its source, tables included; `None`, as in a
    /// new heap: any number. An allocation that would pass it gets null, after what this thread can
    /// reach of free memory was given back and it was tried once more.
    ///
    /// A limit below what is mapped holds too: what is free, then and later, is given back at once,
    /// and nothing more is mapped until what is mapped has fallen below it; what is live stays, and
    /// may be freed and shortened. A call that is under way on another thread may yet go by the limit before.
    pub fn set_limit(&self, bytes: Option<usize>) {
        let bytes = bytes.unwrap_or(NONE);
        self.ledger.set_limit(bytes);
        if self.mapped() > bytes {
            self.release_free();
        }
    }

    /// The most bytes that the heap may hold, if there is such a limit.
    pub fn limit(&self) -> Option<usize> {
        Some(self.ledger.limit()).filter(|bytes| *bytes != NONE)
    }

    /// Sets the bytes above which the heap gives back what is free before it maps more; `None`, as
    /// in a new heap: it keeps what its own measure allows. Refuses nothing. What is mapped already
    /// counts at once.
    pub fn set_soft_limit(&self, bytes: Option<usize>) {
        self.ledger.set_soft_limit(bytes.unwrap_or(NONE));
        self.heed_soft_limit(0);
    }

    /// The bytes above which free memory is given back, if there is such a limit.
    pub fn soft_limit(&self) -> Option<usize> {
        Some(self.ledger.soft_limit()).filter(|bytes| *bytes != NONE)
    }

    /// Gives back what is free, if `more` bytes would take the heap above its soft limit. Kept ranges
    /// go each time; to look at every superslab takes a while, and is done again only when a part
    /// more is mapped.
    pub(crate) fn heed_soft_limit(&self, more: usize) {
        if let Some(ahead) = self.ledger.above_soft_limit(more) {
            if self.ledger.is_look_due(ahead) {
                self.release_free();
            } else if self.kept() > 0 {
                self.shrink_to(0);
            }
        }
    }

    /// Gives back all that is free and that `cache` can reach, after `size` bytes were not to be had.
    /// False: it is no use to try again.
    ///
    /// Pages of superslabs in use are left alone: without them nothing less is mapped.
    #[cold]
    #[inline(never)]
    pub(crate) fn reclaim(&self, cache: &mut Cache, size: usize) -> bool {
        if size > self.ledger.limit() {
            return false;
        }
        if cache.is_live() {
            self.flush(cache);
        }
        self.drain_bins();
        self.release_ranges(0);
        true
    }
}
