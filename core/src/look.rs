//! What the learner sees of a heap.

use crate::class::ClassId;
use crate::heap::Heap;
use crate::huge::Huge;
use crate::learn::{ClassCounters, Counters};
use crate::registry::Registry;
use crate::source::{Host, HugePages};
use crate::sync::Ordering;

impl<H: Host, R: Registry> Heap<H, R> {
    /// One look, for a [learner](crate::learn). What the heap does not know is 0: the host adds the faults of
    /// its process and the time that it took. Of a living cache some trips of each class are yet to be told.
    pub fn look(&self) -> Counters {
        let mut counters = Counters::ZERO;
        for (class, id) in counters.classes.iter_mut().zip(ClassId::all()) {
            let [refills, spills, moved] = self.counters.classes.get(id);
            *class = ClassCounters { refills, spills, moved };
        }
        let caches = self.caches.count();
        let (decayed, missed, active) = self.losses.get();
        // In place: two of them would be much on a small stack.
        counters.mapped = self.mapped() as u64;
        counters.in_use = self.in_use() as u64;
        counters.free = (self.free_dirty() + self.pool.sums.slack()) as u64;
        counters.caches = caches as u32;
        // Without a way to look, any of them may be.
        counters.active = if H::REACHES { active } else { caches as u32 };
        counters.grown = self.ledger.grown.load(Ordering::Relaxed);
        (counters.decayed, counters.missed) = (decayed, missed);
        // Told never or always, the heap asks by that alone.
        let asks = self.huge.get() == Huge::Auto;
        counters.huge = asks && self.host.huge_pages() != HugePages::None;
        counters
    }
}
