//! The page arena: ranges that are free but kept mapped, for superslabs and large blocks alike.
//!
//! What was touched once is worth keeping: backing a page anew costs more than anything the heap
//! does itself. So free neighbours merge, a kept range is cut to what is asked for, and a large
//! block that none is long enough for may take a shorter one and have it grown.
//!
//! What is kept is bounded twice. When a range comes in, older ones go until the rest fits
//! `KEPT`; the newest may pass it, so that a program that takes and frees one large buffer
//! over and over does not map it each time. When a range must be mapped afresh, `KEPT_FRESH` holds
//! for all: memory is given back before more is asked for, and the peak stays honest.
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
