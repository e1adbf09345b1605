//! The host of a kernel's heap.

use super::cpu::{Cpu, NoCpu};
use crate::cache::Cache;
use crate::misuse::{Call, Misuse, MisuseKind, Verdict};
use crate::source::{Host, HugeAdvice, HugePages, PageSource};
use crate::sync::Ordering;
use crate::sync::mark::{AtomicU32, AtomicUsize};
use core::marker::PhantomData;
use core::ptr::NonNull;

/// A page source, and what else a heap asks of a kernel. It waits by spinning, has no clock, and is told
/// of no caches.
///
/// A wrong call is *written down* rather than reported at once: it is noticed inside the heap, perhaps
/// under its lock, and a kernel's panic handler may allocate. The heap's front takes it out when lock and
/// pin are released, and answers or panics then.
///
/// There is a place for each CPU, below `CPUS`; all higher ones share the last.
pub struct KernelHost<S: PageSource, C: Cpu = NoCpu, const CPUS: usize = 1> {
    source: S,
    noted: [Note; CPUS],
    cpu: PhantomData<fn() -> C>,
}

impl<S: PageSource, C: Cpu, const CPUS: usize> KernelHost<S, C, CPUS> {
    /// A host over a page source.
    pub const fn new(source: S) -> Self {
        const { assert!(CPUS > 0, "a heap for no CPU") };
        Self { source, noted: [const { Note::none() }; CPUS], cpu: PhantomData }
    }

    /// The page source.
    pub const fn source(&self) -> &S {
        &self.source
    }

    /// Whether a wrong call of a CPU is written down. For whom, see [`take_misuse`](Self::take_misuse).
    #[inline(always)]
    pub(super) fn has_noted(&self, cpu: usize) -> bool {
        self.note(cpu).what.load(Ordering::Relaxed) != 0
    }

    /// Takes out what was written down of the calls of a CPU: the first wrong one since the last time.
    /// For who is pinned to that CPU, or holds the heap's lock.
    #[inline(always)]
    pub fn take_misuse(&self, cpu: usize) -> Option<Misuse> {
        let note = self.note(cpu);
        if note.what.load(Ordering::Relaxed) == 0 { None } else { note.take() }
    }

    #[inline(always)]
    fn note(&self, cpu: usize) -> &Note {
        &self.noted[cpu.min(CPUS - 1)]
    }
}

/// A wrong call of a CPU, in words that only that CPU touches: atomics, so that a kernel whose pin fails
/// reads nonsense at worst.
#[repr(align(64))]
struct Note {
    /// 0: none; else kind and call, from 1 up.
    what: AtomicU32,
    address: AtomicUsize,
    size: AtomicUsize,
    block: AtomicUsize,
}

/// Every wrong call, in the order of their numbers from 1 up.
const CALLS: [(MisuseKind, Call); 8] = [
    (MisuseKind::NotOurs, Call::Free),
    (MisuseKind::NotOurs, Call::Reallocate),
    (MisuseKind::DoubleFree, Call::Free),
    (MisuseKind::DoubleFree, Call::Reallocate),
    (MisuseKind::Interior, Call::Free),
    (MisuseKind::Interior, Call::Reallocate),
    (MisuseKind::WrongSize, Call::Free),
    (MisuseKind::WrongSize, Call::Reallocate),
];

impl Note {
    const fn none() -> Self {
        Self {
            what: AtomicU32::new(0),
            address: AtomicUsize::new(0),
            size: AtomicUsize::new(0),
            block: AtomicUsize::new(0),
        }
    }

    fn put(&self, misuse: Misuse) {
        let what = CALLS.iter().position(|call| *call == (misuse.kind, misuse.call));
        self.address.store(misuse.address, Ordering::Relaxed);
        self.size.store(misuse.size, Ordering::Relaxed);
        self.block.store(misuse.block, Ordering::Relaxed);
        self.what.store(what.map_or(0, |at| at as u32 + 1), Ordering::Relaxed);
    }

    #[cold]
    fn take(&self) -> Option<Misuse> {
        let what = (self.what.load(Ordering::Relaxed) as usize).checked_sub(1)?;
        self.what.store(0, Ordering::Relaxed);
        let (kind, call) = *CALLS.get(what)?;
        let word = |cell: &AtomicUsize| cell.load(Ordering::Relaxed);
        let (address, size, block) = (word(&self.address), word(&self.size), word(&self.block));
        Some(Misuse { kind, call, address, size, block })
    }
}

// SAFETY: the source's own word.
unsafe impl<S: PageSource, C: Cpu, const CPUS: usize> PageSource for KernelHost<S, C, CPUS> {
    fn page_size(&self) -> usize {
        self.source.page_size()
    }

    fn map(&self, size: usize, align: usize) -> Option<NonNull<u8>> {
        self.source.map(size, align)
    }

    fn map_any(&self, size: usize, align: usize) -> Option<(NonNull<u8>, bool)> {
        self.source.map_any(size, align)
    }

    unsafe fn unmap(&self, base: NonNull<u8>, size: usize) -> bool {
        // SAFETY: the caller's promise, here and below.
        unsafe { self.source.unmap(base, size) }
    }

    unsafe fn purge(&self, base: NonNull<u8>, size: usize) -> bool {
        // SAFETY: as above.
        unsafe { self.source.purge(base, size) }
    }

    unsafe fn purge_all(&self, ranges: &[(NonNull<u8>, usize)]) -> bool {
        // SAFETY: as above.
        unsafe { self.source.purge_all(ranges) }
    }

    unsafe fn populate(&self, base: NonNull<u8>, size: usize) -> bool {
        // SAFETY: as above.
        unsafe { self.source.populate(base, size) }
    }

    fn huge_pages(&self) -> HugePages {
        self.source.huge_pages()
    }

    unsafe fn advise_huge(&self, base: NonNull<u8>, size: usize, advice: HugeAdvice) -> bool {
        // SAFETY: as above.
        unsafe { self.source.advise_huge(base, size, advice) }
    }

    unsafe fn remap(
        &self,
        base: NonNull<u8>,
        old: usize,
        new: usize,
        align: usize,
    ) -> Option<NonNull<u8>> {
        // SAFETY: as above.
        unsafe { self.source.remap(base, old, new, align) }
    }

    fn is_ready(&self) -> bool {
        self.source.is_ready()
    }
}

impl<S: PageSource, C: Cpu, const CPUS: usize> Host for KernelHost<S, C, CPUS> {
    fn relax() {
        core::hint::spin_loop();
    }

    fn cache_started(&self, _: *mut Cache) {}

    fn misuse(&self, misuse: Misuse) -> Verdict {
        // The caller is pinned already, or holds the heap's lock: this only asks for the number.
        let pinned = C::pin();
        let note = self.note(C::id(&pinned));
        if note.what.load(Ordering::Relaxed) == 0 {
            note.put(misuse);
        }
        Verdict::Ignore
    }
}

#[cfg(all(test, not(loom)))]
mod tests {
    use super::*;

    #[test]
    fn the_first_wrong_call_is_taken_out_as_it_was_put_in() {
        for (kind, call) in CALLS {
            let note = Note::none();
            assert_eq!(note.take(), None);
            let misuse = Misuse { kind, call, address: 1, size: 2, block: 3 };
            note.put(misuse);
            assert_eq!((note.take(), note.take()), (Some(misuse), None));
        }
    }
}
