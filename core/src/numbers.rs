//! Which numbers superslabs have.

use crate::extent::Extent;
use crate::pool::Pool;
use crate::superslab::SuperId;
use crate::sync::const_fn;

/// The dense numbers of superslabs: fresh ones from 0 up, given-back ones first. Behind the one
/// lock. The list of free numbers runs through the descriptors' base fields, which are nobody's
/// while the superslab is closed.
pub(crate) struct Numbers {
    fresh: u32,
    /// First free number + 1.
    free: u32,
    /// Superslabs that are open, and their bytes.
    open: u32,
    bytes: usize,
}

impl Numbers {
    const_fn! {
        pub(crate) fn new() -> Self {
            Self { fresh: 0, free: 0, open: 0, bytes: 0 }
        }
    }

    pub(crate) fn take(&mut self, pool: &Pool<impl Extent>) -> SuperId {
        let given_back = self.free.checked_sub(1).map(SuperId);
        match given_back.and_then(|id| Some((id, pool.superslab(id)?))) {
            Some((id, superslab)) => {
                self.free = superslab.base() as u32;
                id
            }
            None => {
                self.fresh += 1;
                SuperId(self.fresh - 1)
            }
        }
    }

    pub(crate) fn give(&mut self, pool: &Pool<impl Extent>, id: SuperId) {
        if let Some(superslab) = pool.superslab(id) {
            superslab.chain_free(self.free as usize);
            self.free = id.0 + 1;
        } else if id.0 + 1 == self.fresh {
            // Its chunk could not be made: the number was the newest.
            self.fresh = id.0;
        }
    }

    /// Books a superslab of `size` bytes that was opened, or closed.
    pub(crate) fn count(&mut self, size: usize, opened: bool) {
        if opened {
            self.open += 1;
            self.bytes += size;
        } else {
            self.open -= 1;
            self.bytes -= size;
        }
    }

    /// Superslabs open, and their bytes.
    pub(crate) fn open(&self) -> (u32, usize) {
        (self.open, self.bytes)
    }
}
