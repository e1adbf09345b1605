//! Memory that lies free goes back with time.
//!
//! The heap has no clock: its host calls [`Heap::decay`] in rounds, about as far apart as memory is
//! to be kept. What lay untouched from one round to the next is purged; a kept range that was purged
//! and still lies there some rounds later is unmapped.

use crate::geometry::SLOTS;
use crate::heap::Heap;
use crate::registry::Registry;
use crate::regret::SOON as MISSED;
use crate::source::Host;
use crate::superslab::Superslab;
use crate::word::State;

/// What a round of decay came to.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Decayed {
    /// Bytes given back, purged in place or unmapped while still backed.
    pub bytes: usize,
    /// Bytes that are free in whole pieces and still backed: for later rounds.
    pub left: usize,
    /// Caches that were used since the last round.
    pub active: usize,
}

impl<H: Host, R: Registry> Heap<H, R> {
    /// One round: empties the caches that were not used since the last one, and gives back what lay
    /// free and untouched for as long. Bounded work at a time, under no lock that an allocation waits
    /// for; may be called from any thread, from one at a time.
    pub fn decay(&self) -> Decayed {
        self.decay_by(1)
    }

    /// As [`decay`](Self::decay), where the time of several rounds has passed since the last one.
    pub fn decay_by(&self, rounds: u32) -> Decayed {
        let gathered = self.gather(core::ptr::null(), true);
        let mut bytes = self.decay_spans();
        let mut asking = self.begin_asking();
        for (id, superslab) in self.pool.superslabs() {
            let ripe = superslab.marks.age(lying(superslab));
            if ripe != 0 {
                bytes += self.purge_idle(id, ripe);
                bytes += self.sift(id, superslab, ripe);
            }
            if let Some(asking) = &mut asking {
                self.ask_if_dense(asking, id, superslab);
            }
        }
        bytes += self.decay_ranges(rounds);
        self.losses.decayed(bytes, gathered.active);
        Decayed { bytes, left: self.free_dirty(), active: gathered.active }
    }

    /// The policy's decay alone: cold paths ask for it often.
    pub fn decay_millis(&self) -> u32 {
        self.policy.decay()
    }

    /// Milliseconds that a host should let pass from one round to the next: the policy's decay, and in a
    /// program that took again at once what went back, as long as that may be missed.
    pub fn pace(&self) -> u32 {
        let decay = self.decay_millis();
        if self.allowance() > 0 { decay.max(MISSED as u32) } else { decay }
    }
}

/// The slots that lie idle and dirty, or whose slab is pooled.
fn lying(superslab: &Superslab) -> u32 {
    let pooled = (0..SLOTS).filter(|&slot| superslab.peek(slot).state() == State::Pooled);
    pooled.fold(superslab.slots().dirty(), |lying, slot| lying | 1 << slot)
}
