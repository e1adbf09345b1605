//! The front: one list of free blocks a class, owned by one thread or one CPU. No atomics, no locks.
//!
//! ```text
//! Cache  +------------------------------------------+
//!        | door: what the hot paths serve, the tag  |
//!        | bins:  head | room | limit   per class   |  hot: all that malloc and free touch
//!        | back:  cold lists, claimed slabs, outbox |  slow paths alone; a reacher may take it
//!        | for the reacher: links, notes            |
//!        +------------------------------------------+
//! ```
//! One list of a class is hot: it is pushed and popped. When it is full it becomes a cold one, and an
//! empty one takes its place; when there are enough cold ones, they go home. So what was freed last
//! stays, without being walked.
//!
//! An all-zero cache has empty lists without room: its first operation takes the cold path, which
//! starts it. So the hot paths need no test for that.
//!
//! Classes come doubled where they come from the class table or a registry entry, so that the bin's
//! place needs no shift.

use crate::block::{Block, List};
use crate::class::{CLASSES, ClassId, tabled_twice};
use crate::cold::Cold;
use crate::door::{Door, NO_NOTES, NOTHING, Noted, Notes};
use crate::entry::{Entry, OwnerId};
use crate::geometry::OUTBOX_PLACES;
use crate::outbox::Outbox;
use crate::policy::Policy;
use crate::span::SpanCache;
use crate::steps;
use crate::sync::light_fence;
use core::marker::PhantomPinned;
use core::ptr::{NonNull, null_mut};

/// The hot list of a class.
#[repr(C, align(16))]
pub(crate) struct Bin {
    pub(crate) list: List,
    /// Blocks that may yet be pushed.
    pub(crate) room: i32,
    /// Blocks that it may hold; see [`crate::lengths`].
    pub(crate) limit: u16,
    /// Of these, the ones that are not growth.
    pub(crate) first: u16,
}

const _: () = assert!(size_of::<Bin>() == 16, "the table of classes is scaled for 16-byte bins");

/// What stands behind a class's hot list.
pub(crate) struct Side {
    pub(crate) cold: Cold,
    /// The claimed slab, as `SlabId::encode` writes it.
    pub(crate) claimed: u32,
    /// Blocks that went home from this list since it last ran empty.
    pub(crate) sent: u32,
}

/// What a cache has done since it last told the heap's counters.
#[derive(Clone, Copy, Default)]
pub(crate) struct Tallies {
    pub(crate) refills: u32,
    pub(crate) spills: u32,
    pub(crate) sent_home: u32,
    /// Bytes that left slabs for the lists, less those that went home: wraps below zero.
    pub(crate) out: usize,
    /// Bytes that went home.
    pub(crate) home: usize,
}

impl Tallies {
    /// Counts bytes that came out of a slab.
    pub(crate) fn drawn(&mut self, bytes: usize) {
        self.out = self.out.wrapping_add(bytes);
    }

    /// Counts bytes that went home.
    pub(crate) fn went_home(&mut self, bytes: usize) {
        self.out = self.out.wrapping_sub(bytes);
        self.home += bytes;
    }
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[repr(u32)]
enum Life {
    /// All zero: the first cold call starts it.
    Fresh = 0,
    Live = 1,
    /// Handed back: each call is served singly, nothing is kept.
    Ended = 2,
}

/// What the slow paths alone touch: while the owner is in none, a reacher may take all of it.
pub(crate) struct Behind {
    pub(crate) sides: [Side; CLASSES],
    pub(crate) outbox: Outbox<OUTBOX_PLACES>,
    pub(crate) spans: SpanCache,
    pub(crate) tallies: Tallies,
}

impl Behind {
    pub(crate) const EMPTY: Self = Self {
        sides: [const { Side { cold: Cold::EMPTY, claimed: 0, sent: 0 } }; CLASSES],
        outbox: Outbox::EMPTY,
        spans: SpanCache::new(),
        tallies: Tallies { refills: 0, spills: 0, sent_home: 0, out: 0, home: 0 },
    };
}

/// What belongs to whoever holds the lock on the list of caches.
pub(crate) struct Listed {
    pub(crate) next: *mut Cache,
    pub(crate) previous: *mut Cache,
    /// The pass that looked at the cache last, and what it saw.
    pub(crate) pass: u32,
    pub(crate) seen: u64,
}

/// A thread's or a CPU's cache. Starts as all-zero bytes and needs no destructor, but
/// [`Heap::retire_cache`](crate::Heap::retire_cache) must be called before its memory goes away.
///
/// A cache belongs to the heap that first used it, and must stay where it is from then on: where the
/// host has a [barrier](crate::Host::REACHES), other threads take what an idle one holds.
#[repr(C, align(64))]
pub struct Cache {
    pub(crate) door: Door,
    life: Life,
    /// What the door's tag is while it is open.
    tag: u32,
    bins: [Bin; CLASSES],
    pub(crate) behind: Behind,
    /// Bytes by which the lists have grown.
    pub(crate) grown: usize,
    /// Bytes that went home from lists since one was last filled from a slab.
    pub(crate) one_way: usize,
    /// It began with a free, and is in no ring until it allocates.
    pub(crate) hidden: bool,
    pub(crate) listed: Listed,
    /// Of the reacher, for the owner.
    pub(crate) notes: Notes,
    /// Others may look at the door: the reference that the owner has is not the only one.
    pinned: PhantomPinned,
}

// SAFETY: a cache owns the blocks in its lists; whoever has the cache has them.
unsafe impl Send for Cache {}

impl Cache {
    /// An untouched cache: all bytes zero.
    pub const fn new() -> Self {
        Self {
            door: Door::new(),
            life: Life::Fresh,
            tag: 0,
            bins: [const { Bin { list: List::EMPTY, room: 0, limit: 0, first: 0 } }; CLASSES],
            behind: Behind::EMPTY,
            grown: 0,
            one_way: 0,
            hidden: false,
            listed: Listed { next: null_mut(), previous: null_mut(), pass: 0, seen: 0 },
            notes: NO_NOTES,
            pinned: PhantomPinned,
        }
    }

