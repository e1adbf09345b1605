//! A page source for tests: it counts every byte, faults on touch after unmap, fails on demand.
//!
//! Addresses come from one reservation and are not used twice while it lasts, so that whatever
//! still points at memory that went back faults. Where pointers have 32 bits it does not last long.

#![allow(dead_code, unreachable_pub, reason = "each test uses its own part, in its own crate")]

use core::ptr::NonNull;
use hakmem_core::{
    Cache, Heap, Host, HugeAdvice, HugePages, Misuse, MisuseKind, PageSource, Verdict,
};
use rustix::mm::{Advice, MapFlags, MprotectFlags, ProtFlags};
use std::boxed::Box;
use std::collections::BTreeMap;
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::vec::Vec;

/// Whether addresses are scarce.
pub const NARROW: bool = cfg!(target_pointer_width = "32");
/// Addresses reserved for each fake: 64 GiB, of which only what is mapped costs memory; or 576 MiB, so that
/// a few fit beside each other. Other machines are often played by QEMU, to which each page is a cost.
const RESERVATION: usize = if NARROW {
    9 << 26
} else if cfg!(target_arch = "x86_64") {
    1 << (usize::BITS - 28)
} else {
    1 << (usize::BITS - 31)
};
/// Farther than a leaf of the hosted registry reaches: 4 GiB, or 64 MiB.
pub const FAR: usize = if NARROW { 80 << 20 } else { 5 << (usize::BITS - 34) };

/// How a fake behaves from now on; all off to begin with.
#[derive(Clone, Copy, Debug, Default)]
pub struct Manners {
    /// Calls of `map` and `remap` that succeed before one fails, once.
    pub fail_after: Option<u64>,
    /// From that failure on, all fail.
    pub fail_for_good: bool,
    /// Bytes that may be mapped at once; 0: any number.
    pub limit: usize,
    /// `unmap` refuses.
    pub refuse_unmap: bool,
    /// One call of `unmap`, `purge` or `remap` in so many refuses; 0: none. As a system does that has no
    /// room for one more mapping, where a range is to be split.
    pub refuse_each: u64,
    /// `purge` does nothing.
    pub refuse_purge: bool,
    /// `remap` is not to be had.
    pub refuse_remap: bool,
    /// `remap` moves even where it need not.
    pub always_move: bool,
    /// `remap` moves this much farther than it need.
    pub move_farther: usize,
    /// What the system does about huge pages.
    pub huge_pages: HugePages,
    /// The host says that a thread keeps the heap's bounds.
    pub has_thread: bool,
    /// Misuse is recorded; otherwise it also panics.
    pub tolerate_misuse: bool,
}

#[derive(Debug, Default)]
struct State {
    manners: Manners,
    /// The next address that was never used.
    next: usize,
    /// What is mapped: base -> bytes. Neighbours stay separate mappings.
    mapped: BTreeMap<usize, usize>,
    bytes: usize,
    peak: usize,
    calls: u64,
    failed: u64,
    /// Calls that `refuse_each` counts.
    changes: u64,
    misuses: Vec<Misuse>,
    /// Base, size and kind of each advice.
    advice: Vec<(usize, usize, HugeAdvice)>,
    /// Base and size of each call of `populate`.
    populated: Vec<(usize, usize)>,
    /// What is asked for now: base -> bytes.
    asked: BTreeMap<usize, usize>,
    /// Purges of a part of it.
    torn: usize,
    started: usize,
    pressed: bool,
    /// Base and size of all that was purged or unmapped.
    given: Vec<(usize, usize)>,
}

/// A host over memory of the test's own.
#[derive(Debug)]
pub struct Fake {
    start: usize,
    page: usize,
    state: Mutex<State>,
}

/// A heap over a fake. Its tables' roots are larger than an unoptimised test's stack has room for,
/// several times over, so it is built on a stack of its own.
pub fn heap(host: Fake) -> Box<Heap<Fake>> {
    let builder = std::thread::Builder::new().stack_size(64 << 20);
    let built = builder.spawn(|| Box::new(Heap::new(host))).expect("a thread");
    built.join().expect("a heap")
}

/// Where reservations were.
fn given_back() -> MutexGuard<'static, Vec<usize>> {
    static STARTS: Mutex<Vec<usize>> = Mutex::new(Vec::new());
    STARTS.lock().unwrap_or_else(PoisonError::into_inner)
}

