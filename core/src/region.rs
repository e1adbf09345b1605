//! Memory in fixed regions as a page source: for kernels, and whoever else has memory and no mmap.
//!
//! ```text
//! region  |slack|  pages: mapped, or in a hole  |slack|      slack: what is not a whole page
//!               +-- one linked_list_allocator --+
//! ```
//! Holes are kept in the holes themselves, and a region holds what it held before: so what must read zero
//! is cleared. A region that begins where another ends becomes part of it: a hook that hands out one piece
//! of memory after the other needs one place in the list for all of them.
//!
//! Tables go to the lowest addresses that are free and superslabs to the lowest multiple of their
//! size, so a region should begin a little *before* a multiple of 1 MiB rather than at one: then the
//! tables cost no superslab.

mod error;

#[cfg(all(test, not(loom)))]
mod tests;

pub use error::RegionError;

use crate::source::PageSource;
use crate::sync::{AtomicUsize, Lock, Ordering, Spin, cells, const_fn};
use core::alloc::Layout;
use core::ptr::NonNull;
use linked_list_allocator::Heap as Holes;

/// Bytes of a page of a region: what a region is trimmed to, and counted in.
pub(crate) const PAGE: usize = 4096;

/// Hooks that may be under way at once. A hook that allocates from the heap that it serves asks for
/// itself: this ends it.
const HOOKS: usize = 8;

/// What is asked for more memory: at least `size` bytes at a multiple of `align`. Answers a region's
/// start and its bytes.
pub type Growth = fn(size: usize, align: usize) -> Option<(*mut u8, usize)>;

/// What a source holds, in bytes.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct RegionStats {
    /// Regions, after those that adjoin were joined.
    pub regions: usize,
    /// In all regions, without what was trimmed off.
    pub total: usize,
    /// Of `total`, what is mapped by nobody.
    pub free: usize,
    /// The most that was ever mapped.
    pub peak: usize,
}

/// A page source over up to `REGIONS` regions of memory, all given at run time.
///
/// Made to be part of a `static`: it is empty, and all zero, until [`add`](Self::add) gives it
/// memory. A spin lock guards the list for as long as a search takes, and no memory is cleared under it.
pub struct RegionSource<const REGIONS: usize = 8> {
    regions: Lock<Regions<REGIONS>, Spin>,
    hook: Hook,
    /// Whether a region was ever added; beside the lock, for who must not wait.
    ready: AtomicUsize,
}

/// A hook, and how often it is under way.
pub(crate) struct Hook {
    hook: Option<Growth>,
    turns: AtomicUsize,
}

impl Hook {
    const_fn! {
        pub(crate) fn new(hook: Option<Growth>) -> Self {
            Self { hook, turns: AtomicUsize::new(0) }
        }
    }

    /// Whether there is one.
    pub(crate) fn is_some(&self) -> bool {
        self.hook.is_some()
    }

    /// Asks for a region in which `size` bytes at a multiple of `align` fit.
    #[cold]
    pub(crate) fn ask(&self, size: usize, align: usize) -> Option<(*mut u8, usize)> {
        let hook = self.hook?;
        let turn = self.turns.fetch_add(1, Ordering::Relaxed);
        let given = if turn < HOOKS { hook(size, align) } else { None };
        self.turns.fetch_sub(1, Ordering::Relaxed);
        given
    }
}

struct Regions<const REGIONS: usize> {
    /// The first `count` are in use, in the order in which they came.
    list: [Region; REGIONS],
    count: usize,
    used: usize,
    peak: usize,
    /// Size and alignment of the last map that failed; 0: there was none since it was last asked for.
    missed: (usize, usize),
}

struct Region {
    holes: Holes,
    start: usize,
    end: usize,
}

/// The whole pages of a region.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Pages {
    pub(crate) start: NonNull<u8>,
    pub(crate) size: usize,
}