    /// Makes an ended cache untouched again, in place: it is larger than some stacks have room for.
    pub(crate) fn renew(&mut self) {
        debug_assert!(!self.is_live());
        // SAFETY: all-zero bytes are an untouched cache. An ended one owns nothing that is lost.
        unsafe { core::ptr::from_mut(self).write_bytes(0, 1) };
    }

    /// Pops a block for a size of at most [`TABLED`](crate::class::TABLED) bytes.
    #[inline(always)]
    pub(crate) fn pop_tabled(&mut self, size: usize) -> Option<Block> {
        // SAFETY: the table holds twice a class.
        unsafe { self.bin_twice(tabled_twice(size)) }.pop()
    }

    /// Pushes a block of this cache's own; false where the list has no room, or the block is its
    /// head already. Nothing is written to the block before both are known: the pointer may be
    /// anything. After false, [`Bin::regret`] must be called on the class's bin.
    ///
    /// # Safety
    /// `twice` is twice a class. If it came from an entry with this cache's tag, `start` is a block
    /// of that class that its user gave up.
    #[inline(always)]
    pub(crate) unsafe fn push_twice(&mut self, twice: u32, start: NonNull<u8>) -> bool {
        // SAFETY: the caller's promise.
        let bin = unsafe { self.bin_twice(twice as usize) };
        // One instruction counts and tests; who was refused counts back.
        bin.room -= 1;
        if bin.room < 0 || bin.list.head_address() == start.as_ptr().addr() {
            return false;
        }
        // SAFETY: the caller's promise: a free block, and no list holds it (its head was compared;
        // deeper repetitions are for the cold paths to find).
        bin.list.push(unsafe { Block::from_start(start) });
        true
    }

    /// The hot list of a class.
    ///
    /// # Safety
    /// `twice` is twice a class.
    #[inline(always)]
    pub(crate) unsafe fn bin_twice(&mut self, twice: usize) -> &mut Bin {
        debug_assert!(twice % 2 == 0 && twice < 2 * CLASSES);
        // SAFETY: a bin is 16 bytes, so 8 x twice is the class's bin.
        unsafe { &mut *self.bins.as_mut_ptr().byte_add(8 * twice) }
    }

    #[inline(always)]
    pub(crate) fn bin(&mut self, class: ClassId) -> &mut Bin {
        &mut self.bins[usize::from(class.0)]
    }

    pub(crate) fn side(&mut self, class: ClassId) -> &mut Side {
        &mut self.behind.sides[usize::from(class.0)]
    }

    /// A class's hot list, for the reacher: its owner may be at work on it.
    ///
    /// # Safety
    /// `cache` is a live cache.
    pub(crate) unsafe fn peek_head(cache: *const Self, class: ClassId) -> usize {
        // SAFETY: within the cache. The owner may store meanwhile: the read is volatile, of one word,
        // and whoever acts on it makes sure of it first.
        unsafe {
            let bin = &raw const (*cache).bins[usize::from(class.0)];
            (&raw const (*bin).list).cast::<usize>().read_volatile()
        }
    }

    /// The same of the room in it.
    ///
    /// # Safety
    /// As for [`peek_head`](Self::peek_head).
    pub(crate) unsafe fn peek_len(cache: *const Self, class: ClassId) -> u32 {
        // SAFETY: as in `peek_head`.
        unsafe {
            let bin = &raw const (*cache).bins[usize::from(class.0)];
            let room = (&raw const (*bin).room).read_volatile();
            (i32::from((&raw const (*bin).limit).read_volatile()) - room).max(0) as u32
        }
    }

