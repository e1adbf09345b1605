//! Regions: what is taken, what is refused, and a model of maps and unmaps.

use super::*;
use crate::sync::mark::AtomicUsize as Cell;
use proptest::prelude::*;
use proptest::sample::Index;
use std::alloc::{alloc, dealloc};
use std::collections::BTreeMap;
use std::string::ToString;
use std::vec::Vec;

const MIB: usize = 1 << 20;

/// Memory at a multiple of 1 MiB, full of what is not zero.
struct Memory(NonNull<u8>, Layout);

impl Memory {
    fn new(size: usize) -> Self {
        let layout = Layout::from_size_align(size, MIB).expect("a layout");
        // SAFETY: not empty.
        let start = NonNull::new(unsafe { alloc(layout) }).expect("memory");
        // SAFETY: just allocated.
        unsafe { start.as_ptr().write_bytes(0xa5, size) };
        Self(start, layout)
    }

    fn at(&self, offset: usize) -> *mut u8 {
        // SAFETY: tests stay within it.
        unsafe { self.0.as_ptr().add(offset) }
    }
}

impl Drop for Memory {
    fn drop(&mut self) {
        // SAFETY: allocated by `new`.
        unsafe { dealloc(self.0.as_ptr(), self.1) }
    }
}

/// Adds a part of a test's memory, which outlives the source.
fn add<const REGIONS: usize>(
    source: &RegionSource<REGIONS>,
    memory: &Memory,
    offset: usize,
    size: usize,
) -> Result<(), RegionError> {
    // SAFETY: the test's own.
    unsafe { source.add(memory.at(offset), size) }
}

fn unmap(source: &RegionSource, base: NonNull<u8>, size: usize) -> bool {
    // SAFETY: tests unmap what they mapped.
    unsafe { source.unmap(base, size) }
}

#[test]
fn a_region_is_trimmed_to_its_pages() {
    let memory = Memory::new(MIB);
    for (offset, size, pages) in [
        (0, 10 * PAGE, 10),
        (1, 10 * PAGE, 9),
        (PAGE - 1, 2 * PAGE, 1),
        (8, 2 * PAGE - 8, 1),
        (PAGE, 3 * PAGE + 17, 3),
    ] {
        let source = RegionSource::<1>::new();
        assert_eq!(add(&source, &memory, offset, size), Ok(()));
        let free = pages * PAGE;
        assert_eq!(source.stats(), RegionStats { regions: 1, total: free, free, peak: 0 });
        let all = source.map(free, PAGE).expect("all of it");
        assert!(all.as_ptr() >= memory.at(offset));
        // SAFETY: mapped.
        assert!(unsafe { all.as_ptr().add(free) } <= memory.at(offset + size));
    }
}

#[test]
fn wrong_regions_are_refused() {
    let memory = Memory::new(MIB);
    let source = RegionSource::<2>::new();
    // SAFETY: refused.
    let null = unsafe { source.add(core::ptr::null_mut(), MIB) };
    assert_eq!(null, Err(RegionError::Null));
    for (offset, size, least) in
        [(0, 0, PAGE), (0, PAGE - 1, PAGE), (1, PAGE, 2 * PAGE - 1), (4000, 4191, 4192)]
    {
        assert_eq!(add(&source, &memory, offset, size), Err(RegionError::TooSmall { least }));
    }
    assert_eq!(add(&source, &memory, 0, usize::MAX), Err(RegionError::TooLarge));
    assert_eq!(source.stats(), RegionStats::default());
    assert!(!source.is_ready());

    let (start, size) = (16 * PAGE, 16 * PAGE);
    assert_eq!(add(&source, &memory, start, size), Ok(()));
    assert_eq!(add(&source, &memory, start, size), Err(RegionError::GivenTwice));
    let overlaps = Err(RegionError::Overlaps { start: memory.at(start).addr(), size });
    for (offset, size) in [(0, 17), (31, 2), (0, 64), (18, 2), (16, 8)] {
        assert_eq!(add(&source, &memory, offset * PAGE, size * PAGE), overlaps);
    }
    assert_eq!(source.stats().total, size);
    assert!(source.is_ready());

    assert_eq!(add(&source, &memory, 40 * PAGE, PAGE), Ok(()));
    let third = add(&source, &memory, 50 * PAGE, PAGE);
    assert_eq!(third, Err(RegionError::TooMany { most: 2 }));
    // What adjoins needs no place of its own.
    assert_eq!(add(&source, &memory, 32 * PAGE, PAGE), Ok(()));
    assert_eq!(source.stats().total, size + 2 * PAGE);
}

