//! The numbers that the back works by. Read on cold paths alone.

use crate::class::ClassId;
use crate::geometry::COLD_LISTS;
use crate::sync::Ordering;
use crate::sync::mark::AtomicBool;

/// Bytes that one list of a class holds at most at first, and blocks: a full list is no hot path, so
/// that of small blocks is long enough for some turns of a program's inner loop. Larger blocks weigh
/// more, and are handed out less often.
const LIST_BYTES: usize = 32 << 10;
const LARGER_LIST_BYTES: usize = 16 << 10;
const LIST_BLOCKS: usize = if cfg!(loom) { 2 } else { 64 };
/// Blocks that one list may grow to.
const LIST_MOST: u32 = 2048;
/// Lists of a class: the hot one, and those behind it.
const LISTS: u32 = COLD_LISTS as u32 + 1;
/// Blocks up to this size count as small, and only their lists grow: for larger ones the journey home
/// costs little beside their use, and what they would pin is worth more to other classes.
const GROWTH_SIZE: usize = 1 << 10;
/// Bytes by which the lists of one cache together may grow; and those of all caches.
pub(crate) const GROWTH_MOST: usize = 8 << 20;
pub(crate) const GROWTH_ALL: usize = 32 << 20;
/// Bytes that a refill carves at once, so that a small program touches no page it does not need;
/// and blocks.
const BATCH_BYTES: usize = 4 << 10;
const BATCH_BLOCKS: usize = if cfg!(loom) { 2 } else { 64 };

/// Bytes that may be free and still backed however little is in use.
pub(crate) const KEPT_LEAST: usize = if cfg!(loom) { usize::MAX / 4 } else { 4 << 20 };
/// The same for free blocks and pages inside slabs.
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
pub(crate) const SHORT: u32 = 16;

/// How the back behaves.
pub(crate) struct Policy {
    /// Stage 0.5 (idle slots still committed) before stage 1 (pooled slabs of the class). Like every
    /// field of a new heap, this one is zero: a heap that is a `static` then takes no room in the
    /// program's file, and of memory only the pages it uses.
    pub(crate) idle_first: bool,
    /// Nothing is given back but on demand.
    keeps_all: AtomicBool,
    /// Lists stay as long as they are at first.
    keeps_short: AtomicBool,
}

impl Policy {
    pub(crate) const fn new() -> Self {
        Self {
            idle_first: false,
            keeps_all: AtomicBool::new(false),
            keeps_short: AtomicBool::new(false),
        }
    }

    /// Bytes that may be free in whole pieces and still backed, in a heap that uses `used` bytes: as
    /// much as that.
    pub(crate) fn kept(&self, used: usize) -> usize {
        self.unless_all(used.max(KEPT_LEAST))
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
        let bytes = if class.size() <= GROWTH_SIZE { LIST_BYTES } else { LARGER_LIST_BYTES };
        (bytes / class.size()).clamp(1, LIST_BLOCKS) as u32
    }

    /// How many blocks to add to the `limit` of each list, so that they would have kept the `sent`
    /// blocks that went home before they ran empty again; and the bytes that this is. Nothing where it
    /// is more than `budget` bytes: then longer lists would only delay the journey until their
    /// blocks are cold.
    pub(crate) fn growth(
        &self,
        class: ClassId,
        limit: u32,
        sent: u32,
        budget: usize,
    ) -> (u32, usize) {
        let more = sent.div_ceil(LISTS) + sent / (8 * LISTS);
        let bytes = (LISTS * more) as usize * class.size();
        let fits = class.size() <= GROWTH_SIZE && limit + more <= LIST_MOST && bytes <= budget;
        let fits = fits && !self.keeps_short.load(Ordering::Relaxed);
        if fits { (more, bytes) } else { (0, 0) }
    }

    /// Blocks that a refill carves.
    pub(crate) fn batch(&self, class: ClassId) -> u32 {
        (BATCH_BYTES / class.size()).clamp(1, BATCH_BLOCKS) as u32
    }
}

/// Sets a switch that others read all the time, and that stands as it should most times.
fn set(switch: &AtomicBool, on: bool) {
    if switch.load(Ordering::Relaxed) != on {
        switch.store(on, Ordering::Relaxed);
    }
}