impl Fake {
    /// A fake with pages of 4 KiB.
    pub fn new() -> Self {
        Self::with_page(4096)
    }

    /// A fake with pages of `page` bytes: 4, 16 or 64 KiB.
    pub fn with_page(page: usize) -> Self {
        assert!(page.is_power_of_two() && (4096..=65536).contains(&page));
        let flags = MapFlags::PRIVATE | MapFlags::NORESERVE;
        // QEMU remembers something of every page that there ever was: better the same ones again.
        let hint = if cfg!(target_arch = "x86_64") { None } else { given_back().pop() };
        // SAFETY: a fresh reservation, where it was said to be good or the system chooses.
        let start = unsafe {
            rustix::mm::mmap_anonymous(
                Self::pointer(hint.unwrap_or(0)),
                RESERVATION,
                ProtFlags::empty(),
                flags,
            )
        };
        let start = start.expect("addresses for the reservation").expose_provenance();
        // The first addresses stay unused: an underrun of the first block faults. And a small leaf of the
        // registry may end anywhere, but tests count its making.
        let align = if NARROW { 64 << 20 } else { 65536 };
        let next = (start + 65536).next_multiple_of(align);
        let state = State { next, ..State::default() };
        Self { start, page, state: Mutex::new(state) }
    }

    /// Whether the heap pressed its host's thread since this was last asked.
    pub fn was_pressed(&self) -> bool {
        std::mem::take(&mut self.state().pressed)
    }

    /// Base and size of what was purged or unmapped since this was last asked.
    pub fn given_back(&self) -> Vec<(usize, usize)> {
        std::mem::take(&mut self.state().given)
    }

    /// Whether a range begins in a mapping that is there.
    pub fn is_mapped(&self, base: usize) -> bool {
        let state = self.state();
        let before = state.mapped.range(..=base).next_back();
        before.is_some_and(|(&start, &len)| base < start + len)
    }

    fn end(&self) -> usize {
        self.start + RESERVATION
    }

    /// Addresses that nothing uses, and nothing ever did if that can be.
    fn place(&self, state: &mut State, size: usize, align: usize) -> Option<usize> {
        let fresh = state.place(self.end(), size, align);
        fresh.or_else(|| state.gap(self.start + 65536, self.end(), size, align))
    }

    fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Changes how the fake behaves.
    pub fn manners(&self, change: impl FnOnce(&mut Manners)) {
        change(&mut self.state().manners);
    }

    /// Whether misuse is recorded alone.
    pub fn tolerates_misuse(&self) -> bool {
        self.state().manners.tolerate_misuse
    }

    /// Whether some calls are refused that could be served.
    pub fn refuses_some(&self) -> bool {
        self.state().manners.refuse_each != 0
    }

    /// Bytes mapped now.
    pub fn mapped(&self) -> usize {
        self.state().bytes
    }

    /// The most bytes that were ever mapped.
    pub fn peak(&self) -> usize {
        self.state().peak
    }

    /// Calls of `map` and `remap` so far.
    pub fn calls(&self) -> u64 {
        self.state().calls
    }

    /// Calls of `map` and `remap` that failed.
    pub fn failures(&self) -> u64 {
        self.state().failed
    }

    /// Caches that told the host of their start.
    pub fn started(&self) -> usize {
        self.state().started
    }

    /// The advice about huge pages so far, as base, size and kind; forgets it.
    pub fn take_advice(&self) -> Vec<(usize, usize, HugeAdvice)> {
        core::mem::take(&mut self.state().advice)
    }

    /// What was to be populated so far, as base and size; forgets it.
    pub fn take_populated(&self) -> Vec<(usize, usize)> {
        core::mem::take(&mut self.state().populated)
    }

    /// Purges of a part of what was asked for at the time.
    pub fn torn(&self) -> usize {
        self.state().torn
    }

    /// The wrong calls so far; forgets them.
    pub fn take_misuses(&self) -> Vec<Misuse> {
        core::mem::take(&mut self.state().misuses)
    }

    /// The kinds of the wrong calls so far; forgets them.
    pub fn take_misuse_kinds(&self) -> Vec<MisuseKind> {
        self.take_misuses().into_iter().map(|misuse| misuse.kind).collect()
    }

    fn pointer(address: usize) -> *mut core::ffi::c_void {
        core::ptr::with_exposed_provenance_mut(address)
    }

