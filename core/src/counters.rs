//! What happened on the cold paths, in sums. The hot paths count nothing.
//!
//! The sums of classes are told in bulk, so that threads do not fight over their lines, and have 32 bits,
//! which wrap: a heap over a window has little room. They stand where no line of theirs holds words that
//! all threads read or add to.

use crate::cache::Tallies;
use crate::class::{CLASSES, ClassId};
use crate::sync::{AtomicU64, Ordering, cells, const_fn, mark};
use crate::trips::Trips;

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
#[repr(C)]
pub(crate) struct Counters {
    pub(crate) classes: Classes,
    pub(crate) stages: [AtomicU64; 5],
    pub(crate) refills: AtomicU64,
    pub(crate) spills: AtomicU64,
    pub(crate) sent_home: AtomicU64,
}

/// Sums of each class.
pub(crate) struct Classes([Class; CLASSES]);

struct Class {
    refills: mark::AtomicU32,
    spills: mark::AtomicU32,
    moved: mark::AtomicU32,
}

impl Classes {
    const fn new() -> Self {
        Self(
            [const {
                Class {
                    refills: mark::AtomicU32::new(0),
                    spills: mark::AtomicU32::new(0),
                    moved: mark::AtomicU32::new(0),
                }
            }; CLASSES],
        )
    }

    /// Takes over what a cache counted of a class.
    pub(crate) fn take(&self, class: ClassId, trips: &mut Trips) {
        if trips.are_none() {
            return;
        }
        let Trips { refills, spills, moved } = core::mem::take(trips);
        let sums = &self.0[usize::from(class.0)];
        for (sum, more) in [(&sums.refills, refills), (&sums.spills, spills)] {
            if more != 0 {
                sum.fetch_add(more.into(), Ordering::Relaxed);
            }
        }
        sums.moved.fetch_add(moved.into(), Ordering::Relaxed);
    }

    /// Sets the sums of a class, as if so much had happened.
    #[cfg(all(test, not(loom)))]
    pub(crate) fn set(&self, class: ClassId, sum: u32) {
        let Class { refills, spills, moved } = &self.0[usize::from(class.0)];
        for of in [refills, spills, moved] {
            of.store(sum, Ordering::Relaxed);
        }
    }

    /// Refills, spills and blocks that they moved, of a class.
    pub(crate) fn get(&self, class: ClassId) -> [u64; 3] {
        let Class { refills, spills, moved } = &self.0[usize::from(class.0)];
        [refills, spills, moved].map(|sum| sum.load(Ordering::Relaxed).into())
    }
}

impl Counters {
    const_fn! {
        pub(crate) fn new() -> Self {
            Self {
                classes: Classes::new(),
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
