//! Many threads that were busy once: each allocates a burst of mixed blocks, frees it itself, and
//! blocks. What their caches still hold is of no use to anybody.

use crate::alloc::Alloc;
use crate::release::burst;

/// `threads` with a burst of `mib` each.
pub(crate) fn run<A: Alloc>(threads: usize, mib: usize, seconds: &[u64]) {
    burst::run::<A>(threads * mib, threads, seconds);
}
