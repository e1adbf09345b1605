//! The core of hakmem: a general-purpose memory allocator over an abstract page source.
//!
//! *Simple front, smart back.* A thread's hot path is a pop or a push on a singly linked list in
//! its own [`Cache`]. Everything else stands behind it and is reached only when a list runs empty
//! or over: slabs with one atomic word each, a lock-free shared pool of bitmaps, spans, large
//! mappings, and a page arena.
//!
//! # Map
//!
//! Layers import downward only.
//!
//! | layer | modules |
//! |---|---|
//! | for kernels | `kernel`; `small`, the engine of its embedded profile |
//! | the paths | `alloc` `now` `free` `realloc`: each begins with its tree of branches; `ready`: the short ones of kernels; `refill` `home` `supers` `reach` `release` `limit` behind them |
//! | the heap | `heap` `stats` `look` `describe` `validate` |
//! | front | `cache` `lengths` `caches` `door` `cold` `outbox` `sorter` |
//! | back | `pool` `hints` `slab` `superslab` `numbers` `returned` `word`; `span` `large` `arena` |
//! | beside | `registry` `entry` `policy` `learn` `counters` `owners` |
//! | source | `source` `region` `ledger` `misuse` |
//! | ground | `class` `block` `broken` `extent` `geometry` `huge` `layer` `losses` `marks` `regret` `sieve` `steps` `sums` `sync` `trips` |
//!
//! # Where this differs from the first design
//!
//! *Returned blocks are bits beside the heap* (`returned`), where they were a list through the blocks
//! with its head in the slab's word. To fill a cache's list from such a list was one dependent cache
//! miss after the other, 44 ns a block in a heap of 13 MB whose blocks were freed in random order (on
//! two cores of an AMD EPYC); from bits, whose links are written in the order of addresses and wait
//! for nothing, it is 17. The word keeps state, class, carved and the count of what is returned: bits
//! are set before they are counted.
//!
//! *What goes home is sorted by slab* (`sorter`), and lists on their way are walked four at a time
//! (`cold`). In that heap a free cost 30 ns a block with returned lists; with bits, one list at a time
//! and no sorting 35 to 46; so 25.
//!
//! *Spans may be guests in idle slots of slabs* (`borrow_slots`), and what is free but of the wrong
//! kind is purged before more is mapped (`make_way`): without that, the peak of a program that goes
//! from small blocks to large ones is the sum of both.
//!
//! *Free memory is bounded by what is in use* (`release/bound`), where the arena's bound was a multiple
//! that only time was to lower. A bound alone costs a program that swings its pages at each low point;
//! so what is missed at once raises it (`regret`): a swing of 57 MB between two calls is paid for once.
//!
//! *What is in slabs goes back page by page* (`release/holes`), which bits beside the heap make possible:
//! of 1 GiB freed but for 5 % chosen at random, a page for each survivor stays and not a slab.
//!
//! *Another thread reaches an idle cache by its door* (`door`), at one instruction of the hot paths (three of
//! an allocation whose size is known when it is compiled) and no store, where two of each were allowed.
//!
//! # Bounded time
//!
//! For blocks of up to 32 KiB a call takes so many turns of its loops at most, however large the heap is and
//! whatever happened before, where lists [do not grow](Heap::set_growth), nothing is
//! [given back](Heap::set_release) by itself (a [`PerCpuHeap`] is such a heap) and the pool has a slab or idle
//! slots; a test counts them.
//!
//! | call | blocks | superslabs | words |
//! |---|---|---|---|
//! | allocation | 64 | 193 | 5764 |
//! | free | 768 | 0 | 29226 |
//!
//! *Blocks* are linked, drawn, sorted or sent home, in bulk: most calls move one. *Superslabs* are looked at
//! where a search finds hints that proved wrong, or slots too scattered; all but some 400 of an allocation's
//! *words* belong to such searches. A free's belong to 256 blocks of as many slabs that go home together,
//! each the last of its slab. Words are counted for a heap of up to 64 superslabs; each 64 more are three
//! words more of an allocation.
//!
//! What other threads do comes on top: a compare-and-swap that fails, which is another's success, and the
//! one lock, which is held for a constant time, or 64 looks, by who opens or closes a superslab, or cuts a span.
//! To open one takes as long as the source takes, and 38 words. An allocation that
//! [never waits](Heap::allocate_now) takes no lock. Spans and large blocks are searched for by best fit, 64 looks
//! at most, and where they must read zero they are cleared.
//!
//! # What is caught
//!
//! | mistake | when |
//! |---|---|
//! | a pointer that is not ours | at once |
//! | a block freed twice in a row | at once |
//! | a second free of a span or a large block; a pointer into one | at once |
//! | a wrong size in a sized free | at once, where it maps to another class or span size |
//! | a pointer into the middle of a small block | when the list it went into goes home |
//! | a block freed twice with others between | when the second copy goes home, if the block was not handed out again meanwhile |
//! | a pointer into a block, or a wrong old size, in `reallocate` | at once, before anything is copied |
//! | writes past a block's end, use after free | no |
//!
//! # Targets
//!
//! | the target has | what there is |
//! |---|---|
//! | 64-bit atomics | all |
//! | narrower ones | [`LockedHeap`] of the [`Embedded`] profile, [`SmallHeap`], [`RegionSource`] |
//! | none with compare-and-swap | [`SmallHeap`] |
//!
//! A slab is one 64-bit word, and so are a superslab's slots and each step of a search: where the target
//! cannot change 64 bits at once, what is built on slabs is left out, and who names it is told why. Pointers
//! have 32 bits or 64; for 32 the hosted registry's leaves are smaller ([`TwoLevel`]).
#![no_std]
#![cfg_attr(
    not(target_has_atomic = "64"),
    allow(dead_code, unused_imports, reason = "what slabs alone need")
)]