impl Pages {
    /// Trims a region to whole pages.
    pub(crate) fn of(start: *mut u8, size: usize) -> Result<Self, RegionError> {
        let given = NonNull::new(start).ok_or(RegionError::Null)?;
        let first = start.addr();
        let end = first.checked_add(size).filter(|_| size <= isize::MAX as usize);
        let end = end.ok_or(RegionError::TooLarge)? / PAGE * PAGE;
        let lost = first.wrapping_neg() % PAGE;
        let size = end.saturating_sub(first).saturating_sub(lost);
        if size == 0 {
            return Err(RegionError::TooSmall { least: lost + PAGE });
        }
        // SAFETY: within the region, which is longer than what is lost.
        Ok(Self { start: unsafe { given.add(lost) }, size })
    }

    pub(crate) fn first(self) -> usize {
        self.start.as_ptr().addr()
    }

    pub(crate) fn end(self) -> usize {
        self.first() + self.size
    }
}

impl<const REGIONS: usize> RegionSource<REGIONS> {
    const_fn! {
        /// A source without memory.
        pub fn new() -> Self {
            Self::with_hook(None)
        }
    }

    const_fn! {
        /// A source without memory that asks `hook` when it runs out: of each map that fails once, under
        /// no lock of the source's, with the size and the alignment that would do. What the hook gives is
        /// added, as by [`add`](Self::add), and the map tried again.
        ///
        /// The hook owes what `add` asks for. It must not allocate from the heap that the source serves;
        /// where it does, it is asked for that in turn, and after some such turns there is no memory.
        pub fn growing(hook: Growth) -> Self {
            Self::with_hook(Some(hook))
        }
    }

    const_fn! {
        fn with_hook(hook: Option<Growth>) -> Self {
            let list = cells!(Region { holes: Holes::empty(), start: 0, end: 0 }; REGIONS);
            Self {
                regions: Lock::new(Regions { list, count: 0, used: 0, peak: 0, missed: (0, 0) }),
                hook: Hook::new(hook),
                ready: AtomicUsize::new(0),
            }
        }
    }

    /// Adds a region. Any start and size will do: what is not a whole page of 4 KiB is left alone.
    ///
    /// # Errors
    /// A null pointer; a region without a whole page, or past the end of addresses; one that overlaps
    /// another or was given before; one more than there are places. Nothing has changed then.
    ///
    /// # Safety
    /// The region is readable and writable memory that nobody else uses, for good.
    pub unsafe fn add(&self, start: *mut u8, size: usize) -> Result<(), RegionError> {
        let pages = Pages::of(start, size)?;
        // SAFETY: the caller's promise, of which the pages are a part.
        self.regions.with(|regions| unsafe { regions.add(pages) })?;
        self.ready.store(1, Ordering::Relaxed);
        Ok(())
    }

    /// The source in numbers.
    pub fn stats(&self) -> RegionStats {
        self.regions.with(|regions| {
            let total = regions.iter().map(|region| region.end - region.start).sum();
            let (used, peak) = (regions.used, regions.peak);
            RegionStats { regions: regions.count, total, free: total - used, peak }
        })
    }

    /// Size and alignment of the last map that failed since this was last asked.
    #[cfg(not(loom))]
    pub(crate) fn take_missed(&self) -> Option<(usize, usize)> {
        let missed = self.regions.with(|regions| core::mem::take(&mut regions.missed));
        Some(missed).filter(|(size, _)| *size > 0)
    }

    /// Asks the hook once. Whether there is more memory now.
    #[cold]
    fn grow(&self, size: usize, align: usize) -> bool {
        let given = self.hook.ask(size, align);
        // SAFETY: what hooks owe.
        given.is_some_and(|(start, size)| unsafe { self.add(start, size) }.is_ok())
    }
}

impl<const REGIONS: usize> Default for RegionSource<REGIONS> {
    fn default() -> Self {
        Self::new()
    }
}

