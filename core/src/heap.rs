//! A heap: everything behind the caches, and the door to all of it.

use crate::arena::{Arena, Ranges};
use crate::cache::Cache;
use crate::caches::Caches;
use crate::counters::Counters;
use crate::huge::HugeCell;
use crate::large::{LargeIndex, Larges};
use crate::ledger::Ledger;
use crate::losses::Losses;
use crate::misuse::{Call, Misuse, MisuseKind, Verdict};
use crate::numbers::Numbers;
use crate::owners::Owners;
use crate::policy::{Policy, PolicyCell};
use crate::pool::Pool;
use crate::registry::{Registry, TwoLevel};
use crate::regret::Regret;
use crate::sieve::Sieve;
use crate::source::{Host, HostRelax};
use crate::span::{SpanIndex, Spans};
use crate::sync::{Lock, const_fn};

/// A heap over a page source.
///
/// Registry, pool, tables and arena belong to the heap, so a program may have several. Threads (or
/// CPUs) bring a [`Cache`] each; a cache must only ever be used with one heap.
///
/// A heap is made to be a `static`: it is built at compile time and maps nothing until it is used.
/// The tables of a heap that is dropped are not unmapped.
pub struct Heap<H: Host, R: Registry = TwoLevel> {
    pub(crate) registry: R,
    pub(crate) pool: Pool<R::Extent>,
    pub(crate) spans: Spans<R::Extent>,
    pub(crate) larges: Larges<R::Extent>,
    pub(crate) ranges: Ranges<R::Extent>,
    pub(crate) owners: Owners<R::Extent>,
    pub(crate) ledger: Ledger,
    /// Between words that are seldom written or read: see [`crate::counters`].
    pub(crate) counters: Counters,
    pub(crate) policy: PolicyCell,
    pub(crate) sieve: Sieve,
    pub(crate) regret: Regret,
    pub(crate) losses: Losses,
    pub(crate) huge: HugeCell,
    pub(crate) caches: Caches<H>,
    /// The one lock. No system call and no first touch of a page happens under it.
    pub(crate) back: Lock<Back, HostRelax<H>>,
    pub(crate) host: H,
}

/// What stands behind the one lock.
pub(crate) struct Back {
    pub(crate) numbers: Numbers,
    pub(crate) spans: SpanIndex,
    pub(crate) larges: LargeIndex,
    pub(crate) arena: Arena,
}

impl<H: Host> Heap<H> {
    const_fn! {
        /// An empty heap over `host`, with the hosted registry.
        pub fn new(host: H) -> Self {
            Self::with_registry(host, TwoLevel::new())
        }
    }
}

impl<H: Host, R: Registry> Heap<H, R> {
    const_fn! {
        /// An empty heap over `host`, with a registry of the caller's choice.
        pub fn with_registry(host: H, registry: R) -> Self {
            Self {
                registry,
                pool: Pool::new(),
                spans: Spans::new(),
                larges: Larges::new(),
                ranges: Ranges::new(),
                owners: Owners::new(),
                ledger: Ledger::new(),
                counters: Counters::new(),
                policy: PolicyCell::new(),
                sieve: Sieve::new(),
                regret: Regret::new(),
                losses: Losses::new(),
                huge: HugeCell::new(),
                caches: Caches::new(),
                back: Lock::new(Back {
                    numbers: Numbers::new(),
                    spans: SpanIndex::new(),
                    larges: LargeIndex::new(),
                    arena: Arena::new(),
                }),
                host,
            }
        }
    }

    /// The host that the heap was made with.
    pub const fn host(&self) -> &H {
        &self.host
    }

    /// The numbers that the heap works by.
    pub fn policy(&self) -> Policy {
        self.policy.get()
    }

    /// Lets the heap work by other numbers from now on, each brought between its bounds. A cache follows when
    /// it is next behind its lists: longer ones with a class's next refill, shorter ones with a spill too.
    pub fn set_policy(&self, policy: &Policy) {
        self.policy.set(policy);
    }

