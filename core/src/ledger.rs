//! The gate to the page source: every byte that comes or goes is booked here, exactly.
//!
//! What is to come is booked first, against the limit, and unbooked should the source refuse: so
//! `mapped` is never above the limit, not for an instant. What goes is unbooked once it is gone.

use crate::source::PageSource;
use crate::sync::{AtomicPtr, AtomicU64, AtomicUsize, Ordering, const_fn, mark};
use core::ptr::NonNull;

/// What the heap holds from its source, and how often it asked. All Relaxed: sums for reading, that
/// order nothing.
pub(crate) struct Ledger {
    pub(crate) mapped: AtomicUsize,
    pub(crate) peak: AtomicUsize,
    /// Of `mapped`, the tables that are never unmapped.
    pub(crate) tables: AtomicUsize,
    pub(crate) maps: AtomicU64,
    pub(crate) unmaps: AtomicU64,
    pub(crate) purges: AtomicU64,
    /// Bytes purged so far.
    pub(crate) purged: AtomicUsize,
    /// Bytes of superslabs that were opened so far on memory that nobody had touched.
    pub(crate) opened: mark::AtomicU64,
    /// The most that `mapped` may be; inverted, so that all-zero bytes are no limit.
    limit: AtomicUsize,
    /// Above this, what is free is released; inverted too.
    soft: AtomicUsize,
    /// Above the soft limit, the `mapped` at which all that may be free is looked at again.
    look_at: AtomicUsize,
}

/// A look that found little is not worth another before this part more is mapped.
const LOOK_PART: usize = 8;

impl Ledger {
    const_fn! {
        pub(crate) fn new() -> Self {
            Self {
                mapped: AtomicUsize::new(0),
                peak: AtomicUsize::new(0),
                tables: AtomicUsize::new(0),
                maps: AtomicU64::new(0),
                unmaps: AtomicU64::new(0),
                purges: AtomicU64::new(0),
                purged: AtomicUsize::new(0),
                opened: mark::AtomicU64::new(0),
                limit: AtomicUsize::new(0),
                soft: AtomicUsize::new(0),
                look_at: AtomicUsize::new(0),
            }
        }
    }

    /// Bytes that may be mapped; `usize::MAX`: any number.
    pub(crate) fn limit(&self) -> usize {
        !self.limit.load(Ordering::Relaxed)
    }

    pub(crate) fn set_limit(&self, bytes: usize) {
        self.limit.store(!bytes, Ordering::Relaxed);
    }

    /// Bytes above which what is free is released; `usize::MAX`: any number.
    pub(crate) fn soft_limit(&self) -> usize {
        !self.soft.load(Ordering::Relaxed)
    }

    pub(crate) fn set_soft_limit(&self, bytes: usize) {
        self.soft.store(!bytes, Ordering::Relaxed);
        self.look_at.store(0, Ordering::Relaxed);
    }

    /// What will be mapped with `more` bytes, if that is above the soft limit.
    pub(crate) fn above_soft_limit(&self, more: usize) -> Option<usize> {
        let ahead = self.mapped.load(Ordering::Relaxed).saturating_add(more);
        if ahead > self.soft_limit() {
            return Some(ahead);
        }
        if self.look_at.load(Ordering::Relaxed) != 0 {
            self.look_at.store(0, Ordering::Relaxed);
        }
        None
    }

    /// Whether it is time to look at all that may be free, with `ahead` bytes about to be mapped;
    /// of several threads, one is told so.
    pub(crate) fn is_look_due(&self, ahead: usize) -> bool {
        let look_at = self.look_at.load(Ordering::Relaxed);
        let next = ahead.saturating_add(ahead / LOOK_PART);
        let relaxed = Ordering::Relaxed;
        ahead >= look_at && self.look_at.compare_exchange(look_at, next, relaxed, relaxed).is_ok()
    }

    /// Books `size` bytes that are about to be mapped. Answers what is mapped with them; `None`: that
    /// would be above the limit. No bytes are always to be had: what is mapped may be above the limit
    /// already, if that came later.
    fn reserve(&self, size: usize) -> Option<usize> {
        let mut now = self.mapped.load(Ordering::Relaxed);
        loop {
            let within = |then: &usize| size == 0 || *then <= self.limit();
            let then = now.checked_add(size).filter(within)?;
            let relaxed = Ordering::Relaxed;
            match self.mapped.compare_exchange_weak(now, then, relaxed, relaxed) {
                Ok(_) => return Some(then),
                Err(seen) => now = seen,
            }
        }
    }