    fn open(base: usize, size: usize) {
        let access = MprotectFlags::READ | MprotectFlags::WRITE;
        // SAFETY: part of the reservation that nothing uses.
        unsafe { rustix::mm::mprotect(Self::pointer(base), size, access) }.expect("to map");
    }

    fn drop_pages(base: usize, size: usize) {
        // SAFETY: part of the reservation, and its user gave the contents up.
        unsafe { rustix::mm::madvise(Self::pointer(base), size, Advice::LinuxDontNeed) }
            .expect("to drop pages");
    }

    fn close(base: usize, size: usize) {
        Self::drop_pages(base, size);
        // SAFETY: part of the reservation that nothing uses any more.
        unsafe { rustix::mm::mprotect(Self::pointer(base), size, MprotectFlags::empty()) }
            .expect("to unmap");
    }

    fn check(&self, base: usize, size: usize) {
        let whole = base % self.page == 0 && size % self.page == 0 && size > 0;
        assert!(whole, "{base:#x} + {size:#x} is not whole pages");
    }
}

impl State {
    /// Counts a call that takes `size` more bytes, and says whether it may succeed.
    fn admit(&mut self, size: usize) -> bool {
        self.calls += 1;
        let failing = match &mut self.manners.fail_after {
            Some(0) => {
                if !self.manners.fail_for_good {
                    self.manners.fail_after = None;
                }
                true
            }
            Some(left) => {
                *left -= 1;
                false
            }
            None => false,
        };
        let limit = self.manners.limit;
        let refused = failing || (limit != 0 && self.bytes + size > limit);
        self.failed += u64::from(refused);
        !refused
    }

    /// Counts a call that changes a mapping, and says whether it is one that is refused.
    fn balks(&mut self) -> bool {
        self.changes += 1;
        let each = self.manners.refuse_each;
        each != 0 && self.changes % each == 0
    }

    /// Addresses never used before.
    fn place(&mut self, end: usize, size: usize, align: usize) -> Option<usize> {
        let base = self.next.checked_next_multiple_of(align)?;
        if size > end.saturating_sub(base) {
            return None;
        }
        self.next = base + size;
        Some(base)
    }

    /// The lowest addresses between `start` and `end` that are not mapped.
    fn gap(&self, start: usize, end: usize, size: usize, align: usize) -> Option<usize> {
        let mut base = start.checked_next_multiple_of(align)?;
        for (&at, &len) in &self.mapped {
            if at.checked_sub(base).is_some_and(|room| size <= room) {
                break;
            }
            base = base.max((at + len).checked_next_multiple_of(align)?);
        }
        (size <= end.saturating_sub(base)).then_some(base)
    }

    fn insert(&mut self, base: usize, size: usize) {
        self.mapped.insert(base, size);
        self.bytes += size;
        self.peak = self.peak.max(self.bytes);
    }

    /// Books a range as not mapped; it may be parts of several mappings.
    fn remove(&mut self, base: usize, size: usize) {
        let end = base + size;
        let mut at = base;
        while at < end {
            let (&start, &len) =
                self.mapped.range(..=at).next_back().expect("a range that is mapped");
            assert!(at < start + len, "{at:#x} is not mapped");
            let stop = end.min(start + len);
            self.mapped.remove(&start);
            if start < at {
                self.mapped.insert(start, at - start);
            }
            if stop < start + len {
                self.mapped.insert(stop, start + len - stop);
            }
            self.bytes -= stop - at;
            at = stop;
        }
    }

    fn assert_mapped(&self, base: usize, size: usize) {
        let mut at = base;
        while at < base + size {
            let (&start, &len) =
                self.mapped.range(..=at).next_back().expect("a range that is mapped");
            assert!(at < start + len, "{at:#x} is not mapped");
            at = start + len;
        }
    }
}

// SAFETY: ranges are disjoint parts of the reservation, opened when they are mapped, zero because
// they were never used or their pages were dropped.
unsafe impl PageSource for Fake {
    fn page_size(&self) -> usize {
        self.page
    }

    fn map(&self, size: usize, align: usize) -> Option<NonNull<u8>> {
        self.check(0, size);
        assert!(align.is_power_of_two() && align >= self.page, "alignment {align:#x}");
        let mut state = self.state();
        if !state.admit(size) {
            return None;
        }
        let base = self.place(&mut state, size, align)?;
        Self::open(base, size);
        state.insert(base, size);
        NonNull::new(Self::pointer(base).cast())
    }

