//! `fork` in a threaded process: nobody else may be inside the heap's one lock, or in the learner, at that
//! instant, for the child has no thread that could leave it.

use crate::libc;
use crate::linux::Adapter;

/// Has `fork` take the heap's lock before, and let go of it in parent and child.
///
/// Handlers that are registered first run last before a fork, so other libraries' handlers may
/// still allocate. `false`: the C library had no memory for it.
pub(crate) fn register<A: Adapter>() -> bool {
    // SAFETY: the three functions are there as long as the heap, which is a static.
    unsafe { libc::pthread_atfork(Some(before::<A>), Some(after::<A>), Some(child::<A>)) == 0 }
}

unsafe extern "C" fn before<A: Adapter>() {
    A::heap().host().learner.lock_for_fork();
    A::heap().lock_for_fork();
}

unsafe extern "C" fn after<A: Adapter>() {
    // SAFETY: `fork` called `before` on this thread.
    unsafe { A::heap().unlock_after_fork() };
    A::heap().host().learner.unlock_after_fork(false);
}

unsafe extern "C" fn child<A: Adapter>() {
    let heap = A::heap();
    heap.host().thread.reset(heap.mapped());
    // SAFETY: `fork` called `before` on this thread, which is the child's only one.
    unsafe {
        heap.forget_other_caches(A::cache());
        heap.unlock_after_fork();
    }
    if let Some(policy) = heap.host().learner.unlock_after_fork(true) {
        heap.set_policy(&policy);
    }
}
