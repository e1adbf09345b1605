//! What happened on the cold paths, in sums. The hot paths count nothing.

use crate::cache::Tallies;
use crate::sync::{AtomicU64, Ordering, cells, const_fn};

/// The five stages of a claim, in the order of their names: 0, 0.5, 1, 2, 3.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Stage {
    /// 0: where the cache's last slab was.
    LastPlace,
    /// 0.5: an idle slot that is still committed.
    IdleDirty,
    /// 1: a pooled slab of the class.
    Pooled,
    /// 2: an idle slot never touched.
    IdleClean,
    /// 3: a new superslab.
    Fresh,
}

/// Sums of a heap. All Relaxed: they order nothing.
pub(crate) struct Counters {
    pub(crate) stages: [AtomicU64; 5],
    pub(crate) refills: AtomicU64,
    pub(crate) spills: AtomicU64,
    pub(crate) sent_home: AtomicU64,
}

impl Counters {
    const_fn! {
        pub(crate) fn new() -> Self {
            Self {
                stages: cells!(AtomicU64::new(0); 5),
                refills: AtomicU64::new(0),
                spills: AtomicU64::new(0),
                sent_home: AtomicU64::new(0),
            }
        }
    }

    pub(crate) fn claimed(&self, stage: Stage) {
        self.stages[stage as usize].fetch_add(1, Ordering::Relaxed);
    }

    /// Takes over what a cache tallied.
    pub(crate) fn take(&self, tallies: &mut Tallies) {
        let Tallies { refills, spills, sent_home, out, home } = core::mem::take(tallies);
        (tallies.out, tallies.home) = (out, home);
        self.refills.fetch_add(refills.into(), Ordering::Relaxed);
        self.spills.fetch_add(spills.into(), Ordering::Relaxed);
        self.sent_home.fetch_add(sent_home.into(), Ordering::Relaxed);
    }
}