    /// Has `take` take `size` bytes more from the source, if the limit allows that.
    fn grow<T>(&self, size: usize, take: impl FnOnce() -> Option<T>) -> Option<T> {
        let then = self.reserve(size)?;
        let taken = take();
        if taken.is_some() {
            self.maps.fetch_add(1, Ordering::Relaxed);
            self.peak.fetch_max(then, Ordering::Relaxed);
        } else {
            self.mapped.fetch_sub(size, Ordering::Relaxed);
        }
        taken
    }

    /// Maps and books; see [`PageSource::map`]. For tables alone.
    pub(crate) fn map<S: PageSource>(
        &self,
        source: &S,
        size: usize,
        align: usize,
    ) -> Option<NonNull<u8>> {
        self.grow(size, || source.map(size, align))
    }

    /// Notes that a superslab opens: of what it lies on, what is done to fresh memory is done to this.
    pub(crate) fn opened(&self, size: usize) {
        self.opened.fetch_add(size as u64, Ordering::Relaxed);
    }

    /// Maps and books; see [`PageSource::map_any`].
    pub(crate) fn map_any<S: PageSource>(
        &self,
        source: &S,
        size: usize,
        align: usize,
    ) -> Option<(NonNull<u8>, bool)> {
        self.grow(size, || source.map_any(size, align))
    }

    /// Unmaps and books; see [`PageSource::unmap`].
    ///
    /// # Safety
    /// As for [`PageSource::unmap`].
    pub(crate) unsafe fn unmap<S: PageSource>(
        &self,
        source: &S,
        base: NonNull<u8>,
        size: usize,
    ) -> bool {
        // SAFETY: the caller's promise.
        let gone = unsafe { source.unmap(base, size) };
        if gone {
            self.unmaps.fetch_add(1, Ordering::Relaxed);
            self.mapped.fetch_sub(size, Ordering::Relaxed);
        }
        gone
    }

    /// Purges and books; see [`PageSource::purge`].
    ///
    /// # Safety
    /// As for [`PageSource::purge`].
    pub(crate) unsafe fn purge<S: PageSource>(
        &self,
        source: &S,
        base: NonNull<u8>,
        size: usize,
    ) -> bool {
        self.purges.fetch_add(1, Ordering::Relaxed);
        // SAFETY: the caller's promise.
        let zero = unsafe { source.purge(base, size) };
        if zero {
            self.purged.fetch_add(size, Ordering::Relaxed);
        }
        zero
    }

    /// Purges several ranges and books it as one; see [`PageSource::purge_all`].
    ///
    /// # Safety
    /// As for [`PageSource::purge_all`].
    pub(crate) unsafe fn purge_all<S: PageSource>(
        &self,
        source: &S,
        ranges: &[(NonNull<u8>, usize)],
    ) -> bool {
        self.purges.fetch_add(1, Ordering::Relaxed);
        // SAFETY: the caller's promise.
        let zero = unsafe { source.purge_all(ranges) };
        if zero {
            let size: usize = ranges.iter().map(|(_, size)| size).sum();
            self.purged.fetch_add(size, Ordering::Relaxed);
        }
        zero
    }

    /// Remaps and books; see [`PageSource::remap`].
    ///
    /// # Safety
    /// As for [`PageSource::remap`].
    pub(crate) unsafe fn remap<S: PageSource>(
        &self,
        source: &S,
        base: NonNull<u8>,
        old: usize,
        new: usize,
        align: usize,
    ) -> Option<NonNull<u8>> {
        let more = new.saturating_sub(old);
        let moved = self.grow(more, || {
            // SAFETY: the caller's promise.
            unsafe { source.remap(base, old, new, align) }
        })?;
        self.mapped.fetch_sub(old.saturating_sub(new), Ordering::Relaxed);
        Some(moved)
    }

    /// The table behind `cell`, mapped now if it was not yet. `None`: out of memory. Two threads
    /// may both map one; the first to publish wins, the other gives its own back.
    pub(crate) fn table<'a, T: Table, S: PageSource>(
        &self,
        source: &S,
        cell: &'a AtomicPtr<T>,
    ) -> Option<&'a T> {
        if let Some(table) = published(cell) {
            return Some(table);
        }
        let size = size_of::<T>().next_multiple_of(source.page_size());
        let made = T::make(|| self.map(source, size, source.page_size()))?;
        match cell.compare_exchange(
            core::ptr::null_mut(),
            made.as_ptr(),
            // ORDERING: Release publishes the table's first contents; Acquire, on losing, reads
            // the winner's.
            Ordering::Release,
            Ordering::Acquire,
        ) {
            Ok(_) => {
                self.tables.fetch_add(size, Ordering::Relaxed);
                // SAFETY: just published, never unmapped.
                Some(unsafe { made.as_ref() })
            }
            Err(winner) => {
                // SAFETY: ours alone, it was never published. Should the source refuse to take
                // it back, it stays booked as mapped.
                unsafe { T::unmake(made, |base| _ = self.unmap(source, base, size)) };
                // SAFETY: the winner's is published and never unmapped.
                NonNull::new(winner).map(|table| unsafe { table.as_ref() })
            }
        }
    }
}