    /// Starts a fresh cache; the host learns of it. A hidden one is out of other threads' reach until it
    /// is [shown](Caches::show).
    #[cold]
    #[inline(never)]
    pub(crate) fn start(&self, cache: &mut Cache, hidden: bool) {
        cache.start(self.owners.take(), |class| self.policy.limit(class));
        self.caches.add(cache, hidden);
        self.host.cache_started(cache);
    }

    /// Hands a cache's whole contents back: at its thread's end. The cache stays usable: each later
    /// call is served singly, and keeps nothing.
    pub fn retire_cache(&self, cache: &mut Cache) {
        if cache.is_live() {
            self.caches.remove(cache);
            // Nobody gets inside any more, but somebody may have been.
            self.enter(cache);
            self.flush(cache);
            self.leave(cache);
            self.keep_bounds();
        }
        if let Some(owner) = cache.end() {
            self.owners.give(owner);
        }
    }

    /// Reports a wrong free. The host decides; if it returns, the call is dropped.
    #[cold]
    #[inline(never)]
    pub(crate) fn misuse(&self, kind: MisuseKind, address: usize, size: usize, block: usize) {
        let misuse = Misuse { kind, call: Call::Free, address, size, block };
        let Verdict::Ignore = self.host.misuse(misuse);
    }

    /// Reports a wrong reallocation. The answer is the call's, if the host returns.
    #[cold]
    #[inline(never)]
    pub(crate) fn misuse_realloc(
        &self,
        kind: MisuseKind,
        address: usize,
        size: usize,
        block: usize,
    ) -> *mut u8 {
        let misuse = Misuse { kind, call: Call::Reallocate, address, size, block };
        let Verdict::Ignore = self.host.misuse(misuse);
        core::ptr::null_mut()
    }

    /// Takes the one lock before a fork, so that the child finds it free of other threads' work.
    pub fn lock_for_fork(&self) {
        self.caches.hold();
        self.back.hold();
    }

    /// Tells the heap, in the child of a fork and before
    /// [`unlock_after_fork`](Self::unlock_after_fork), that of all threads this one is left, whose
    /// cache is `own`.
    ///
    /// # Safety
    /// As for [`unlock_after_fork`](Self::unlock_after_fork); `own` is this thread's cache, or an
    /// untouched one.
    pub unsafe fn forget_other_caches(&self, own: *mut Cache) {
        // SAFETY: the caller's promise.
        unsafe { self.caches.keep_only(own) }
    }

    /// Keeps other threads out of a cache that is in use, from now until it is retired: for a host that
    /// cannot promise to retire it. For others than that cache, nothing happens.
    pub fn hide_cache(&self, cache: &mut Cache) {
        cache.hidden = false;
        self.caches.hide(cache);
    }

    /// Releases the lock after a fork, in parent and child.
    ///
    /// # Safety
    /// This thread (in the child: the thread that forked) called
    /// [`lock_for_fork`](Self::lock_for_fork) and has not released since.
    pub unsafe fn unlock_after_fork(&self) {
        // SAFETY: the caller's promise.
        unsafe {
            self.back.release();
            self.caches.release();
        }
    }
}

#[cfg(all(test, not(loom)))]
mod tests {
    use super::*;
    use crate::counters::Classes;
    use crate::registry::Flat;
    use crate::source::PageSource;
    use crate::sums::Sums;
    use core::mem::offset_of;
    use core::ptr::NonNull;

    /// A host without memory.
    struct Nowhere;

