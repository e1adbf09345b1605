//! Large blocks: a mapping of its own each, for what is above 2 MiB in size or alignment.
//!
//! ```text
//! allocate_large                            deallocate_large
//! ├─ a number, its descriptor               ├─ live -> taken by one CAS on base and state
//! ├─ a range: kept by the arena, or fresh   ├─ registry entry cleared, number given back
//! └─ registry entry at its first slot       └─ the range to the arena
//! ```
//! A block knows its length in whole pages; its mapping may be longer: a kept range that was an
//! eighth too long, or room to grow. A range is dirty once it was handed out, so `calloc` clears
//! what the arena kept and nothing else.

mod look;
mod paths;
mod resize;
mod table;
#[cfg(all(test, not(loom)))]
mod tests;

pub(crate) use table::{LargeIndex, Larges};