#[test]
fn every_error_says_what_is_wrong() {
    for (error, words) in [
        (RegionError::Null, "address 0"),
        (RegionError::TooSmall { least: 8192 }, "8192 bytes"),
        (RegionError::TooLarge, "end of addresses"),
        (RegionError::Misaligned { align: 16 }, "multiple of 16"),
        (RegionError::Overlaps { start: 0x1000, size: 77 }, "77 bytes at 0x1000"),
        (RegionError::GivenTwice, "given before"),
        (RegionError::TooMany { most: 8 }, "8 regions"),
        (RegionError::Outside, "window"),
        (RegionError::Initialised, "initialised already"),
    ] {
        let text = error.to_string();
        assert!(text.contains(words), "{text}");
    }
}

#[test]
fn adjoining_regions_are_one() {
    let memory = Memory::new(MIB);
    let source = <RegionSource>::new();
    for part in 0..64 {
        assert_eq!(add(&source, &memory, part * 4 * PAGE, 4 * PAGE), Ok(()));
    }
    assert_eq!(source.stats().regions, 1);
    assert!(source.map(64 * 4 * PAGE, PAGE).is_some(), "all of it as one range");
}

/// Regions that came to adjoin from above stay two; what crosses their border goes back to both.
#[test]
fn a_range_over_two_regions_goes_back_to_both() {
    let memory = Memory::new(MIB);
    let source = <RegionSource>::new();
    assert_eq!(add(&source, &memory, 4 * PAGE, 4 * PAGE), Ok(()));
    assert_eq!(add(&source, &memory, 0, 4 * PAGE), Ok(()));
    let upper = source.map(4 * PAGE, PAGE).expect("the first region");
    let lower = source.map(4 * PAGE, PAGE).expect("the second region");
    assert_eq!((lower.as_ptr(), upper.as_ptr()), (memory.at(0), memory.at(4 * PAGE)));
    assert!(source.map(PAGE, PAGE).is_none());
    assert!(unmap(&source, lower, 8 * PAGE));
    assert_eq!(source.stats().free, 8 * PAGE);
    assert!(source.map(4 * PAGE, PAGE).is_some() && source.map(4 * PAGE, PAGE).is_some());
}

#[test]
fn what_is_of_no_region_is_not_taken_back() {
    let memory = Memory::new(MIB);
    let source = <RegionSource>::new();
    assert_eq!(add(&source, &memory, 0, 4 * PAGE), Ok(()));
    let range = source.map(4 * PAGE, PAGE).expect("all of it");
    assert!(!unmap(&source, range, 5 * PAGE));
    assert!(!unmap(&source, NonNull::dangling(), PAGE));
    assert_eq!(source.stats().free, 0);
}

#[test]
fn alignment_up_to_the_regions_size() {
    let memory = Memory::new(4 * MIB);
    let source = <RegionSource>::new();
    assert_eq!(add(&source, &memory, PAGE, 4 * MIB - PAGE), Ok(()));
    // Tables go below the first multiple, so that all three superslabs that fit are to be had.
    let tables = source.map(16 * PAGE, PAGE).expect("a table");
    assert_eq!(tables.as_ptr(), memory.at(PAGE));
    for place in 1..4 {
        let superslab = source.map(MIB, MIB).expect("a superslab");
        assert_eq!(superslab.as_ptr(), memory.at(place * MIB));
    }
    assert_eq!(source.take_missed(), None);
    assert!(source.map(MIB, MIB).is_none());
    assert_eq!(source.take_missed(), Some((MIB, MIB)));
    assert_eq!(source.take_missed(), None);
    assert!(source.map(usize::MAX, PAGE).is_none());
    assert!(source.map(PAGE, 1 << (usize::BITS - 2)).is_none());
}

static ASKED: Cell = Cell::new(0);
static GIVEN: Cell = Cell::new(0);

