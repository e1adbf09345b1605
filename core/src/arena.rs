//! The page arena: ranges that are free but kept mapped, for superslabs and large blocks alike.
//!
//! What was touched once is worth keeping: backing a page anew costs more than anything the heap
//! does itself. So free neighbours merge, a kept range is cut to what is asked for, and a large
//! block that none is long enough for may take a shorter one and have it grown.
//!
//! What is kept is bounded, together with what else is free: when a range comes in, and before one is
//! mapped afresh, older ones go until the rest fits. Beyond that, in rounds of decay, what lies here
//! is purged, and later unmapped.
//!
//! All ranges are whole slots. A kept one has its node's number in the registry, at its first slot
//! and its last: that is how its neighbours find it, and how a free of what lies there is known to
//! be the second. Nodes stand in a [`Ranges`] table of the heap's. Room for a range's node is
//! reserved when it is mapped, so that a range can always be taken back, and no table grows under
//! the lock.
//!
//! *Contract*: `reserved = kept ranges + ranges handed out <= capacity`.

mod extents;
mod nodes;
mod paths;
#[cfg(all(test, not(loom)))]
mod tests;
mod victims;

pub(crate) use extents::Arena;
pub(crate) use nodes::{Range, Ranges};
