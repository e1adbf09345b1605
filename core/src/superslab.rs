//! A superslab's descriptor: the words of its slabs, and which of its slots are idle.
//!
//! Descriptors stand in tables that are never unmapped, so that an atomic in one is always safe to
//! read, whatever has become of the memory it speaks of.

use crate::class::{CLASSES, ClassId};
use crate::geometry::{SLOT, SLOTS};
use crate::ledger::published;
use crate::marks::Marks;
use crate::returned::Returned;
use crate::steps;
#[cfg(any(test, loom))]
use crate::sync::cells;
use crate::sync::{AtomicPtr, AtomicU32, AtomicU64, AtomicUsize, Ordering, const_fn};
use crate::word::Word;

/// The dense number of a superslab.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct SuperId(pub(crate) u32);

/// A slab: its superslab and first slot.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct SlabId(u32);

impl SlabId {
    pub(crate) const fn new(superslab: SuperId, slot: u32) -> Self {
        Self(superslab.0 * SLOTS + slot)
    }

    pub(crate) const fn superslab(self) -> SuperId {
        SuperId(self.0 / SLOTS)
    }

    pub(crate) const fn slot(self) -> u32 {
        self.0 % SLOTS
    }

    /// The id as a number from 1, leaving 0 for "none".
    pub(crate) const fn encode(this: Option<Self>) -> u32 {
        match this {
            Some(id) => id.0 + 1,
            None => 0,
        }
    }

    pub(crate) const fn decode(number: u32) -> Option<Self> {
        match number {
            0 => None,
            number => Some(Self(number - 1)),
        }
    }
}

/// Idle slots, and which of them are dirty, as one value.
///
/// ```text
/// 63                32 31                 0
/// +-------------------+-------------------+
/// | dirty, by slot    | idle, by slot     |
/// +-------------------+-------------------+
/// ```
/// The dirty bit of a slot that is not idle means nothing.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Slots(pub(crate) u64);

impl Slots {
    pub(crate) const fn idle(self) -> u32 {
        self.0 as u32
    }

    pub(crate) const fn dirty(self) -> u32 {
        (self.0 >> 32) as u32 & self.0 as u32
    }

    pub(crate) const fn new(idle: u32, dirty: u32) -> Self {
        Self((dirty as u64) << 32 | idle as u64)
    }

    const fn without(self, mask: u32) -> Self {
        Self(self.0 & !((mask as u64) << 32 | mask as u64))
    }
}

/// Bits of the first `slots` slots.
pub(crate) const fn all_slots(slots: u32) -> u32 {
    u32::MAX >> (32 - slots)
}

/// Of the bits of `mask`, those that begin an aligned run of `slots` (1, 2 or 4).
const fn run_starts(mask: u32, slots: u32) -> u32 {
    match slots {
        1 => mask,
        2 => mask & mask >> 1 & 0x5555_5555,
        _ => mask & mask >> 1 & mask >> 2 & mask >> 3 & 0x1111_1111,
    }
}

/// The descriptor of a superslab.
#[repr(C, align(64))]
pub(crate) struct Superslab {
    words: [AtomicU64; SLOTS as usize],
    /// For each class, the slots whose slab is pooled.
    pub(crate) pooled: [AtomicU32; CLASSES],
    /// Slots in all: 16 or 32.
    shape: AtomicU32,
    slots: AtomicU64,
    base: AtomicUsize,
    /// Which blocks are home. Made with the superslab's number, and kept with it.
    pub(crate) returned: AtomicPtr<Returned>,
    pub(crate) marks: Marks,
}

/// Which idle slots a claim wants.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Want {
    /// Committed ones.
    Dirty,
    /// Any.
    Any,
}

impl Superslab {
    const_fn! {
        #[cfg(any(test, loom))]
        pub(crate) fn blank() -> Self {
            Self {
                words: cells!(AtomicU64::new(0); SLOTS as usize),
                pooled: cells!(AtomicU32::new(0); CLASSES),
                shape: AtomicU32::new(0),
                slots: AtomicU64::new(0),
                base: AtomicUsize::new(0),
                returned: AtomicPtr::new(core::ptr::null_mut()),
                marks: Marks::new(),
            }
        }
    }