/// Gives memory for good, the first time.
fn give_once(size: usize, align: usize) -> Option<(*mut u8, usize)> {
    assert_eq!((size, align), (MIB, MIB));
    let relaxed = Ordering::Relaxed;
    if ASKED.fetch_add(1, relaxed) > 0 {
        return None;
    }
    let memory = Memory::new(size);
    let start = memory.at(0);
    GIVEN.store(start.expose_provenance(), relaxed);
    core::mem::forget(memory);
    Some((start, size))
}

/// What need not read zero is not touched: to clear a superslab takes longer than all else.
#[test]
fn what_may_hold_anything_is_left_as_it_is() {
    let memory = Memory::new(MIB);
    let source = <RegionSource>::new();
    assert_eq!(add(&source, &memory, 0, MIB), Ok(()));
    let (start, zero) = source.map_any(MIB, MIB).expect("all of it");
    assert!(!zero);
    // SAFETY: mapped; but for the head of a hole, as the test's memory was.
    assert_eq!(unsafe { start.as_ptr().add(MIB / 2).read() }, 0xa5);
    assert!(unmap(&source, start, MIB));
    let start = source.map(MIB, MIB).expect("all of it");
    // SAFETY: mapped.
    let bytes = unsafe { core::slice::from_raw_parts(start.as_ptr(), MIB) };
    assert!(bytes.iter().all(|&byte| byte == 0));
}

#[test]
fn the_hook_is_asked_once_for_each_failed_map() {
    static SOURCE: RegionSource<2> = RegionSource::growing(give_once);
    let relaxed = Ordering::Relaxed;
    let first = SOURCE.map(MIB, MIB).expect("what the hook gave");
    assert_eq!(first.as_ptr().addr(), GIVEN.load(relaxed));
    assert_eq!(ASKED.load(relaxed), 1);
    for failed in 2..5 {
        assert!(SOURCE.map(MIB, MIB).is_none());
        assert_eq!(ASKED.load(relaxed), failed);
    }
}

/// Given again and again, the same region is refused, and the map fails.
#[test]
fn what_a_hook_gives_wrongly_is_not_taken() {
    fn nothing(_: usize, _: usize) -> Option<(*mut u8, usize)> {
        Some((core::ptr::null_mut(), MIB))
    }
    static SOURCE: RegionSource = RegionSource::growing(nothing);
    assert!(SOURCE.map(PAGE, PAGE).is_none());
    assert_eq!(SOURCE.stats(), RegionStats::default());
}

/// A hook that allocates from its own heap comes to an end.
#[test]
fn a_hook_that_asks_for_itself_gets_nothing() {
    static SOURCE: RegionSource = RegionSource::growing(itself);
    static TURNS: Cell = Cell::new(0);
    fn itself(size: usize, align: usize) -> Option<(*mut u8, usize)> {
        TURNS.fetch_add(1, Ordering::Relaxed);
        SOURCE.map(size, align).map(|start| (start.as_ptr(), size))
    }
    assert!(SOURCE.map(PAGE, PAGE).is_none());
    assert_eq!(TURNS.load(Ordering::Relaxed), HOOKS);
}

#[test]
fn a_new_source_is_all_zero() {
    static SOURCE: RegionSource = RegionSource::new();
    // SAFETY: read alone, as bytes; a static's padding is zero.
    let bytes = unsafe {
        core::slice::from_raw_parts((&raw const SOURCE).cast::<u8>(), size_of_val(&SOURCE))
    };
    assert!(bytes.iter().all(|&byte| byte == 0));
}

#[derive(Clone, Debug)]
enum Action {
    Map {
        pages: usize,
        align: u32,
    },
    Unmap {
        which: Index,
    },
    /// Gives the first or the last pages of a range back.
    Shorten {
        which: Index,
        pages: usize,
        front: bool,
    },
}

fn actions() -> impl Strategy<Value = Action> {
    let pages = prop_oneof![8 => 1..8usize, 3 => 8..64usize, 1 => 64..300usize];
    prop_oneof![
        5 => (pages.clone(), 0..9u32).prop_map(|(pages, align)| Action::Map { pages, align }),
        3 => any::<Index>().prop_map(|which| Action::Unmap { which }),
        1 => (any::<Index>(), pages, any::<bool>())
            .prop_map(|(which, pages, front)| Action::Shorten { which, pages, front }),
    ]
}

