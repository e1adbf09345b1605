//! Models for loom: the real code at the tiny geometry, every interleaving up to a bound.
//!
//! Four blocks a slab (class 0; two of class 1), two slots a superslab, lists of two. Memory is
//! fiction: addresses below 1 KiB, each block's link and payload a tracked cell, so that two
//! accesses which nothing orders fail the model.

mod bins;
mod heap;
mod per_cpu;
mod pool;
mod registry;
mod slab;
mod superslab;

use crate::class::ClassId;
use crate::ledger::Ledger;
use crate::slab::Next;
use crate::source::{Host, PageSource};
use crate::superslab::{Slots, Superslab};
use crate::{Cache, Misuse, Verdict};
use core::ptr::NonNull;
use loom::cell::UnsafeCell;
use std::sync::Mutex;
use std::vec::Vec;

/// Bytes of the model's world.
const WORLD: usize = 1024;

/// A page source of fictional addresses, reused lowest first.
pub(super) struct Fiction {
    /// A bit a page.
    mapped: Mutex<u64>,
}

/// Bytes of a page: the model's world has 64.
const PAGE: usize = WORLD / 64;

/// The bits of the pages of `base..base + size`.
fn pages(base: usize, size: usize) -> u64 {
    (u64::MAX >> (64 - size / PAGE)) << (base / PAGE)
}

impl Fiction {
    pub(super) fn new() -> Self {
        Self { mapped: Mutex::new(0) }
    }

    /// Bytes mapped now.
    pub(super) fn mapped(&self) -> usize {
        self.mapped.lock().unwrap().count_ones() as usize * PAGE
    }
}

// SAFETY: the ranges are fictions; nothing is read or written there but tracked cells.
unsafe impl PageSource for Fiction {
    fn page_size(&self) -> usize {
        PAGE
    }

    fn map(&self, size: usize, align: usize) -> Option<NonNull<u8>> {
        let mut mapped = self.mapped.lock().unwrap();
        // Address 0 would be null.
        let base =
            (align..=WORLD - size).step_by(align).find(|&base| *mapped & pages(base, size) == 0)?;
        *mapped |= pages(base, size);
        NonNull::new(core::ptr::without_provenance_mut(base))
    }

    unsafe fn unmap(&self, base: NonNull<u8>, size: usize) -> bool {
        let mut mapped = self.mapped.lock().unwrap();
        let gone = pages(base.as_ptr().addr(), size);
        assert_eq!(*mapped & gone, gone, "unmapped twice, or never mapped");
        *mapped &= !gone;
        true
    }

    unsafe fn purge(&self, _: NonNull<u8>, _: usize) -> bool {
        false
    }

    unsafe fn populate(&self, _: NonNull<u8>, _: usize) -> bool {
        false
    }

    unsafe fn remap(&self, _: NonNull<u8>, _: usize, _: usize, _: usize) -> Option<NonNull<u8>> {
        None
    }
}

impl Host for Fiction {
    fn relax() {}

    fn cache_started(&self, _: *mut Cache) {}

    fn misuse(&self, misuse: Misuse) -> Verdict {
        panic!("{misuse:?}");
    }
}

/// Runs a model with so many preemptions at most, and no more than `LOOM_MAX_PREEMPTIONS` says.
pub(super) fn bounded(preemptions: usize, model: impl Fn() + Send + Sync + 'static) {
    let mut builder = loom::model::Builder::new();
    let stated = builder.preemption_bound.unwrap_or(usize::MAX);
    builder.preemption_bound = Some(preemptions.min(stated));
    // Two whole allocations and what they search are more than loom expects of one run.
    builder.max_branches = 10_000;
    builder.check(model);
}

/// An open superslab at `BASE`, without idle slots.
pub(super) fn blank(base: usize, slots: u32) -> Superslab {
    let superslab = Superslab::blank();
    Ledger::new().table(&Fiction::new(), &superslab.returned).unwrap();
    superslab.open(base, slots, Slots::new(0, 0));
    superslab
}

/// Sends one block home, after its user wrote it once more.
pub(super) fn send(superslab: &Superslab, slot: u32, class: ClassId, index: u16) -> Next {
    scribble(superslab.block_start(slot, class, index.into()).unwrap().as_ptr());
    let arrival = superslab.send_home(slot, class, &[index]);
    assert_eq!(arrival.refused, None);
    arrival.next
}

struct Payloads(Vec<UnsafeCell<usize>>);
// SAFETY: loom checks every access to the cells.
unsafe impl Sync for Payloads {}

loom::lazy_static! {
    static ref PAYLOADS: Payloads = Payloads((0..WORLD / 16).map(|_| UnsafeCell::new(0)).collect());
}

/// Writes a block as its user would. Loom fails the model unless this happens after everything the
/// block's earlier users did.
pub(super) fn scribble(block: *mut u8) {
    assert!(!block.is_null());
    PAYLOADS.0[block.addr() / 16].with_mut(|cell| {
        // SAFETY: loom verifies that nobody else accesses the cell.
        unsafe { *cell = block.addr() }
    });
}