    /// Which blocks are home; there, once the superslab was opened.
    #[inline]
    pub(crate) fn returned(&self) -> Option<&Returned> {
        published(&self.returned)
    }

    #[inline]
    pub(crate) fn word(&self, slot: u32) -> &AtomicU64 {
        &self.words[slot as usize % SLOTS as usize]
    }

    /// A look at a slab's word that orders nothing.
    pub(crate) fn peek(&self, slot: u32) -> Word {
        Word(self.word(slot).load(Ordering::Relaxed))
    }

    pub(crate) fn slots(&self) -> Slots {
        // ORDERING: Relaxed: a hint; the CAS that claims orders.
        Slots(self.slots.load(Ordering::Relaxed))
    }

    /// Address of the superslab; stable for whoever holds one of its slots or blocks.
    #[inline]
    pub(crate) fn base(&self) -> usize {
        self.base.load(Ordering::Relaxed)
    }

    /// Slots in all; stable as `base` is.
    #[inline]
    pub(crate) fn shape(&self) -> u32 {
        self.shape.load(Ordering::Relaxed)
    }

    #[inline]
    pub(crate) fn slab_base(&self, slot: u32) -> usize {
        self.base() + slot as usize * SLOT
    }

    /// Notes the next free number in a closed descriptor.
    pub(crate) fn chain_free(&self, next: usize) {
        self.base.store(next, Ordering::Relaxed);
    }

    /// Opens the superslab at `base` with `idle` slots (of which `dirty`), the rest being the
    /// caller's. The descriptor was blank or closed.
    pub(crate) fn open(&self, base: usize, shape: u32, slots: Slots) {
        self.base.store(base, Ordering::Relaxed);
        self.shape.store(shape, Ordering::Relaxed);
        // ORDERING: Release publishes base and shape (and the registry's entries) to the Acquire
        // of `claim_run` and `close_if_idle`.
        self.slots.store(slots.0, Ordering::Release);
    }

    /// Takes the lowest aligned run of `count` idle slots. Answers the first, and which of them were
    /// dirty.
    pub(crate) fn claim_run(&self, count: u32, want: Want) -> Option<(u32, u32)> {
        let mut seen = self.slots();
        loop {
            steps::word();
            let mask = match want {
                Want::Dirty => seen.dirty(),
                Want::Any => seen.idle(),
            };
            let starts = run_starts(mask, count);
            if starts == 0 {
                return None;
            }
            let slot = starts.trailing_zeros();
            let run = all_slots(count) << slot;
            let left = seen.without(run);
            match self.slots.compare_exchange_weak(
                seen.0,
                left.0,
                // ORDERING: Acquire pairs with the Release of `open` and `give_idle`: base, shape
                // and the slot's word are read after it.
                Ordering::Acquire,
                Ordering::Relaxed,
            ) {
                Ok(_) => {
                    self.marks.claimed(run);
                    return Some((slot, seen.dirty() & run));
                }
                Err(now) => seen = Slots(now),
            }
        }
    }

    /// Takes the idle dirty slots among `wanted` at once; their bits.
    pub(crate) fn claim_dirty(&self, wanted: u32) -> u32 {
        let mut seen = self.slots();
        while seen.dirty() & wanted != 0 {
            let left = seen.without(seen.dirty() & wanted);
            // ORDERING: Acquire as in `claim_run`.
            match self.slots.compare_exchange_weak(
                seen.0,
                left.0,
                Ordering::Acquire,
                Ordering::Relaxed,
            ) {
                Ok(_) => return seen.dirty() & wanted,
                Err(now) => seen = Slots(now),
            }
        }
        0
    }

    /// Sets slots idle, and dirty where told; answers what then is idle.
    pub(crate) fn give_idle(&self, mask: u32, dirty: u32) -> Slots {
        let add = Slots::new(mask, dirty);
        // Dirty bits of claimed slots are always clear (`without` clears both halves), so that
        // setting is enough.
        // ORDERING: Release hands the slots' words and memory to the next `claim_run`, or to
        // `close_if_idle`, whose own CAS acquires: on what is seen here nobody acts without it.
        Slots(self.slots.fetch_or(add.0, Ordering::Release) | add.0)
    }