    /// Makes the hot list a cold one. Answers the cold ones that were there, if they were as many as
    /// may be: they must go home.
    pub(crate) fn put_behind(&mut self, class: ClassId) -> Option<Cold> {
        let (hot, len) = self.bin(class).take();
        let cold = &mut self.side(class).cold;
        let full = cold.is_full().then(|| cold.take());
        cold.push(hot, len);
        full
    }

    /// A class's lists, with their lengths.
    pub(crate) fn lists(&self, class: ClassId) -> impl Iterator<Item = (&List, u32)> {
        let (bin, side) =
            (&self.bins[usize::from(class.0)], &self.behind.sides[usize::from(class.0)]);
        core::iter::once((&bin.list, bin.len())).chain(side.cold.lists())
    }

    /// What to subtract from a registry entry to get the class, if the slab is this cache's.
    #[inline(always)]
    pub(crate) fn tag(&self) -> u32 {
        self.door.tag()
    }

    /// The owner id that the cache writes into the registry.
    pub(crate) fn owner(&self) -> OwnerId {
        if self.tag == NOTHING { OwnerId::NOBODY } else { OwnerId(self.tag >> 8) }
    }

    /// The entry of a slab of this cache's own; none equals it while the cache owns nothing.
    pub(crate) fn own_entry(&self, class: ClassId) -> Entry {
        Entry(self.tag | Entry::of_slab(OwnerId(0), class).0)
    }

    /// Lets the hot paths work again.
    pub(crate) fn open(&self) {
        if self.is_live() {
            self.door.open(self.tag);
        }
    }

    pub(crate) fn is_fresh(&self) -> bool {
        self.life == Life::Fresh
    }

    pub(crate) fn is_live(&self) -> bool {
        self.life == Life::Live
    }

    pub(crate) fn is_ended(&self) -> bool {
        self.life == Life::Ended
    }

    /// Makes a fresh cache live.
    pub(crate) fn start(&mut self, owner: Option<OwnerId>, limit: impl Fn(ClassId) -> u32) {
        self.tag = owner.map_or(NOTHING, OwnerId::tag);
        self.life = Life::Live;
        for class in ClassId::all() {
            steps::word();
            self.set_first(class, limit(class));
        }
        self.door.open(self.tag);
    }

    /// Ends a cache whose lists went home. Answers the owner id that is free now.
    pub(crate) fn end(&mut self) -> Option<OwnerId> {
        let owner = (self.tag != NOTHING && self.tag != 0).then_some(OwnerId(self.tag >> 8));
        self.tag = NOTHING;
        self.life = Life::Ended;
        self.door.close();
        for bin in &mut self.bins {
            (bin.room, bin.limit, bin.first) = (0, 0, 0);
        }
        self.grown = 0;
        owner
    }
}

impl Default for Cache {
    fn default() -> Self {
        Self::new()
    }
}

impl Bin {
    #[inline(always)]
    pub(crate) fn pop(&mut self) -> Option<Block> {
        let block = self.list.pop()?;
        self.room += 1;
        // The block leaves the list before its user writes it, for a reacher that looks.
        light_fence();
        Some(block)
    }

    #[inline(always)]
    pub(crate) fn push(&mut self, block: Block) {
        self.list.push(block);
        self.room -= 1;
    }

    /// Lets the list be longer, or shorter. If it holds more blocks than that, its room is below zero, and
    /// the next block that is freed makes it a cold one.
    pub(crate) fn set_limit(&mut self, limit: u32) {
        let limit = limit.min(Policy::LIST_MOST.into()) as u16;
        self.room += i32::from(limit) - i32::from(self.limit);
        self.limit = limit;
    }

    /// Ends the list where a reacher cut it; see [`crate::door`].
    pub(crate) fn repair(&mut self, noted: Noted) {
        let len = noted.left(self.list.head_address());
        self.list.cut(len);
        self.room = i32::from(self.limit) - len as i32;
    }

    /// Takes back the count of a push that was refused.
    pub(crate) fn regret(&mut self) {
        self.room += 1;
    }

    /// Blocks in the hot list.
    pub(crate) fn len(&self) -> u32 {
        // A list that a second free bent into a circle can be popped for ever.
        (i32::from(self.limit) - self.room).max(0) as u32
    }

    /// Fills an empty hot list.
    pub(crate) fn fill(&mut self, list: List, len: u32) {
        debug_assert!(self.list.is_empty());
        self.list = list;
        self.room = i32::from(self.limit) - len as i32;
    }

    /// Empties the hot list.
    pub(crate) fn take(&mut self) -> (List, u32) {
        let len = self.len();
        self.room = self.limit.into();
        (self.list.take(), len)
    }
}