    unsafe fn unmap(&self, base: NonNull<u8>, size: usize) -> bool {
        let base = base.as_ptr().addr();
        self.check(base, size);
        let mut state = self.state();
        state.assert_mapped(base, size);
        if state.manners.refuse_unmap || state.balks() {
            return false;
        }
        state.remove(base, size);
        state.given.push((base, size));
        Self::close(base, size);
        true
    }

    unsafe fn purge(&self, base: NonNull<u8>, size: usize) -> bool {
        let base = base.as_ptr().addr();
        self.check(base, size);
        let mut state = self.state();
        state.assert_mapped(base, size);
        if state.manners.refuse_purge || state.balks() {
            return false;
        }
        let torn = state.asked.iter().any(|(&start, &len)| {
            let apart = base >= start + len || start >= base + size;
            !apart && size < len
        });
        state.torn += usize::from(torn);
        state.given.push((base, size));
        Self::drop_pages(base, size);
        true
    }

    unsafe fn populate(&self, base: NonNull<u8>, size: usize) -> bool {
        let base = base.as_ptr().addr();
        self.check(base, size);
        let mut state = self.state();
        state.assert_mapped(base, size);
        state.populated.push((base, size));
        // Works one time, fails the next: nobody may mind.
        state.populated.len() % 2 == 0
    }

    fn huge_pages(&self) -> HugePages {
        self.state().manners.huge_pages
    }

    unsafe fn advise_huge(&self, base: NonNull<u8>, size: usize, advice: HugeAdvice) -> bool {
        let base = base.as_ptr().addr();
        self.check(base, size);
        let mut state = self.state();
        state.assert_mapped(base, size);
        assert_ne!(state.manners.huge_pages, HugePages::None, "advice that nobody heeds");
        state.advice.push((base, size, advice));
        if advice == HugeAdvice::Refuse {
            state.asked.remove(&base);
        } else {
            let whole = base.next_multiple_of(2 << 20) + (2 << 20) <= base + size;
            assert!(whole, "no whole huge page");
            state.asked.insert(base, size);
        }
        true
    }

    unsafe fn remap(
        &self,
        base: NonNull<u8>,
        old: usize,
        new: usize,
        align: usize,
    ) -> Option<NonNull<u8>> {
        let from = base.as_ptr().addr();
        self.check(from, old);
        self.check(from, new);
        let mut state = self.state();
        state.assert_mapped(from, old);
        if state.manners.refuse_remap || state.balks() || !state.admit(new.saturating_sub(old)) {
            return None;
        }
        assert_eq!(from % align, 0, "remap of {from:#x}, which is not at a multiple of {align:#x}");
        let stays = !state.manners.always_move;
        if stays && new <= old {
            if new < old {
                state.remove(from + new, old - new);
                Self::close(from + new, old - new);
            }
            return Some(base);
        }
        if stays && state.next == from + old {
            if let Some(more) = state.place(self.end(), new - old, self.page) {
                Self::open(more, new - old);
                state.remove(from, old);
                state.insert(from, new);
                return Some(base);
            }
        }
        state.next = self.end().min(state.next + state.manners.move_farther);
        let to = self.place(&mut state, new, align)?;
        Self::open(to, new);
        let target: *mut u8 = Self::pointer(to).cast();
        // SAFETY: both ranges are open and as long, and distinct.
        unsafe { target.copy_from_nonoverlapping(base.as_ptr(), old.min(new)) };
        state.remove(from, old);
        Self::close(from, old);
        state.insert(to, new);
        NonNull::new(target)
    }
}

impl Host for Fake {
    fn relax() {
        std::thread::yield_now();
    }

    fn decays(&self) -> bool {
        self.state().manners.has_thread
    }

    fn press(&self) -> bool {
        let mut state = self.state();
        state.pressed = true;
        state.manners.has_thread
    }

    fn cache_started(&self, _: *mut Cache) {
        self.state().started += 1;
    }

    fn misuse(&self, misuse: Misuse) -> Verdict {
        let mut state = self.state();
        state.misuses.push(misuse);
        let tolerated = state.manners.tolerate_misuse;
        drop(state);
        assert!(tolerated, "{misuse:?}");
        Verdict::Ignore
    }
}

impl Drop for Fake {
    fn drop(&mut self) {
        // SAFETY: the reservation is the fake's, and its heap is going or gone.
        let _ = unsafe { rustix::mm::munmap(Self::pointer(self.start), RESERVATION) };
        given_back().push(self.start);
    }
}