/// The table behind `cell`, if it was made yet.
#[inline(always)]
pub(crate) fn published<T: Table>(cell: &AtomicPtr<T>) -> Option<&T> {
    // ORDERING: Acquire pairs with the Release of the CAS in `Ledger::table`: a table is read after
    // it was made. Free on x86-64, and a plain load's cost on aarch64.
    let table = cell.load(Ordering::Acquire);
    // SAFETY: published tables are never unmapped and are shared by reference alone.
    unsafe { table.as_ref() }
}

/// A table that lives in pages of its own and is never unmapped.
///
/// # Safety
/// All-zero bytes are a valid, empty table.
pub(crate) unsafe trait Table: Sync + Sized {
    /// A table built by hand, for loom, whose atomics are not plain memory.
    #[cfg(loom)]
    fn blank() -> Self;

    /// Makes an empty table, in pages that `map` returns.
    fn make(map: impl FnOnce() -> Option<NonNull<u8>>) -> Option<NonNull<Self>> {
        #[cfg(not(loom))]
        {
            const { assert!(align_of::<Self>() <= 4096) };
            map().map(NonNull::cast)
        }
        #[cfg(loom)]
        {
            drop(map);
            NonNull::new(std::boxed::Box::into_raw(std::boxed::Box::new(Self::blank())))
        }
    }

    /// Undoes [`Table::make`].
    ///
    /// # Safety
    /// `made` came from `make` and nobody else knows it.
    unsafe fn unmake(made: NonNull<Self>, unmap: impl FnOnce(NonNull<u8>)) {
        #[cfg(not(loom))]
        unmap(made.cast());
        #[cfg(loom)]
        {
            drop(unmap);
            // SAFETY: `make` boxed it.
            drop(unsafe { std::boxed::Box::from_raw(made.as_ptr()) });
        }
    }
}

/// Frees the boxed tables of a model; real tables stay for good.
#[cfg(loom)]
pub(crate) fn drop_table<T: Table>(cell: &AtomicPtr<T>) {
    let table = cell.load(Ordering::Relaxed);
    if !table.is_null() {
        // SAFETY: `Table::make` boxed it, and the heap that owns the cell is being dropped.
        drop(unsafe { std::boxed::Box::from_raw(table) });
    }
}

#[cfg(all(test, not(loom)))]
mod tests {
    use super::*;

    #[test]
    fn a_limit_is_exact() {
        let ledger = Ledger::new();
        ledger.set_limit(100);
        assert_eq!(ledger.grow(60, || Some(())), Some(()));
        assert_eq!(ledger.grow(41, || -> Option<()> { panic!("the source was asked") }), None);
        assert_eq!(ledger.grow(40, || None::<()>), None);
        assert_eq!(ledger.grow(40, || Some(())), Some(()));
        assert_eq!(ledger.grow(usize::MAX, || Some(())), None);
        ledger.set_limit(50);
        assert_eq!(ledger.grow(1, || Some(())), None);
        assert_eq!(ledger.grow(0, || Some(())), Some(()));
        assert_eq!(ledger.mapped.load(Ordering::Relaxed), 100);
        assert_eq!(ledger.peak.load(Ordering::Relaxed), 100);
    }

    /// Above the soft limit the first map looks, and then one after a part more is mapped; below it
    /// all begins anew.
    #[test]
    fn looks_for_free_memory_are_far_between() {
        let ledger = Ledger::new();
        assert_eq!(ledger.above_soft_limit(usize::MAX - 1), None);
        ledger.set_soft_limit(1000);
        for _ in 0..2 {
            let looks = |from: usize, to: usize| {
                let above = (from..to).filter_map(|more| ledger.above_soft_limit(more));
                above.filter(|ahead| ledger.is_look_due(*ahead)).count()
            };
            assert_eq!((looks(0, 1001), looks(1001, 1002)), (0, 1));
            assert_eq!(looks(1002, 1100), 0);
            assert!((2..10).contains(&looks(1100, 2000)));
            assert_eq!(looks(1, 2), 0);
        }
    }
}
