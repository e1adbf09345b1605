//! The policy as threads share it: read on cold paths alone, written now and then.

use super::{Fresh, Policy, SMALL};
use crate::class::{CLASSES, ClassId};
use crate::geometry::COLD_LISTS;
use crate::sync::Ordering;
use crate::sync::mark::{AtomicBool, AtomicU8, AtomicU16, AtomicU32};

/// Blocks that a refill carves at most.
const BATCH_BLOCKS: u32 = if cfg!(loom) { 2 } else { 64 };
/// Lists of a class: the hot one, and those behind it.
pub(crate) const LISTS: u32 = COLD_LISTS as u32 + 1;
/// Bytes by which the lists of one cache together may grow.
pub(crate) const GROWTH_MOST: usize = 8 << 20;
/// Bytes that may be free and still backed in a model: there, nothing goes back.
const KEPT_MODEL: usize = usize::MAX / 4;
/// The same for free blocks and pages inside slabs, at least.
const SLACK_LEAST: usize = if cfg!(loom) { usize::MAX / 4 } else { 1 << 20 };
/// Bytes that a cache draws from slabs before the heap learns of them.
pub(crate) const UNTOLD: isize = 64 << 10;
/// Of a cache that sends home: of what is in use, the part that its hot spans may be; and bytes.
const HOT_SPANS_PART: usize = 8;
const HOT_SPANS_LEAST: usize = 64 << 10;
/// Of a cache that only sends home: its lists are let go when it sent so many times what is out.
const ONE_WAY: usize = 2;
const ONE_WAY_LEAST: usize = 1 << 20;
/// Superslabs that are searched for free pages then, at most.
pub(crate) const SIFTS: u32 = 64;
/// Blocks in a list then.
pub(crate) const SHORT: u32 = 4;

/// How the back behaves. Numbers that are zero stand for the [default](Policy::DEFAULT) ones: a heap that
/// is a `static` then takes no room in the program's file, and of memory only the pages it uses.
pub(crate) struct PolicyCell {
    lists: [AtomicU16; CLASSES],
    growth: AtomicU32,
    sharers: AtomicU32,
    batch: AtomicU32,
    decay: AtomicU32,
    kept: AtomicU32,
    fresh: AtomicU8,
    /// Nothing is given back but on demand.
    keeps_all: AtomicBool,
    /// Lists stay as long as they are at first.
    keeps_short: AtomicBool,
}

impl PolicyCell {
    pub(crate) const fn new() -> Self {
        Self {
            lists: [const { AtomicU16::new(0) }; CLASSES],
            growth: AtomicU32::new(0),
            sharers: AtomicU32::new(0),
            batch: AtomicU32::new(0),
            decay: AtomicU32::new(0),
            kept: AtomicU32::new(0),
            fresh: AtomicU8::new(0),
            keeps_all: AtomicBool::new(false),
            keeps_short: AtomicBool::new(false),
        }
    }

    /// The numbers as they stand. Beside a [`set`](Self::set), some old and some new.
    pub(crate) fn get(&self) -> Policy {
        let default = Policy::DEFAULT;
        Policy {
            lists: core::array::from_fn(|class| self.list(class)),
            growth: number(&self.growth, default.growth),
            sharers: self.sharers.load(Ordering::Relaxed),
            batch: number(&self.batch, default.batch),
            decay: self.decay(),
            kept: number(&self.kept, default.kept),
            fresh: self.fresh(),
        }
    }

    /// Takes numbers over, each brought between its bounds.
    pub(crate) fn set(&self, policy: &Policy) {
        let policy = policy.bounded();
        for (cell, list) in self.lists.iter().zip(policy.lists) {
            cell.store(list, Ordering::Relaxed);
        }
        self.growth.store(policy.growth, Ordering::Relaxed);
        self.sharers.store(policy.sharers, Ordering::Relaxed);
        self.batch.store(policy.batch, Ordering::Relaxed);
        self.decay.store(policy.decay, Ordering::Relaxed);
        self.kept.store(policy.kept, Ordering::Relaxed);
        self.fresh.store(policy.fresh as u8, Ordering::Relaxed);
    }

    fn list(&self, class: usize) -> u16 {
        match self.lists[class].load(Ordering::Relaxed) {
            0 => Policy::DEFAULT.lists[class],
            blocks => blocks,
        }
    }

