//! A thread's end: its cache goes home.
//!
//! A pthread key's destructor does it. The destructors of all keys run in rounds, in no promised
//! order, so at its first call ours only sets the key again and does the work in the second round:
//! whatever other destructors free in the first still meets a live cache. Blocks that are used
//! later still are served singly by the ended cache. C++ and Rust run their thread-locals'
//! destructors before all of that.
//!
//! ```text
//!   first call of a thread    key := cache
//!   its end, round 1          key := cache + 1
//!            round 2          retire_cache(cache)
//! ```

use crate::libc;
use core::ffi::c_void;
use core::sync::atomic::{AtomicU64, Ordering};
use hakmem_core::Cache;

/// The key, made at its first use.
pub(crate) struct ExitKey(AtomicU64);

impl ExitKey {
    pub(crate) const fn new() -> Self {
        Self(AtomicU64::new(0))
    }

    /// Arranges for `destructor` at this thread's end. `false`: a process that has used up its keys
    /// (1,024) gets no such call, and the thread's cache stays as it is.
    pub(crate) fn arm(&self, cache: *mut Cache, destructor: libc::Destructor) -> bool {
        self.get(destructor).is_some_and(|key| set(key, cache.cast()))
    }

    /// Called by the destructor with the key's value: the cache, once it is time to retire it.
    pub(crate) fn due(&self, value: *mut c_void) -> Option<*mut Cache> {
        let second = value.addr() & 1 != 0;
        if second {
            return Some(value.map_addr(|address| address & !1).cast());
        }
        let again = value.map_addr(|address| address | 1);
        let armed = self.made().is_some_and(|key| set(key, again));
        (!armed).then_some(value.cast())
    }

    fn made(&self) -> Option<libc::Key> {
        // ORDERING: Acquire pairs with the Release in `get`: the key was made before it was stored.
        let key = self.0.load(Ordering::Acquire);
        (key != 0).then(|| (key - 1) as libc::Key)
    }

    fn get(&self, destructor: libc::Destructor) -> Option<libc::Key> {
        if let Some(key) = self.made() {
            return Some(key);
        }
        let mut key = 0;
        if libc::pthread_key_create(&mut key, Some(destructor)) != 0 {
            return None;
        }
        // ORDERING: Release publishes the key just made to the Acquire in `made`; on failure Acquire
        // makes another thread's key ours to use.
        match self.0.compare_exchange(0, u64::from(key) + 1, Ordering::Release, Ordering::Acquire) {
            Ok(_) => Some(key),
            Err(other) => {
                libc::pthread_key_delete(key);
                Some((other - 1) as libc::Key)
            }
        }
    }
}

/// May allocate (glibc does for keys past the 32nd), with the cache usable already.
fn set(key: libc::Key, value: *mut c_void) -> bool {
    libc::pthread_setspecific(key, value) == 0
}

#[cfg(test)]
mod tests {
    use super::*;
    use core::sync::atomic::AtomicUsize;
    use std::boxed::Box;
    use std::thread;

    static KEY: ExitKey = ExitKey::new();
    static CALLS: AtomicUsize = AtomicUsize::new(0);
    static RETIRED: AtomicUsize = AtomicUsize::new(0);

    unsafe extern "C" fn ended(value: *mut c_void) {
        CALLS.fetch_add(1, Ordering::Relaxed);
        if let Some(cache) = KEY.due(value) {
            RETIRED.fetch_add(1, Ordering::Relaxed);
            // SAFETY: the thread's box, given up to the key.
            drop(unsafe { Box::from_raw(cache) });
        }
    }

    #[test]
    fn each_thread_s_cache_is_due_in_the_second_round() {
        const THREADS: usize = 8;
        let threads: std::vec::Vec<_> = (0..THREADS)
            .map(|_| {
                thread::spawn(|| assert!(KEY.arm(Box::into_raw(Box::new(Cache::new())), ended)))
            })
            .collect();
        for thread in threads {
            thread.join().expect("no panic");
        }
        assert_eq!(CALLS.load(Ordering::Relaxed), 2 * THREADS);
        assert_eq!(RETIRED.load(Ordering::Relaxed), THREADS);
    }
}