impl<const REGIONS: usize> Regions<REGIONS> {
    fn iter(&self) -> core::slice::Iter<'_, Region> {
        self.list[..self.count].iter()
    }

    /// # Safety
    /// As for [`RegionSource::add`].
    unsafe fn add(&mut self, pages: Pages) -> Result<(), RegionError> {
        let (start, end) = (pages.first(), pages.end());
        if let Some(other) = self.iter().find(|other| start < other.end && other.start < end) {
            if (other.start, other.end) == (start, end) {
                return Err(RegionError::GivenTwice);
            }
            let size = other.end - other.start;
            return Err(RegionError::Overlaps { start: other.start, size });
        }
        let regions = &mut self.list[..self.count];
        if let Some(below) = regions.iter_mut().find(|other| other.end == start) {
            // SAFETY: the pages adjoin, and are the caller's to give.
            unsafe { below.holes.extend(pages.size) };
            below.end = end;
            return Ok(());
        }
        let most = REGIONS;
        let region = self.list.get_mut(self.count).ok_or(RegionError::TooMany { most })?;
        // SAFETY: whole pages, which are the caller's to give; the place was never used.
        unsafe { region.holes.init(pages.start.as_ptr(), pages.size) };
        (region.start, region.end) = (start, end);
        self.count += 1;
        Ok(())
    }

    fn take(&mut self, layout: Layout) -> Option<NonNull<u8>> {
        let regions = &mut self.list[..self.count];
        let taken = regions.iter_mut().find_map(|region| {
            // A search is as long as the holes are many.
            let fits = layout.size() <= region.holes.free();
            if fits { region.holes.allocate_first_fit(layout).ok() } else { None }
        });
        let Some(taken) = taken else {
            self.missed = (layout.size(), layout.align());
            return None;
        };
        self.used += layout.size();
        self.peak = self.peak.max(self.used);
        Some(taken)
    }

    /// Gives pages back, which may be parts of several regions that adjoin. `false`: some of them
    /// are of none.
    ///
    /// # Safety
    /// As for [`PageSource::unmap`].
    unsafe fn give(&mut self, pages: Pages) -> bool {
        let (first, end) = (pages.first(), pages.end());
        let regions = &mut self.list[..self.count];
        let part = |region: &Region| first.max(region.start)..end.min(region.end);
        let known: usize = regions.iter().map(|region| part(region).len()).sum();
        if known != pages.size {
            return false;
        }
        for region in regions {
            let part = part(region);
            if let Ok(layout) = Layout::from_size_align(part.len(), PAGE) {
                if !part.is_empty() {
                    // SAFETY: within the pages, which the caller gives up.
                    unsafe { region.holes.deallocate(pages.start.add(part.start - first), layout) };
                }
            }
        }
        self.used -= pages.size;
        true
    }
}

// SAFETY: the regions are nobody else's by the promise of who added them; what one map got, no other
// gets until it is given back; and it was cleared.
unsafe impl<const REGIONS: usize> PageSource for RegionSource<REGIONS> {
    fn page_size(&self) -> usize {
        PAGE
    }

    fn map(&self, size: usize, align: usize) -> Option<NonNull<u8>> {
        let (start, _) = self.map_any(size, align)?;
        // SAFETY: just mapped, and as long.
        unsafe { start.as_ptr().write_bytes(0, size) };
        Some(start)
    }

    /// Whatever was there before.
    fn map_any(&self, size: usize, align: usize) -> Option<(NonNull<u8>, bool)> {
        let layout = Layout::from_size_align(size.checked_next_multiple_of(PAGE)?, align).ok()?;
        let take = || self.regions.with(|regions| regions.take(layout));
        let start = take().or_else(|| if self.grow(size, align) { take() } else { None })?;
        Some((start, false))
    }

    unsafe fn unmap(&self, base: NonNull<u8>, size: usize) -> bool {
        // SAFETY: the caller's promise.
        self.regions.with(|regions| unsafe { regions.give(Pages { start: base, size }) })
    }

    /// Fixed memory is backed always.
    unsafe fn purge(&self, _: NonNull<u8>, _: usize) -> bool {
        false
    }

    unsafe fn populate(&self, _: NonNull<u8>, _: usize) -> bool {
        false
    }

    unsafe fn remap(&self, _: NonNull<u8>, _: usize, _: usize, _: usize) -> Option<NonNull<u8>> {
        None
    }

    /// It has memory, or somebody to ask.
    fn is_ready(&self) -> bool {
        self.hook.is_some() || self.ready.load(Ordering::Relaxed) != 0
    }
}
