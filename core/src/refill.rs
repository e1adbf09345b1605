//! Filling an empty list, many blocks at a time.
//!
//! ```text
//! refill(class)
//! ├─ the newest cold list ....................... becomes the hot one
//! ├─ returned blocks of the claimed slab ........ linked here, a list's limit at most
//! ├─ a fresh stretch of the claimed slab ........ linked here, a page's worth at most; of one that is
//! │                                               backed already, a list's limit
//! └─ the slab is used up: give it up, claim the next
//!    ├─ stage 0    a pooled slab in the same superslab
//!    ├─ stage 1    a pooled slab anywhere
//!    ├─ stage 0.5  an idle slot that is still committed
//!    ├─ stage 2    an idle slot never touched
//!    └─ stage 3    a new superslab               (supers.rs)
//! ```
//! A refill that must not wait (`now.rs`) leaves stage 3 out, and keeps a slab that is used up if all of
//! its blocks came back meanwhile, rather than retire it: only these take the one lock.

use crate::block::Block;
use crate::cache::Cache;
use crate::class::{ClassId, TABLED};
use crate::counters::Stage;
use crate::entry::Entry;
use crate::geometry::SLOT;
use crate::heap::Heap;
use crate::policy;
use crate::registry::Registry;
use crate::slab::Next;
use crate::source::Host;
use crate::steps;
use crate::superslab::{SlabId, SuperId, Want};

/// A refill that may wait for the one lock, and for the source.
pub(crate) const WAITS: bool = true;
/// One that may not.
pub(crate) const AT_ONCE: bool = false;

impl<H: Host, R: Registry> Heap<H, R> {
    /// A block for an empty list, and more behind it in the list. `None`: out of memory, or it would
    /// have to wait.
    #[inline(never)]
    pub(crate) fn refill<const WAIT: bool>(
        &self,
        cache: &mut Cache,
        class: ClassId,
    ) -> Option<Block> {
        if cache.is_fresh() {
            // What shows it to other threads is a lock.
            self.start(cache, !WAIT);
            // The host may have allocated from it, and left blocks here.
            if let Some(block) = cache.bin(class).pop() {
                return Some(block);
            }
        }
        let side = cache.side(class);
        if let Some((list, len)) = side.cold.pop() {
            let bin = cache.bin(class);
            bin.fill(list, len);
            return bin.pop();
        }
        if WAIT && cache.hidden && cache.is_live() {
            self.caches.show(cache);
        }
        cache.behind.tallies.refills += 1;
        self.adapt(cache, class);
        let block = loop {
            steps::word();
            let claimed = SlabId::decode(cache.side(class).claimed);
            let found = claimed.and_then(|slab| self.draw(cache, slab, class));
            if found.is_some() {
                break found;
            }
            if let Some(slab) = claimed {
                if !self.give_up_used::<WAIT>(slab, class) {
                    // All its blocks came back meanwhile.
                    break self.draw(cache, slab, class);
                }
                cache.side(class).claimed = 0;
            }
            match self.claim::<WAIT>(cache, class, claimed.map(SlabId::superslab)) {
                Some((next, backed)) => {
                    let side = cache.side(class);
                    side.claimed = SlabId::encode(Some(next));
                    side.cold.backed = backed;
                }
                None => break None,
            }
        };
        if cache.is_ended() {
            // Nothing is kept: what came beside the one block goes home at once.
            self.flush_class(cache, class);
            self.tell(&mut cache.behind.tallies);
        }
        block
    }

    /// The list is empty now. If it sent blocks home before, it was too short for its traffic: lengthens
    /// it, if the blocks of one such swing fit. One that was shortened gets its first length back.
    fn adapt(&self, cache: &mut Cache, class: ClassId) {
        let sent = core::mem::take(&mut cache.side(class).sent);
        if cache.is_ended() {
            return;
        }
        let first = self.policy.limit(class);
        if u32::from(cache.bin(class).first) != first {
            cache.set_first(class, first);
        }
        if sent != 0 || cache.grown != 0 {
            let budget = self.heed_share(cache);
            let limit = cache.bin(class).limit.into();
            let more = if sent != 0 { self.policy.growth(class, limit, sent, budget) } else { 0 };
            cache.grow(class, more);
        }
    }

    /// Gives growth back that is more than the cache's share. Answers the bytes by which it may yet grow.
    pub(crate) fn heed_share(&self, cache: &mut Cache) -> usize {
        let share = self.policy.growth_share(self.caches.count());
        if cache.grown > share {
            cache.shrink(share);
        }
        share - cache.grown.min(share)
    }