    /// Closes the superslab if all its slots are idle: all -> none in one CAS, so that exactly one
    /// of those who try wins. Answers base, shape and dirty slots, read after the CAS: it may have
    /// been another superslab under the same number that was closed, which is as good.
    /// Slots taken by mistake are put back, after which `raise` must make them findable.
    pub(crate) fn close_if_idle(
        &self,
        mut seen: Slots,
        raise: impl Fn(),
    ) -> Option<(usize, u32, u32)> {
        while seen.idle() == all_slots(self.shape()) {
            steps::word();
            // ORDERING: Acquire as in `claim_run`; Release is not needed, nothing was written.
            let closed =
                self.slots.compare_exchange(seen.0, 0, Ordering::Acquire, Ordering::Relaxed);
            match closed {
                Err(now) => seen = Slots(now),
                Ok(_) if seen.idle() == all_slots(self.shape()) => {
                    return Some((self.base(), self.shape(), seen.dirty()));
                }
                // Meanwhile the number went to a superslab of the other size: put its slots back.
                Ok(_) => {
                    seen = self.give_idle(seen.idle(), seen.dirty());
                    raise();
                }
            }
        }
        None
    }

    /// Marks a slab as pooled.
    pub(crate) fn set_pooled(&self, class: ClassId, slot: u32) {
        // ORDERING: Release: the word was written before, and a claimer that clears this bit with
        // Acquire then reads that word or a later one.
        self.pooled[usize::from(class.0)].fetch_or(1 << slot, Ordering::Release);
    }

    /// Clears a slab's pooled bit; true if it was set: then the caller is the one to try it.
    pub(crate) fn clear_pooled(&self, class: ClassId, slot: u32) -> bool {
        // ORDERING: Acquire pairs with `set_pooled`. For the bits beside it nothing is to be
        // released: a read-modify-write continues what `set_pooled` released.
        self.pooled[usize::from(class.0)].fetch_and(!(1 << slot), Ordering::Acquire) & 1 << slot
            != 0
    }

    pub(crate) fn pooled(&self, class: ClassId) -> u32 {
        // ORDERING: Relaxed: a hint; `clear_pooled` decides.
        self.pooled[usize::from(class.0)].load(Ordering::Relaxed)
    }
}

#[cfg(loom)]
impl Drop for Superslab {
    fn drop(&mut self) {
        crate::ledger::drop_table(&self.returned);
    }
}

#[cfg(all(test, not(loom)))]
mod tests {
    use super::*;

    #[test]
    fn runs_are_aligned_and_lowest() {
        let superslab = Superslab::blank();
        superslab.open(0, 16, Slots::new(0b1111_0110_1110, 0));
        assert_eq!(superslab.claim_run(4, Want::Any).unwrap().0, 8);
        assert_eq!(superslab.claim_run(2, Want::Any).unwrap().0, 2);
        assert_eq!(superslab.claim_run(2, Want::Any), None);
        assert_eq!(superslab.claim_run(1, Want::Any).unwrap().0, 1);
        assert_eq!(superslab.slots(), Slots::new(0b0000_0110_0000, 0));
        assert_eq!(superslab.claim_run(1, Want::Dirty), None);
        superslab.give_idle(0b1, 0b1);
        assert_eq!(superslab.claim_run(1, Want::Dirty), Some((0, 1)));
    }

    #[test]
    fn a_superslab_closes_once_and_only_when_all_is_idle() {
        let superslab = Superslab::blank();
        superslab.open(4096, 16, Slots::new(0xffff, 0));
        let (slot, _) = superslab.claim_run(1, Want::Any).unwrap();
        assert_eq!(superslab.close_if_idle(superslab.slots(), || {}), None);
        let all = superslab.give_idle(1 << slot, 1 << slot);
        assert_eq!(superslab.close_if_idle(all, || {}), Some((4096, 16, 1)));
        assert_eq!(superslab.close_if_idle(all, || {}), None);
    }

    #[test]
    fn a_number_that_changed_its_size_meanwhile_is_put_back() {
        let superslab = Superslab::blank();
        superslab.open(0, 32, Slots::new(0xffff, 0xffff));
        let closed = superslab.close_if_idle(Slots::new(0xffff, 0xffff), || {});
        assert_eq!(closed, None);
        assert_eq!(superslab.slots(), Slots::new(0xffff, 0xffff));
    }
}
