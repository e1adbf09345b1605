//! The living caches of a heap: a ring through the caches themselves, behind a lock of its own.

use crate::cache::Cache;
use crate::source::{Host, HostRelax};
use crate::sync::{Lock, Sum, const_fn};
use core::ptr::null_mut;

/// The caches of a heap.
pub(crate) struct Caches<H: Host> {
    pub(crate) ring: Lock<Ring, HostRelax<H>>,
    count: Sum,
}

impl<H: Host> Caches<H> {
    const_fn! {
        pub(crate) fn new() -> Self {
            Self { ring: Lock::new(Ring::new()), count: Sum::new() }
        }
    }

    /// One cache's share of what all of them may have.
    pub(crate) fn share(&self, all: usize) -> usize {
        all / self.count.get().max(1)
    }

    /// Living caches.
    pub(crate) fn count(&self) -> usize {
        self.count.get()
    }

    /// Takes a starting cache in.
    pub(crate) fn add(&self, cache: &mut Cache, hidden: bool) {
        self.count.add(1);
        cache.hidden = hidden;
        if !hidden {
            self.show(cache);
        }
    }

    /// Takes a cache in that is in no ring, so that other threads may reach it.
    pub(crate) fn show(&self, cache: &mut Cache) {
        cache.hidden = false;
        if H::REACHES {
            // SAFETY: its owner's word is that it stays where it is.
            self.ring.with(|ring| unsafe { ring.insert(cache) });
        }
    }

    /// Takes a cache out: nobody is or gets inside after this.
    pub(crate) fn remove(&self, cache: &mut Cache) {
        self.count.sub(1);
        self.hide(cache);
    }

    /// Keeps reachers away from a cache.
    pub(crate) fn hide(&self, cache: *mut Cache) {
        if H::REACHES {
            // SAFETY: the owner's, alive.
            self.ring.with(|ring| unsafe { ring.remove(cache) });
        }
    }

    /// Waits until who is inside a cache came out. It may be about to read the link of a block that
    /// was popped, freed and went home meanwhile: so before such blocks can be unmapped.
    pub(crate) fn let_reacher_out(&self) {
        if H::REACHES {
            self.ring.with(|_| {});
        }
    }

    /// Takes the lock, for fork.
    pub(crate) fn hold(&self) {
        self.ring.hold();
    }

    /// # Safety
    /// As for [`Lock::release`].
    pub(crate) unsafe fn release(&self) {
        // SAFETY: the caller's promise.
        unsafe { self.ring.release() }
    }

    /// After a fork, in the child, before [`release`](Self::release): of all caches the one at `own`
    /// is left.
    ///
    /// # Safety
    /// The lock is held by this thread, the only one, and `own` is its cache.
    pub(crate) unsafe fn keep_only(&self, own: *mut Cache) {
        // SAFETY: the caller's promise.
        unsafe { self.ring.release() };
        // SAFETY: as above.
        self.ring.with(|ring| unsafe { ring.keep_only(own) });
        self.ring.hold();
        // SAFETY: this thread's.
        self.count.set(usize::from(unsafe { (*own).is_live() }));
    }
}

/// The ring. A pass takes the first cache and goes on to the next, so that whoever comes or goes
/// between two steps does no harm.
pub(crate) struct Ring {
    first: *mut Cache,
    pass: u32,
}

// SAFETY: the caches are reached through the lock alone; what may be done there, `reach` says.
unsafe impl Send for Ring {}

impl Ring {
    pub(crate) const fn new() -> Self {
        Self { first: null_mut(), pass: 0 }
    }

    /// Takes a cache in, as the last.
    ///
    /// # Safety
    /// It is in no ring, and stays where it is until it is [removed](Self::remove).
    pub(crate) unsafe fn insert(&mut self, cache: *mut Cache) {
        // SAFETY: caches of the ring are alive, and their links are the lock holder's.
        unsafe {
            // Alone, it is its own neighbour.
            let first = if self.first.is_null() { cache } else { self.first };
            let last = if first == cache { cache } else { (*first).listed.previous };
            (*cache).listed.next = first;
            (*cache).listed.previous = last;
            (*last).listed.next = cache;
            (*first).listed.previous = cache;
            (*cache).listed.pass = self.pass;
            self.first = first;
        }
    }

    /// Takes a cache out, if it is in. Answers whether it was.
    ///
    /// # Safety
    /// It is alive, and in no other ring.
    pub(crate) unsafe fn remove(&mut self, cache: *mut Cache) -> bool {
        // SAFETY: as in `insert`.
        unsafe {
            let (next, previous) = ((*cache).listed.next, (*cache).listed.previous);
            if next.is_null() {
                return false;
            }
            (*next).listed.previous = previous;
            (*previous).listed.next = next;
            (*cache).listed.next = null_mut();
            (*cache).listed.previous = null_mut();
            if self.first == cache {
                self.first = if next == cache { null_mut() } else { next };
            }
        }
        true
    }

    /// Forgets all caches, but for one if it was in: after a fork there are no others.
    ///
    /// # Safety
    /// The cache is alive.
    pub(crate) unsafe fn keep_only(&mut self, cache: *mut Cache) {
        self.first = null_mut();
        // SAFETY: as in `insert`. Its old neighbours are not looked at again.
        unsafe {
            if !(*cache).listed.next.is_null() {
                self.insert(cache);
            }
        }
    }

    /// Begins a pass over all caches.
    pub(crate) fn begin(&mut self) -> u32 {
        self.pass = self.pass.wrapping_add(1);
        self.pass
    }

    /// The next cache that a pass has not seen.
    pub(crate) fn next(&mut self, pass: u32) -> Option<*mut Cache> {
        if self.first.is_null() {
            return None;
        }
        let cache = self.first;
        // SAFETY: as in `insert`.
        unsafe {
            if (*cache).listed.pass == pass {
                return None;
            }
            (*cache).listed.pass = pass;
            self.first = (*cache).listed.next;
        }
        Some(cache)
    }
}

#[cfg(all(test, not(loom)))]
mod tests {
    use super::*;
    use std::boxed::Box;
    use std::vec::Vec;

    fn seen(ring: &mut Ring) -> Vec<*mut Cache> {
        let pass = ring.begin();
        let mut seen: Vec<_> = core::iter::from_fn(|| ring.next(pass)).collect();
        seen.sort_unstable();
        seen
    }

    #[test]
    fn a_pass_sees_every_cache_once() {
        let mut caches: Vec<Box<Cache>> = (0..4).map(|_| Box::new(Cache::new())).collect();
        let mut all: Vec<*mut Cache> = caches.iter_mut().map(|cache| &raw mut **cache).collect();
        all.sort_unstable();
        let mut ring = Ring::new();
        assert_eq!(seen(&mut ring), []);
        for &cache in &all {
            // SAFETY: alive to the test's end, and inserted once.
            unsafe { ring.insert(cache) };
        }
        assert_eq!(seen(&mut ring), all);
        // SAFETY: as above.
        let removed = unsafe { [ring.remove(all[0]), ring.remove(all[0]), ring.remove(all[2])] };
        assert_eq!(removed, [true, false, true]);
        assert_eq!(seen(&mut ring), [all[1], all[3]]);
        // SAFETY: as above.
        unsafe { ring.keep_only(all[3]) };
        assert_eq!(seen(&mut ring), [all[3]]);
        // SAFETY: as above.
        assert!(unsafe { ring.remove(all[3]) });
        assert_eq!(seen(&mut ring), []);
    }
}
