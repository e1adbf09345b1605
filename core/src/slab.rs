//! What can be done to a slab: each step is one change of its word, and of bits beside it.
//!
//! The claimer alone carves and takes what is returned; anyone who holds blocks of the slab sends
//! them home. After the CAS that gave a slab away, nothing of its descriptor is read.

use crate::block::{Block, Chain, List};
use crate::class::ClassId;
use crate::geometry::SLOT_SHIFT;
use crate::marks::HOLE;
use crate::steps;
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

/// What became of a bundle.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Arrival {
    pub(crate) next: Next,
    /// A block of it that was not out: home already, or never carved.
    pub(crate) refused: Option<u16>,
}

impl Superslab {
    /// Makes a claimed slab of idle slots that the caller just took.
    pub(crate) fn begin(&self, slot: u32, class: ClassId) {
        // ORDERING: Relaxed: whoever comes to this word later comes by a block of the slab, or by
        // a CAS that orders.
        self.word(slot).store(Word::fresh(class).0, Ordering::Relaxed);
    }

    /// Takes up to `most` returned blocks of a slab that the caller has claimed: those of the lowest
    /// addresses, in their order.
    pub(crate) fn take_returned(&self, slot: u32, most: u32) -> Option<(List, u32)> {
        let cell = self.word(slot);
        // ORDERING: Acquire pairs with the Release of `send_home`'s CAS: as many bits as it counts
        // are seen set.
        let seen = Word(cell.load(Ordering::Acquire));
        let (class, most) = (seen.class(), most.min(seen.returned()));
        if most == 0 {
            return None;
        }
        let (base, size) = (self.slab_base(slot), class.size());
        let mut chain: Option<Chain> = None;
        let taken = self.returned()?.take(slot, class.capacity(), most, |index| {
            let start = core::ptr::with_exposed_provenance_mut(base + index as usize * size);
            // SAFETY: the bit was set by whoever gave the block up, and is cleared now. A slab
            // that is claimed has a base, so the address is not null.
            let block = unsafe { Block::from_start(NonNull::new_unchecked(start)) };
            steps::block();
            match &mut chain {
                Some(chain) => chain.append(block),
                None => chain = Some(Chain::of(block)),
            }
        });
        // Bits are set before they are counted, so there were enough; were there none, the count
        // would be wrong, and is dropped so that nobody comes for it again.
        let gone = if taken == 0 { seen.returned() } else { taken };
        // ORDERING: Relaxed: it releases nothing, and as a read-modify-write continues what
        // `send_home` released. The count is `gone` at least: others only add.
        cell.fetch_sub(Word::UNUSED.with_returned(gone).0, Ordering::Relaxed);
        Some((chain?.into_list(), taken))
    }

    /// Carves up to `most` blocks off a slab that the caller has claimed: the index of the first,
    /// and how many.
    pub(crate) fn carve(&self, slot: u32, most: u32) -> Option<(u32, u32)> {
        let cell = self.word(slot);
        let mut seen = Word(cell.load(Ordering::Relaxed));
        loop {
            steps::word();
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

    /// As [`carve`](Self::carve), the blocks in a list that runs upward in memory.
    pub(crate) fn carve_list(&self, slot: u32, class: ClassId, most: u32) -> Option<(List, u32)> {
        let (first, count) = self.carve(slot, most)?;
        // Threading them touches each page, if they fill the slab and lie that close.
        let slab = (class.slots() as usize) << SLOT_SHIFT;
        let is_full =
            class.size() <= HOLE && class.capacity() as usize * class.size() + HOLE > slab;
        if first + count == class.capacity() && is_full {
            self.marks.set_touched(class.run(slot), true);
        }
        let block = |index| {
            steps::block();
            let start = self.block_start(slot, class, index)?;
            // SAFETY: just carved, so free and in no list.
            Some(unsafe { Block::from_start(start) })
        };
        let mut chain = Chain::of(block(first)?);
        for index in first + 1..first + count {
            chain.append(block(index)?);
        }
        Some((chain.into_list(), count))
    }

    /// Claims a full slab, so that its superslab stays open until the slab is given up.
    pub(crate) fn claim_full(&self, slot: u32) -> Option<Word> {
        let seen = self.peek(slot);
        if seen.state() != State::Full {
            return None;
        }
        let claimed = seen.with_state(State::Claimed);
        // ORDERING: Acquire as in `claim_slab`: base and shape are read after it.
        let claim = self.word(slot).compare_exchange(
            seen.0,
            claimed.0,
            Ordering::Acquire,
            Ordering::Relaxed,
        );
        claim.is_ok().then_some(claimed)
    }

    /// Gives up a claimed slab.
    pub(crate) fn give_up(&self, slot: u32) -> Next {
        // Nothing is kept, so it was given up.
        self.give_up_unless(slot, false).unwrap_or(Next::Done)
    }

    /// Gives up a claimed slab; but `keep_empty`: one whose blocks are all back stays claimed, for it
    /// would be the caller's to retire. `None`: it does.
    pub(crate) fn give_up_unless(&self, slot: u32, keep_empty: bool) -> Option<Next> {
        let cell = self.word(slot);
        let mut seen = Word(cell.load(Ordering::Relaxed));
        loop {
            steps::word();
            let settled = seen.settled();
            if keep_empty && settled.state() == State::Unused {
                return None;
            }
            // ORDERING: Release hands what the claimer did to the next one; Acquire because all
            // may be back, and whoever retires the slab passes on what its users wrote.
            match cell.compare_exchange_weak(seen.0, settled.0, Ordering::AcqRel, Ordering::Relaxed)
            {
                Ok(_) => return Some(Next::after(seen, settled)),
                Err(now) => seen = Word(now),
            }
        }
    }

    /// Returns `blocks`, by their indices, to a slab of class `class`. Reads and writes none of them.
    pub(crate) fn send_home(&self, slot: u32, class: ClassId, blocks: &[u16]) -> Arrival {
        let cell = self.word(slot);
        let mut seen = Word(cell.load(Ordering::Relaxed));
        let mut arrival = Arrival { next: Next::Done, refused: blocks.first().copied() };
        let Some(returned) = self.returned() else { return arrival };
        if seen.state() == State::Unused || seen.class() != class {
            return arrival;
        }
        arrival.refused = None;
        let came = returned.set(slot, blocks, seen.carved(), |block| arrival.refused = Some(block));
        while came > 0 && seen.returned() + came <= seen.carved() {
            steps::word();
            let more = seen.with_returned(seen.returned() + came);
            let now = if seen.state() == State::Claimed { more } else { more.settled() };
            // ORDERING: Release publishes the bits, and what the users of the blocks wrote, to the
            // Acquire of `take_returned`, of a claim, or of the one who retires the slab, which
            // may be this very CAS.
            match cell.compare_exchange_weak(seen.0, now.0, Ordering::AcqRel, Ordering::Relaxed) {
                Ok(_) => {
                    arrival.next = Next::after(seen, now);
                    break;
                }
                Err(other) => seen = Word(other),
            }
        }
        arrival
    }

    /// Address of a block of a slab that the caller has claimed or holds blocks of.
    pub(crate) fn block_start(&self, slot: u32, class: ClassId, index: u32) -> Option<NonNull<u8>> {
        let address = self.slab_base(slot) + index as usize * class.size();
        NonNull::new(core::ptr::with_exposed_provenance_mut(address))
    }
}
