//! The numbers that the process's heap works by.

use crate::HEAP;
use hakmem_core::Policy;

/// The numbers that the heap works by now. Unless told otherwise (`HAKMEM_LEARN` in the environment), it
/// tunes them itself while the program runs.
///
/// ```
/// # #[global_allocator]
/// # static GLOBAL: hakmem::Hakmem = hakmem::Hakmem;
/// let policy = hakmem::Policy { decay: 2000, ..hakmem::policy() };
/// hakmem::set_policy(&policy);
/// assert_eq!(hakmem::policy().decay, 2000);
/// ```
pub fn policy() -> Policy {
    HEAP.policy()
}

/// Lets the heap work by other numbers from now on, each brought between its bounds. If it tunes them
/// itself, it begins anew with these. `HAKMEM_POLICY` in the environment sets them at the first allocation.
pub fn set_policy(policy: &Policy) {
    HEAP.host().set_policy(policy);
}