    // SAFETY: it maps nothing.
    unsafe impl PageSource for Nowhere {
        fn page_size(&self) -> usize {
            4096
        }
        fn map(&self, _: usize, _: usize) -> Option<NonNull<u8>> {
            None
        }
        unsafe fn unmap(&self, _: NonNull<u8>, _: usize) -> bool {
            false
        }
        unsafe fn purge(&self, _: NonNull<u8>, _: usize) -> bool {
            false
        }
        unsafe fn populate(&self, _: NonNull<u8>, _: usize) -> bool {
            false
        }
        unsafe fn remap(
            &self,
            _: NonNull<u8>,
            _: usize,
            _: usize,
            _: usize,
        ) -> Option<NonNull<u8>> {
            None
        }
    }

    impl Host for Nowhere {
        fn relax() {}
        fn cache_started(&self, _: *mut Cache) {}
        fn misuse(&self, _: Misuse) -> Verdict {
            Verdict::Ignore
        }
    }

    /// A static heap and a static cache belong into `.bss`: not into the file, and page by page into
    /// memory.
    #[test]
    fn what_is_new_is_all_zero() {
        fn bytes<T>(of: &T) -> &[u8] {
            // SAFETY: neither type has padding that the compiler left undefined in a static.
            unsafe { core::slice::from_raw_parts((&raw const *of).cast(), size_of::<T>()) }
        }
        static HEAP: Heap<Nowhere> = Heap::new(Nowhere);
        static WINDOW: Heap<Nowhere, Flat<1024>> = Heap::with_registry(Nowhere, Flat::new());
        struct Shared(Cache);
        // SAFETY: read alone, and only its bytes.
        unsafe impl Sync for Shared {}
        static CACHE: Shared = Shared(Cache::new());
        assert!(bytes(&HEAP).iter().all(|&byte| byte == 0));
        assert!(bytes(&WINDOW).iter().all(|&byte| byte == 0));
        assert!(bytes(&CACHE.0).iter().all(|&byte| byte == 0));
    }

    /// A kernel's `.bss` is memory: beside its entries for the window a heap takes little of it.
    #[test]
    fn a_heap_over_a_window_is_small() {
        fn beside<const SLOTS: usize>() -> usize {
            size_of::<Heap<Nowhere, Flat<SLOTS>>>() - SLOTS * 6
        }
        assert!(beside::<16>() <= 6 << 10, "{} bytes", beside::<16>());
        assert_eq!(beside::<1024>(), beside::<16>());
    }

    /// What is told of classes and what everybody reads or adds to would else keep each other waiting.
    #[test]
    fn sums_of_classes_share_no_line_with_hot_words() {
        /// Where a heap's sums of classes begin, and where its hot words begin and end.
        macro_rules! places {
            ($heap:ty, $($field:ident).+: $of:ty $(, $($more:ident).+: $and:ty)*) => {
                (
                    offset_of!($heap, counters.classes),
                    [
                        (offset_of!($heap, $($field).+), size_of::<$of>()),
                        $((offset_of!($heap, $($more).+), size_of::<$and>()),)*
                    ],
                )
            };
            ($heap:ty) => {
                places!(
                    $heap, pool.sums: Sums, policy: PolicyCell, sieve: Sieve, regret: Regret,
                    losses: Losses, caches: Caches<Nowhere>, back: Lock<Back, HostRelax<Nowhere>>
                )
            };
        }
        for (classes, hot) in [places!(Heap<Nowhere>), places!(Heap<Nowhere, Flat<1024>>)] {
            for (start, size) in hot {
                let before = start + size + 63 <= classes;
                let behind = classes + size_of::<Classes>() + 63 <= start;
                assert!(before || behind, "{start} + {size}, and classes at {classes}");
            }
        }
    }

    #[test]
    fn without_memory_every_size_gets_null() {
        static HEAP: Heap<Nowhere> = Heap::new(Nowhere);
        let mut cache = Cache::new();
        for size in [0, 8, 100, 1 << 10, 32 << 10, 40 << 10, 3 << 20, usize::MAX] {
            // SAFETY: the cache is this heap's.
            assert!(unsafe { HEAP.allocate(&mut cache, size) }.is_null());
        }
        assert_eq!(HEAP.mapped(), 0);
    }
}
