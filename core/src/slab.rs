//! What can be done to a slab: each step one CAS on its word.
//!
//! The claimer alone carves and takes the returned list; anyone who holds blocks of the slab sends
//! them home. After the CAS that gave a slab away, nothing of its descriptor is read.

use crate::block::{Block, Chain, List};
use crate::class::ClassId;
use crate::superslab::Superslab;
use crate::sync::Ordering;
use crate::word::{State, Word};
use core::ptr::NonNull;

/// What the one who changed a slab's word has to do next.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Next {
    /// Nothing.
    Done,
    /// The slab became findable: set its bit.
    Publish,
    /// The slab is unused, and its slots are the caller's to give back.
    Retire,
}

impl Next {
    fn after(before: Word, now: Word) -> Self {
        match (before.state(), now.state()) {
            (_, State::Unused) => Self::Retire,
            (State::Pooled, State::Pooled) => Self::Done,
            (_, State::Pooled) => Self::Publish,
            _ => Self::Done,
        }
    }
}

/// Why a chain cannot go home: some block of it is there already.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct AlreadyHome;

impl Superslab {
    /// Makes a claimed slab of idle slots that the caller just took.
    pub(crate) fn begin(&self, slot: u32, class: ClassId) {
        // ORDERING: Relaxed: whoever comes to this word later comes by a block of the slab, or by
        // a CAS that orders.
        self.word(slot).store(Word::fresh(class).0, Ordering::Relaxed);
    }

    /// Takes the whole returned list of a slab that the caller has claimed: O(1), its length known
    /// from the word.
    pub(crate) fn take_returned(&self, slot: u32) -> Option<(List, u32)> {
        let cell = self.word(slot);
        let mut seen = Word(cell.load(Ordering::Relaxed));
        while seen.returned() != 0 {
            let taken = seen.with_list(0, 0);
            // ORDERING: Acquire pairs with the Release of `send_home`: the links are read after it.
            match cell.compare_exchange_weak(seen.0, taken.0, Ordering::Acquire, Ordering::Relaxed)
            {
                Ok(_) => {
                    let start = self.block_start(slot, seen.class(), seen.head())?;
                    // SAFETY: the CAS took the list, and its head is a returned block, tied to
                    // the rest of the list.
                    let list = unsafe { List::from_head(Block::from_start(start)) };
                    return Some((list, seen.returned()));
                }
                Err(now) => seen = Word(now),
            }
        }
        None
    }

    /// Carves up to `most` blocks off a slab that the caller has claimed: the index of the first,
    /// and how many.
    pub(crate) fn carve(&self, slot: u32, most: u32) -> Option<(u32, u32)> {
        let cell = self.word(slot);
        let mut seen = Word(cell.load(Ordering::Relaxed));
        loop {
            let count = most.min(seen.class().capacity() - seen.carved());
            if count == 0 {
                return None;
            }
            let carved = seen.with_carved(seen.carved() + count);
            // ORDERING: Relaxed: fresh blocks hold nothing, and only the claimer carves.
            match cell.compare_exchange_weak(seen.0, carved.0, Ordering::Relaxed, Ordering::Relaxed)
            {
                Ok(_) => return Some((seen.carved(), count)),
                Err(now) => seen = Word(now),
            }
        }
    }

    /// Gives up a claimed slab.
    pub(crate) fn give_up(&self, slot: u32) -> Next {
        let cell = self.word(slot);
        let mut seen = Word(cell.load(Ordering::Relaxed));
        loop {
            let settled = seen.settled();
            // ORDERING: Release hands what the claimer did to the next one; Acquire because all
            // may be back, and whoever retires the slab passes on what its users wrote.
            match cell.compare_exchange_weak(seen.0, settled.0, Ordering::AcqRel, Ordering::Relaxed)
            {
                Ok(_) => return Next::after(seen, settled),
                Err(now) => seen = Word(now),
            }
        }
    }

    /// Returns a chain of blocks of this slab, all of class `class`, with one CAS.
    pub(crate) fn send_home(
        &self,
        slot: u32,
        class: ClassId,
        chain: &mut Chain,
    ) -> Result<Next, AlreadyHome> {
        let base = self.slab_base(slot);
        // The caller checked that blocks begin there.
        let index = |address: usize| class.index_of(address - base).unwrap_or(0);
        let (head, tail) = (index(chain.head_address()), index(chain.tail_address()));
        let cell = self.word(slot);
        let mut seen = Word(cell.load(Ordering::Relaxed));
        loop {
            let returned = seen.returned() + chain.len();
            let twice = seen.returned() != 0 && (seen.head() == tail || seen.head() == head);
            if seen.state() == State::Unused
                || seen.class() != class
                || twice
                || returned > seen.carved()
            {
                return Err(AlreadyHome);
            }
            let next = match seen.returned() {
                0 => core::ptr::null_mut(),
                _ => self
                    .block_start(slot, class, seen.head())
                    .map_or(core::ptr::null_mut(), NonNull::as_ptr),
            };
            // SAFETY: if the CAS succeeds, the list at `next` is the slab's own, and so is the
            // chain then; if not, the tail is tied again.
            unsafe { chain.tie_tail(next) };
            let list = seen.with_list(head, returned);
            let now = if seen.state() == State::Claimed { list } else { list.settled() };
            // ORDERING: Release publishes the links, and what the users of the blocks wrote, to the
            // Acquire of `take_returned`, of a claim, or of the one who retires the slab, which
            // may be this very CAS.
            match cell.compare_exchange_weak(seen.0, now.0, Ordering::AcqRel, Ordering::Relaxed) {
                Ok(_) => return Ok(Next::after(seen, now)),
                Err(other) => seen = Word(other),
            }
        }
    }

    /// Address of a block of a slab that the caller has claimed or holds blocks of.
    pub(crate) fn block_start(&self, slot: u32, class: ClassId, index: u32) -> Option<NonNull<u8>> {
        let address = self.slab_base(slot) + index as usize * class.size();
        NonNull::new(core::ptr::with_exposed_provenance_mut(address))
    }
}
