//! Who takes part.

use core::alloc::GlobalAlloc;
use core::marker::PhantomData;
use core::ops::Deref;

use crate::kernel::nothing::Nothing;
use crate::kernel::ours::{LockedEmbedded, LockedHosted, PerCpu};
use crate::kernel::peers::{Buddy, LinkedList, Rlsf, Talc};
use crate::kernel::region::Region;
use crate::kernel::{Outcome, run};

/// Of a region that has no room for an allocator's tables, or less.
pub(super) const TOO_SMALL: &str = "too small";

/// An allocator that can be put on a region.
pub(super) trait Contender: GlobalAlloc + Sync + Sized {
    /// As a kernel declares it, before there is memory.
    const EMPTY: Self;

    /// Gives it its memory; an error says why it cannot take that.
    ///
    /// # Safety
    /// Nobody else uses the memory for as long as the allocator lives.
    unsafe fn give(&self, start: *mut u8, size: usize) -> Result<(), String>;
}

/// An allocator on its region.
pub(super) struct Heap<'a, C> {
    allocator: Box<C>,
    region: PhantomData<&'a mut Region>,
}

impl<'a, C: Contender> Heap<'a, C> {
    /// A fresh heap. The bytes of the allocator itself are taken from the region's.
    pub(super) fn new(region: &'a mut Region) -> Result<Self, String> {
        let allocator = Box::new(C::EMPTY);
        let own = size_of::<C>().next_multiple_of(align_of::<usize>());
        let size = region.size.checked_sub(own).ok_or(TOO_SMALL)?;
        // SAFETY: the region is borrowed for as long as the heap lives.
        unsafe { allocator.give(region.start, size)? };
        Ok(Self { allocator, region: PhantomData })
    }
}

impl<C> Deref for Heap<'_, C> {
    type Target = C;

    fn deref(&self) -> &C {
        &self.allocator
    }
}

/// Names of those that others are compared with.
pub const LINKED_LIST: &str = "linked-list";
/// The same.
pub const TALC: &str = "talc";
/// The name of the one that allocates nothing.
pub const NOTHING: &str = "nothing";

/// A line of the tables.
pub struct Contestant {
    /// As given on the command line.
    pub name: &'static str,
    /// As printed: the crate that it comes from, unless it is hakmem.
    pub label: &'static str,
    /// What is run, as declared.
    pub declared: &'static str,
    /// Bytes of its static.
    pub statics: usize,
    /// The largest region for which it is declared so.
    pub most: usize,
    pub(super) run: fn(&str, &[String]) -> Outcome,
}

const fn of<C: Contender>(
    name: &'static str,
    label: &'static str,
    declared: &'static str,
) -> Contestant {
    let (statics, most) = (size_of::<C>(), usize::MAX);
    Contestant { name, label, declared, statics, most, run: run::<C> }
}

/// rlsf's type says how large its largest pool is: each region has the least that holds it whole.
const fn rlsf<C: Contender>(declared: &'static str, most: usize) -> Contestant {
    Contestant { most, ..of::<C>("rlsf", "rlsf", declared) }
}

#[rustfmt::skip] // a table
const ALL: [Contestant; 10] = [
    of::<LockedHosted>("hakmem-hosted", "hakmem, hosted", "LockedHeap<Hosted>"),
    of::<PerCpu>("hakmem-per-cpu", "hakmem, hosted, per CPU", "PerCpuHeap<RegionSource, ThreadCpu, Flat<1024>, 2>"),
    of::<LockedEmbedded>("hakmem-embedded", "hakmem, embedded", "LockedHeap<Embedded>"),
    of::<LinkedList>(LINKED_LIST, "linked_list_allocator", "LockedHeap"),
    of::<Talc>(TALC, "talc", "TalcLock<RawSpinlock, Manual>"),
    of::<Buddy>("buddy", "buddy_system_allocator", "LockedHeap<32>"),
    rlsf::<Rlsf<u16, 8>>("Tlsf<'_, u16, u16, 8, 16>", 8 << 10),
    rlsf::<Rlsf<u16, 12>>("Tlsf<'_, u16, u16, 12, 16>", 128 << 10),
    rlsf::<Rlsf<u32, 22>>("Tlsf<'_, u32, u16, 22, 16>", usize::MAX),
    of::<Nothing>(NOTHING, "(the trace alone)", ""),
];

/// All of them, in the order of the tables. Where several share a name, the first one that is for a
/// region so large takes part.
pub fn contestants() -> impl Iterator<Item = Contestant> {
    ALL.into_iter()
}
