//! The door of a cache: how another thread gets at what a sleeping owner's lists hold, while the hot
//! paths stay without a lock, a fence or a store for it.
//!
//! ```text
//!        shut by the reacher           taken                  next slow call of the owner
//! OPEN -------------------> SHUT ----------------> EMPTIED ----------------------------> OPEN
//!   ^                         |                                (repairs the hot lists)
//!   '-------------------------' the owner is in a slow path: not now
//! ```
//! The hot paths read two words of the door that stand for themselves: the largest size they serve,
//! and the owner's tag. Shut, they serve none and own nothing, so that each call takes a slow path, and
//! those say that they are in one (`busy`) and then look at the gate.
//!
//! The reacher shuts the door, and has the host make every thread pass a full fence. After that it
//! finds `busy`, and gives up, or the owner is in no slow path and in *one hot call at most*, begun
//! before the fence; whatever the owner does next meets a shut gate. So what only slow paths touch is
//! the reacher's. Of a hot list it takes all but the head, and writes nothing: the one call that
//! may still be under way pops the head, whose successor it may have read already, or pushes a
//! block in front of it. Head and successor are noted; by them the owner sees later which it was:
//!
//! | head it finds | what happened | what is left |
//! |---|---|---|
//! | the noted one | nothing | it |
//! | its successor | the head was popped | nothing |
//! | another | a block was pushed | it and the noted head |
//!
//! The successor is read out of a block that the one call may have handed out, and its user overwritten,
//! meanwhile: so the head is read once more after a second fence. If it changed, the call is over,
//! and the list is left alone. The successor is read again, too: where a processor lets writes out in
//! any order, the head that the one call pushed may be seen before its link. The compiler keeps the
//! order: a fence of its own stands between link and head of a push, and behind a pop.
//!
//! All orders of the steps are searched by an abstract machine (`door/model.rs`); each part of this
//! left out, it finds what goes wrong.

use crate::class::{CLASSES, TABLED};
use crate::sync::Ordering;
use crate::sync::mark::{AtomicU32, AtomicUsize};

/// Who may go in.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Gate {
    /// The owner.
    Open = 0,
    /// A reacher is inside; the owner waits.
    Shut = 1,
    /// What could be taken is gone; the owner repairs before it goes in.
    Emptied = 2,
}

/// The tag of a cache that owns nothing: no slab ever bears it.
pub(crate) const NOTHING: u32 = 0xff_ffff << 8;

/// The door; all-zero bytes are that of an untouched cache, which serves and owns nothing.
#[repr(C)]
pub(crate) struct Door {
    /// One more than the largest size that the hot path serves.
    serves: AtomicUsize,
    /// The owner id as it stands in registry entries, or [`NOTHING`]. Of an untouched cache 0.
    tag: AtomicU32,
    gate: AtomicU32,
    /// Slow calls of the owner under way, one inside the other.
    busy: AtomicU32,
}

impl Door {
    pub(crate) const fn new() -> Self {
        Self {
            serves: AtomicUsize::new(0),
            tag: AtomicU32::new(0),
            gate: AtomicU32::new(Gate::Open as u32),
            busy: AtomicU32::new(0),
        }
    }

    /// Whether the hot path serves a size.
    #[inline(always)]
    pub(crate) fn serves(&self, size: usize) -> bool {
        size < self.serves.load(Ordering::Relaxed)
    }

    #[inline(always)]
    pub(crate) fn tag(&self) -> u32 {
        self.tag.load(Ordering::Relaxed)
    }

    /// Lets the owner's hot paths work, under its tag.
    pub(crate) fn open(&self, tag: u32) {
        self.tag.store(tag, Ordering::Relaxed);
        self.serves.store(TABLED + 1, Ordering::Relaxed);
    }

    /// Sends the owner's hot paths away.
    pub(crate) fn close(&self) {
        self.tag.store(NOTHING, Ordering::Relaxed);
        self.serves.store(0, Ordering::Relaxed);
    }

    pub(crate) fn gate(&self) -> Gate {
        // ORDERING: Acquire pairs with the Release of `set_gate`: what the reacher did is done.
        match self.gate.load(Ordering::Acquire) {
            0 => Gate::Open,
            1 => Gate::Shut,
            _ => Gate::Emptied,
        }
    }

    pub(crate) fn set_gate(&self, gate: Gate) {
        // ORDERING: Release pairs with the Acquire of `gate`.
        self.gate.store(gate as u32, Ordering::Release);
    }

    /// Whether the owner is in a slow path. For the reacher, after a fence of all threads.
    pub(crate) fn is_busy(&self) -> bool {
        // ORDERING: Acquire pairs with the Release of `leave`: what the last slow path did is done.
        self.busy.load(Ordering::Acquire) != 0
    }

    /// The owner begins a slow path. Then it must look at the gate.
    #[inline(always)]
    pub(crate) fn enter(&self) {
        // Nobody else writes it.
        self.busy.store(self.busy.load(Ordering::Relaxed) + 1, Ordering::Relaxed);
    }

    #[inline(always)]
    pub(crate) fn leave(&self) {
        let busy = self.busy.load(Ordering::Relaxed);
        // ORDERING: Release hands what the slow path did to a reacher that finds nobody inside.
        self.busy.store(busy - 1, Ordering::Release);
    }
}

/// What a reacher notes of a hot list, for the owner.
#[derive(Clone, Copy)]
pub(crate) struct Noted {
    /// Addresses of the head and of its successor; 0: the list was left alone.
    pub(crate) head: usize,
    pub(crate) next: usize,
}

impl Noted {
    /// Blocks of the list that are left, by the head that the owner finds: see the table above.
    pub(crate) fn left(self, head: usize) -> u32 {
        if head == self.head {
            1
        } else if head == self.next || head == 0 {
            0
        } else {
            2
        }
    }
}

/// Notes of every class; all-zero bytes are none.
pub(crate) type Notes = [Noted; CLASSES];

pub(crate) const NO_NOTES: Notes = [Noted { head: 0, next: 0 }; CLASSES];

#[cfg(all(test, not(loom)))]
mod model;