#[cfg(any(test, loom))]
extern crate std;

#[cfg(target_pointer_width = "16")]
compile_error!("hakmem-core needs pointers of 32 bits or more: blocks may be larger than 64 KiB");

/// What is built around slabs, each of which is one 64-bit atomic word.
macro_rules! slabs {
    ($($item:item)*) => {
        $(#[cfg(target_has_atomic = "64")] $item)*
    };
}

/// What takes a lock.
macro_rules! locks {
    ($($item:item)*) => {
        $(#[cfg(target_has_atomic = "ptr")] $item)*
    };
}

mod geometry;
mod layer;
mod misuse;

locks! {
    mod sync;
    mod source;
    mod region;
}

/// Regions without a lock: what is wrong with one.
#[cfg(not(target_has_atomic = "ptr"))]
mod region {
    mod error;
    pub use error::RegionError;
}

slabs! {
    mod block;
    mod class;
    mod extent;
    mod huge;
    mod losses;
    mod marks;
    mod regret;
    mod runs;
    mod sieve;
    mod steps;
    mod sums;
    mod trips;

    mod ledger;

    pub mod learn;

    mod counters;
    mod entry;
    mod owners;
    pub mod policy;
    mod registry;

    mod hints;
    mod numbers;
    mod pool;
    mod returned;
    mod slab;
    mod superslab;
    mod word;

    mod arena;
    mod large;
    mod span;

    mod cache;
    mod caches;
    mod cold;
    mod door;
    mod lengths;
    mod outbox;
    mod sorter;

    mod describe;
    mod heap;
    mod look;
    mod stats;
    #[cfg(any(test, feature = "validate"))]
    mod validate;

    mod alloc;
    mod free;
    mod home;
    mod limit;
    mod now;
    mod reach;
    mod ready;
    mod realloc;
    mod refill;
    mod release;
    mod supers;
}

#[cfg(any(test, feature = "validate"))]
mod broken;
mod small;

locks! {
    pub mod kernel;
}

#[cfg(all(test, loom))]
mod models;

// The fakes are integration tests' too, and name the crate from outside.
#[cfg(all(test, not(loom)))]
extern crate self as hakmem_core;
#[cfg(all(test, not(loom)))]
#[path = "../tests/fakes/mod.rs"]
mod fakes;

#[cfg(any(test, feature = "validate"))]
pub use broken::Broken;
pub use layer::LayerStats;
pub use misuse::{Call, Misuse, MisuseKind, Verdict};
pub use region::RegionError;
pub use small::{SmallHeap, SmallStats};

locks! {
    pub use kernel::{AllocError, Cpu, FreeError, KernelStats, NoCpu, Request};
    #[cfg(not(loom))]
    pub use kernel::{Embedded, Hosted, LockedHeap, Profile};
    pub use region::{Growth, RegionSource, RegionStats};
    pub use source::{HugeAdvice, HugePages, PageSource};
}

slabs! {
    pub use cache::Cache;
    pub use class::{CLASSES, LARGEST};
    pub use describe::{Place, PlaceKind};
    pub use heap::Heap;
    pub use huge::Huge;
    pub use kernel::{KernelHost, PerCpuHeap};
    pub use policy::{Fresh, Policy};
    pub use registry::{Flat, Registry, TwoLevel};
    #[cfg(any(test, feature = "validate"))]
    pub use release::Balance;
    pub use release::{Decayed, Purged};
    pub use source::Host;
    pub use stats::{ClassStats, Stats};
    #[cfg(any(test, feature = "validate"))]
    pub use validate::Census;
}