    /// Draws blocks from a claimed slab into the empty list: one to hand out, the rest behind it.
    fn draw(&self, cache: &mut Cache, slab: SlabId, class: ClassId) -> Option<Block> {
        let superslab = self.pool.superslab(slab.superslab())?;
        let room = cache.bin(class).limit.max(1).into();
        let batch = match self.policy.batch(class) {
            // The rest goes home at once.
            batch if cache.is_ended() => batch,
            _ if cache.side(class).cold.backed => room,
            batch => batch.min(room),
        };
        let (list, len) = match superslab.take_returned(slab.slot(), room) {
            Some(taken) => taken,
            None => superslab.carve_list(slab.slot(), class, batch)?,
        };
        let trips = &mut cache.side(class).cold.trips;
        if trips.refilled(len) {
            self.counters.classes.take(class, trips);
        }
        cache.behind.tallies.drawn(len as usize * class.size());
        if cache.behind.tallies.out as isize > policy::UNTOLD {
            // Others may bring the blocks home for ever, so that the slab is never given up.
            self.tell(&mut cache.behind.tallies);
        }
        cache.one_way = 0;
        let bin = cache.bin(class);
        bin.fill(list, len);
        bin.pop()
    }

    /// Claims a slab of a class: the five stages. Whether all of it is backed already, and nothing carved.
    fn claim<const WAIT: bool>(
        &self,
        cache: &mut Cache,
        class: ClassId,
        place: Option<SuperId>,
    ) -> Option<(SlabId, bool)> {
        self.tell(&mut cache.behind.tallies);
        self.counters.classes.take(class, &mut cache.side(class).cold.trips);
        let pooled = || Some((self.pool.claim_pooled(class)?.0, Stage::Pooled));
        let dirty = || Some((self.pool.claim_idle(class, Want::Dirty)?, Stage::IdleDirty));
        let idle = || Some((self.pool.claim_idle(class, Want::Any)?, Stage::IdleClean));
        let (slab, stage) = place
            .and_then(|place| Some((self.pool.claim_pooled_in(place, class)?.0, Stage::LastPlace)))
            .or_else(pooled)
            .or_else(dirty)
            .or_else(idle)
            .or_else(|| if WAIT { Some((self.claim_fresh(class)?, Stage::Fresh)) } else { None })
            // While that failed, another thread may have given back what it was purging.
            .or_else(dirty)
            .or_else(idle)?;
        self.counters.claimed(stage);
        if stage == Stage::IdleClean {
            self.took(class.slots() as usize * SLOT);
        }
        let mut backed = false;
        if let Some(superslab) = self.pool.superslab(slab.superslab()) {
            let run = class.run(slab.slot());
            // Few blocks above 1 KiB are handed out: not worth a thought, nor memory.
            let small = class.size() <= TABLED;
            backed = small && stage == Stage::IdleDirty && superslab.marks.touched(run);
            if stage == Stage::IdleClean {
                superslab.marks.set_touched(run, false);
            }
            let holes = superslab.marks.forget_holes(slab.slot(), class.slots());
            if holes != 0 {
                superslab.marks.set_touched(run, false);
                self.pool.sums.holes.sub(holes);
                self.took(holes);
            }
            let base = superslab.slab_base(slab.slot());
            if WAIT && stage == Stage::IdleClean {
                self.populate_fresh(base, class.slots() as usize * SLOT);
            }
            let entry = Entry::of_slab(cache.owner(), class).0;
            if self.registry.entry(base) != entry {
                self.registry.set_entries(base, class.slots() as usize, entry);
            }
        }
        Some((slab, backed))
    }

    /// Gives a claimed slab up: to the pool, to its users, or back to idle.
    pub(crate) fn give_up(&self, slab: SlabId, class: ClassId) {
        if let Some(superslab) = self.pool.superslab(slab.superslab()) {
            let next = superslab.give_up(slab.slot());
            self.proceed(next, slab, class);
        }
    }

    /// Gives up a claimed slab that was used up. False: it is claimed still, for all its blocks came
    /// back, and to retire it might take waiting.
    fn give_up_used<const WAIT: bool>(&self, slab: SlabId, class: ClassId) -> bool {
        let Some(superslab) = self.pool.superslab(slab.superslab()) else {
            return true;
        };
        let next = superslab.give_up_unless(slab.slot(), !WAIT);
        if let Some(next) = next {
            self.proceed(next, slab, class);
        }
        next.is_some()
    }

    /// Does what a change of a slab's word asks for.
    pub(crate) fn proceed(&self, next: Next, slab: SlabId, class: ClassId) {
        match next {
            Next::Done => {}
            Next::Publish => self.pool.publish(slab, class),
            Next::Retire => {
                self.retire_slab(slab, class);
                self.keep_bound();
            }
        }
    }
}
