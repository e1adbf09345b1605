//! The gate to the page source: every byte that comes or goes is booked here, exactly.

use crate::source::PageSource;
use crate::sync::{AtomicPtr, AtomicU64, AtomicUsize, Ordering, const_fn};
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
}

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
            }
        }
    }

    fn add(&self, size: usize) {
        let now = self.mapped.fetch_add(size, Ordering::Relaxed) + size;
        self.peak.fetch_max(now, Ordering::Relaxed);
    }

    /// Maps and books; see [`PageSource::map`].
    pub(crate) fn map<S: PageSource>(
        &self,
        source: &S,
        size: usize,
        align: usize,
    ) -> Option<NonNull<u8>> {
        let base = source.map(size, align)?;
        self.maps.fetch_add(1, Ordering::Relaxed);
        self.add(size);
        Some(base)
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
        // SAFETY: the caller's promise.
        let moved = unsafe { source.remap(base, old, new, align) }?;
        self.maps.fetch_add(1, Ordering::Relaxed);
        if new >= old {
            self.add(new - old);
        } else {
            self.mapped.fetch_sub(old - new, Ordering::Relaxed);
        }
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