/// What is mapped: base -> pages; every byte of it bears the base's mark.
type Mapped = BTreeMap<usize, usize>;

fn fill(base: usize, pages: usize) {
    let start: *mut u8 = core::ptr::with_exposed_provenance_mut(base);
    // SAFETY: mapped, and the test's.
    unsafe { start.write_bytes(0x5a, pages * PAGE) };
}

fn pick(mapped: &Mapped, which: Index) -> Option<(usize, usize)> {
    let at = if mapped.is_empty() { 0 } else { which.index(mapped.len()) };
    mapped.iter().nth(at).map(|(&base, &pages)| (base, pages))
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(96))]

    #[test]
    fn maps_are_apart_and_zero_and_return(actions in prop::collection::vec(actions(), 1..120)) {
        let memory = Memory::new(4 * MIB);
        let source = <RegionSource>::new();
        // Two that adjoin, upper first, and one apart.
        for (offset, size) in [(100, 200), (0, 100), (500, 250)] {
            add(&source, &memory, offset * PAGE, size * PAGE).expect("a region");
        }
        let total = source.stats().total;
        prop_assert_eq!(total, 550 * PAGE);
        let (mut mapped, mut used, mut peak) = (Mapped::new(), 0, 0);
        for action in actions {
            match action {
                Action::Map { pages, align } => {
                    let Some(base) = source.map(pages * PAGE, PAGE << align) else {
                        let least = pages * PAGE;
                        prop_assert!(align > 0 || used > 0 || least > 250 * PAGE);
                        continue;
                    };
                    let first = base.as_ptr().expose_provenance();
                    prop_assert_eq!(first % (PAGE << align), 0);
                    // SAFETY: just mapped.
                    let bytes = unsafe { core::slice::from_raw_parts(base.as_ptr(), pages * PAGE) };
                    prop_assert!(bytes.iter().all(|&byte| byte == 0));
                    let below = mapped.range(..=first).next_back();
                    prop_assert!(below.is_none_or(|(&base, &pages)| base + pages * PAGE <= first));
                    let above = mapped.range(first..).next();
                    prop_assert!(above.is_none_or(|(&base, _)| first + pages * PAGE <= base));
                    fill(first, pages);
                    mapped.insert(first, pages);
                    used += pages * PAGE;
                    peak = used.max(peak);
                }
                Action::Unmap { which } => {
                    let Some((base, pages)) = pick(&mapped, which) else { continue };
                    mapped.remove(&base);
                    used -= pages * PAGE;
                    let base = core::ptr::with_exposed_provenance_mut(base);
                    prop_assert!(unmap(&source, NonNull::new(base).expect("a base"), pages * PAGE));
                }
                Action::Shorten { which, pages: less, front } => {
                    let Some((base, pages)) = pick(&mapped, which) else { continue };
                    if less >= pages {
                        continue;
                    }
                    mapped.remove(&base);
                    let (kept, gone) = if front {
                        (base + less * PAGE, base)
                    } else {
                        (base, base + (pages - less) * PAGE)
                    };
                    mapped.insert(kept, pages - less);
                    used -= less * PAGE;
                    let gone = core::ptr::with_exposed_provenance_mut(gone);
                    prop_assert!(unmap(&source, NonNull::new(gone).expect("a base"), less * PAGE));
                }
            }
            let stats = source.stats();
            prop_assert_eq!((stats.free, stats.peak), (total - used, peak));
            for (&base, &pages) in &mapped {
                let start: *const u8 = core::ptr::with_exposed_provenance(base);
                // SAFETY: mapped.
                let ends = unsafe { (start.read(), start.add(pages * PAGE - 1).read()) };
                prop_assert_eq!(ends, (0x5a, 0x5a));
            }
        }
        let left: Vec<_> = mapped.into_iter().collect();
        for (base, pages) in left {
            let base = core::ptr::with_exposed_provenance_mut(base);
            prop_assert!(unmap(&source, NonNull::new(base).expect("a base"), pages * PAGE));
        }
        prop_assert_eq!(source.stats().free, total);
        // Nothing is scattered: each region is one hole again.
        for pages in [250, 200, 100] {
            prop_assert!(source.map(pages * PAGE, PAGE).is_some());
        }
    }
}