    /// Milliseconds that free memory is kept.
    pub(crate) fn decay(&self) -> u32 {
        number(&self.decay, Policy::DEFAULT.decay)
    }

    /// Bytes that may be free and backed however little is in use.
    fn kept_least(&self) -> usize {
        if cfg!(loom) {
            return KEPT_MODEL;
        }
        (number(&self.kept, Policy::DEFAULT.kept) as usize) << 10
    }

    /// What is done to fresh memory.
    pub(crate) fn fresh(&self) -> Fresh {
        Fresh::of(self.fresh.load(Ordering::Relaxed))
    }

    /// Bytes by which the lists of one of `caches` may grow.
    pub(crate) fn growth_share(&self, caches: usize) -> usize {
        let all = number(&self.growth, Policy::DEFAULT.growth);
        let sharers = match self.sharers.load(Ordering::Relaxed) {
            0 => caches,
            sharers => caches.min(sharers as usize),
        };
        (((all as usize) << 10) / sharers.max(1)).min(GROWTH_MOST)
    }

    /// Bytes that may be free in whole pieces and still backed, in a heap that uses `used` bytes: as
    /// much as that.
    pub(crate) fn kept(&self, used: usize) -> usize {
        self.unless_all(used.max(self.kept_least()))
    }

    /// Bytes of slack that slabs may have, beside what cannot be given back, in a heap that uses
    /// `used` bytes.
    pub(crate) fn slack(&self, used: usize) -> usize {
        self.unless_all((used / 2).max(SLACK_LEAST))
    }

    /// Bytes that a cache may send home, without taking any, before its lists follow; `out`: bytes
    /// of blocks that the heap has out.
    pub(crate) fn one_way(&self, out: usize) -> usize {
        self.unless_all(out.saturating_mul(ONE_WAY).max(ONE_WAY_LEAST))
    }

    /// Bytes of hot spans that a cache keeps that sends home, in a heap that uses `used` bytes.
    pub(crate) fn hot_spans(&self, used: usize) -> usize {
        self.unless_all((used / HOT_SPANS_PART).max(HOT_SPANS_LEAST))
    }

    /// Whether nothing is given back but on demand.
    pub(crate) fn keeps_all(&self) -> bool {
        self.keeps_all.load(Ordering::Relaxed)
    }

    /// A bound, or none where all is kept.
    fn unless_all(&self, bound: usize) -> usize {
        if self.keeps_all() { usize::MAX / 2 } else { bound }
    }

    pub(crate) fn set_release(&self, on: bool) {
        set(&self.keeps_all, !on);
    }

    pub(crate) fn set_growth(&self, on: bool) {
        set(&self.keeps_short, !on);
    }

    /// Blocks in one list of a class, to begin with.
    pub(crate) fn limit(&self, class: ClassId) -> u32 {
        self.list(class.0.into()).into()
    }

    /// How many blocks to add to the `limit` of each list, so that they would have kept the `sent`
    /// blocks that went home before they ran empty again. None where that is more than `budget` bytes: then
    /// longer lists would only delay the journey until their blocks are cold.
    pub(crate) fn growth(&self, class: ClassId, limit: u32, sent: u32, budget: usize) -> u32 {
        let more = sent.div_ceil(LISTS) + sent / (8 * LISTS);
        let bytes = (LISTS * more) as usize * class.size();
        let fits =
            class.size() <= SMALL && limit + more <= Policy::LIST_MOST.into() && bytes <= budget;
        let fits = fits && !self.keeps_short.load(Ordering::Relaxed);
        if fits { more } else { 0 }
    }

    /// Blocks that a refill carves.
    pub(crate) fn batch(&self, class: ClassId) -> u32 {
        let bytes = number(&self.batch, Policy::DEFAULT.batch);
        (bytes / class.size() as u32).clamp(1, BATCH_BLOCKS)
    }
}

/// A number as it stands, or the default.
fn number(cell: &AtomicU32, default: u32) -> u32 {
    match cell.load(Ordering::Relaxed) {
        0 => default,
        number => number,
    }
}

/// Sets a switch that others read all the time, and that stands as it should most times.
fn set(switch: &AtomicBool, on: bool) {
    if switch.load(Ordering::Relaxed) != on {
        switch.store(on, Ordering::Relaxed);
    }
}
