//! Idle slots that were touched go back.

use crate::geometry::{SLOT, SLOTS};
use crate::heap::Heap;
use crate::registry::Registry;
use crate::runs::Runs;
use crate::source::Host;
use crate::superslab::SuperId;

/// Superslabs from which one call takes, at most; runs of one, and of all of them.
const TOGETHER: usize = 16;
const RUNS_EACH: usize = SLOTS.div_ceil(2) as usize;
const RUNS: usize = 4 * RUNS_EACH;

/// Slots that are claimed to be given back together.
struct Batch {
    runs: Runs<RUNS>,
    /// Superslabs, and which slots of each.
    claimed: [(SuperId, u32); TOGETHER],
    count: usize,
}

impl Batch {
    const fn new() -> Self {
        Self { runs: Runs::new(), claimed: [(SuperId(0), 0); TOGETHER], count: 0 }
    }

    fn has_room(&self) -> bool {
        self.count < TOGETHER && self.runs.has_room(RUNS_EACH)
    }
}

impl<H: Host, R: Registry> Heap<H, R> {
    /// Purges the idle dirty slots of a superslab that are among `wanted`. Answers the bytes.
    #[inline(never)]
    pub(crate) fn purge_idle(&self, id: SuperId, wanted: u32) -> usize {
        let mut batch = const { Batch::new() };
        self.claim_to_purge(id, wanted, &mut batch);
        self.purge_claimed(&batch)
    }

    /// Purges idle dirty slots, the lowest first: `wanted` bytes, or what one call of the source takes.
    /// Answers the bytes.
    // Its own frame, so that those of several do not add up in a thread with a small stack.
    #[inline(never)]
    pub(crate) fn purge_some_idle(&self, wanted: usize) -> usize {
        let mut batch = const { Batch::new() };
        while batch.runs.bytes() < wanted && batch.has_room() {
            let found = self.pool.find_dirty(SLOT);
            if !found.is_some_and(|id| self.claim_to_purge(id, u32::MAX, &mut batch)) {
                break;
            }
        }
        self.purge_claimed(&batch)
    }

    /// Claims the idle dirty slots of a superslab that are among `wanted`. `false`: there are none.
    fn claim_to_purge(&self, id: SuperId, wanted: u32, batch: &mut Batch) -> bool {
        let Some(superslab) = self.pool.superslab(id) else { return false };
        let claimed = self.pool.claim_dirty(superslab, wanted);
        if claimed == 0 {
            return false;
        }
        let mut slot = 0;
        while slot < SLOTS {
            let run = (claimed >> slot).trailing_ones().min(SLOTS - slot);
            if run > 0 {
                batch.runs.push(superslab.slab_base(slot), run as usize * SLOT);
            }
            slot += run + 1;
        }
        self.undo_huge(superslab);
        batch.claimed[batch.count] = (id, claimed);
        batch.count += 1;
        true
    }

    /// Gives the pages of claimed slots back, and only then sets them idle again. Answers the bytes.
    fn purge_claimed(&self, batch: &Batch) -> usize {
        if batch.runs.is_empty() {
            return 0;
        }
        // SAFETY: claimed, so nobody's but ours, and each part of one mapping.
        let clean = unsafe { self.ledger.purge_all(&self.host, batch.runs.as_slice()) };
        for &(id, claimed) in &batch.claimed[..batch.count] {
            let seen = self.pool.give_slots(id, claimed, if clean { 0 } else { claimed });
            self.close_superslab(id, seen);
        }
        if clean { batch.runs.bytes() } else { 0 }
    }
}
