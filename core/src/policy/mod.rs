//! The policy: the numbers that the back works by.
//!
//! | number | what it weighs |
//! |---|---|
//! | `lists` | trips behind the lists, against blocks that lie in them |
//! | `growth`, `sharers` | the same, for lists that grow with their thread's traffic |
//! | `batch` | refills of a heap that grows, against pages touched too early |
//! | `decay` | pages backed anew, against memory that lies free |
//! | `kept` | the same, for programs too small to matter |
//! | `fresh` | page faults of a heap that grows, against pages touched too early |
//!
//! A [`Policy`] is plain numbers: what a heap is [given](crate::Heap::set_policy), what a
//! [learner](crate::learn) moves, and what stands in a file. Every number has bounds, and one
//! beyond them is brought back between them, so that no policy can harm more than that.

mod cell;
pub mod text;

pub(crate) use cell::{LISTS, PolicyCell, SHORT, SIFTS, UNTOLD};

use crate::class::{CLASSES, size_at};

/// What is done to the memory of a superslab that is opened, or a slot that was never touched.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
#[repr(u8)]
pub enum Fresh {
    /// Nothing: the system backs it page by page, when it is touched.
    #[default]
    Plain = 0,
    /// It is backed ahead, a slab's slots at a time.
    Populate = 1,
    /// The source is asked for huge pages.
    Huge = 2,
}

/// The numbers that the back works by.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Policy {
    /// Blocks in one list of each class, to begin with; 1 to [`LIST_MOST`](Self::LIST_MOST).
    pub lists: [u16; CLASSES],
    /// KiB by which the lists of all caches together may grow.
    pub growth: u32,
    /// Caches that share this; 0: all that live.
    pub sharers: u32,
    /// Bytes that a refill carves at once.
    pub batch: u32,
    /// Milliseconds between rounds of decay.
    pub decay: u32,
    /// KiB that may be free and backed however little is in use.
    pub kept: u32,
    /// What is done to fresh memory.
    pub fresh: Fresh,
}

/// Bytes that one list of a class holds at most at first, and blocks, at most and at least: a full list is no
/// hot path, so that it is long enough for some turns of a program's inner loop.
///
/// Lists of 16 KiB, or one block, of those above 1 KiB cost `mix` 2 % more instructions and `realloc` 3, and
/// `mix` had 4 % more resident: what went home early was soon drawn from other slabs. 64 KiB and three
/// blocks save as much again; but many threads that free much at once, 64 of them 400 larger blocks each,
/// keep 178 MiB with the first, 214 with these, and 265 with the longest, until the next rounds of decay.
const LIST_BYTES: usize = 32 << 10;
const LIST_BLOCKS: usize = if cfg!(loom) { 2 } else { 64 };
const LIST_LEAST: usize = if cfg!(loom) { 1 } else { 2 };
/// Lists of which those of blocks above 1 KiB hold so many bytes at most, and blocks at least.
const fn lists(larger: usize, least: usize) -> [u16; CLASSES] {
    let mut lists = [0; CLASSES];
    let mut class = 0;
    while class < CLASSES {
        let size = size_at(class);
        let bytes = if size > SMALL { larger } else { LIST_BYTES };
        let blocks = bytes / size;
        let most = if blocks > LIST_BLOCKS { LIST_BLOCKS } else { blocks };
        lists[class] = if most < least { least as u16 } else { most as u16 };
        class += 1;
    }
    lists
}

/// Blocks up to this size count as small, and only their lists grow: for larger ones the journey home
/// costs little beside their use, and what they would pin is worth more to other classes.
const SMALL: usize = 1 << 10;

impl Policy {
    /// Bytes of a block of each class, in the order of `lists`.
    pub const SIZES: [u32; CLASSES] = {
        let mut sizes = [0; CLASSES];
        let mut class = 0;
        while class < CLASSES {
            sizes[class] = size_at(class) as u32;
            class += 1;
        }
        sizes
    };
    /// Blocks that one list may have at most.
    pub const LIST_MOST: u16 = 2048;
    /// Bounds of `growth`, KiB.
    pub const GROWTH: (u32, u32) = (64, 1 << 20);
    /// Bounds of `batch`, bytes.
    pub const BATCH: (u32, u32) = (1 << 10, 64 << 10);
    /// Bounds of `decay`, milliseconds.
    pub const DECAY: (u32, u32) = (1, 3_600_000);
    /// Bounds of `kept`, KiB.
    pub const KEPT: (u32, u32) = (64, 1 << 30);

    /// Numbers that are none: what stands where a policy is yet to come, in memory that begins as zeros.
    pub const ZERO: Self = Self {
        lists: [0; CLASSES],
        growth: 0,
        sharers: 0,
        batch: 0,
        decay: 0,
        kept: 0,
        fresh: Fresh::Plain,
    };

    /// The same where memory is a region and no more: shorter lists of blocks above 1 KiB.
    pub const SPARING: Self = Self { lists: lists(LIST_BYTES / 2, 1), ..Self::DEFAULT };

    /// What a heap works by that was told nothing. A refill carves 4 KiB, so that a small program touches
    /// no page that it does not need.
    pub const DEFAULT: Self = Self {
        lists: lists(LIST_BYTES, LIST_LEAST),
        growth: 32 << 10,
        sharers: 0,
        batch: 4 << 10,
        decay: 500,
        kept: 4 << 10,
        fresh: Fresh::Plain,
    };

    /// These numbers, each brought between its bounds.
    pub fn bounded(&self) -> Self {
        let within = |number: u32, (least, most): (u32, u32)| number.clamp(least, most);
        Self {
            lists: self.lists.map(|blocks| blocks.clamp(1, Self::LIST_MOST)),
            growth: within(self.growth, Self::GROWTH),
            sharers: self.sharers,
            batch: within(self.batch, Self::BATCH),
            decay: within(self.decay, Self::DECAY),
            kept: within(self.kept, Self::KEPT),
            fresh: self.fresh,
        }
    }
}

impl Default for Policy {
    fn default() -> Self {
        Self::DEFAULT
    }
}

impl Fresh {
    /// What a number stands for; `Plain`, where it stands for none.
    pub const fn of(number: u8) -> Self {
        match number {
            1 => Self::Populate,
            2 => Self::Huge,
            _ => Self::Plain,
        }
    }

    /// The word for it, in policy files and in the learner's record.
    pub const fn name(self) -> &'static str {
        match self {
            Self::Plain => "plain",
            Self::Populate => "populate",
            Self::Huge => "huge",
        }
    }
}
