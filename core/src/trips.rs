//! What a class's lists did since the heap last learned of it.

/// Trips behind the lists, in four bytes: told before they run over.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) struct Trips {
    /// Times a list was filled from a slab.
    pub(crate) refills: u8,
    /// Times full lists went home.
    pub(crate) spills: u8,
    /// Blocks that these moved.
    pub(crate) moved: u16,
}

/// Trips of a kind after which the heap learns of them, and blocks.
const MANY: u8 = 64;
const MANY_MOVED: u16 = 1 << 15;

impl Trips {
    pub(crate) const NONE: Self = Self { refills: 0, spills: 0, moved: 0 };

    /// Counts a refill. Answers whether there are many trips now.
    pub(crate) fn refilled(&mut self, blocks: u32) -> bool {
        self.refills = self.refills.saturating_add(1);
        self.moved(blocks)
    }

    /// Counts a spill. Answers whether there are many trips now.
    pub(crate) fn spilled(&mut self, blocks: u32) -> bool {
        self.spills = self.spills.saturating_add(1);
        self.moved(blocks)
    }

    /// The lists of a class together hold no more blocks than there is room for here.
    fn moved(&mut self, blocks: u32) -> bool {
        self.moved = self.moved.saturating_add(blocks.min(u16::MAX.into()) as u16);
        self.refills.max(self.spills) >= MANY || self.moved >= MANY_MOVED
    }

    pub(crate) fn are_none(self) -> bool {
        self.refills | self.spills == 0
    }
}

#[cfg(all(test, not(loom)))]
mod tests {
    use super::*;
    use crate::geometry::COLD_LISTS;

    /// The most that one trip moves, one after the other: each is counted.
    #[test]
    fn trips_are_told_before_they_run_over() {
        const LONGEST: u32 = 2048;
        let spill = COLD_LISTS as u32 * LONGEST;
        let mut trips = Trips::NONE;
        let told = (1..).find(|_| trips.spilled(spill)).expect("an end");
        assert_eq!(u32::from(trips.moved), told * spill);
        let mut trips = Trips::NONE;
        let told = (1..).find(|_| trips.refilled(1)).expect("an end");
        assert_eq!(trips, Trips { refills: MANY, spills: 0, moved: told });
        assert_eq!((Trips::NONE.are_none(), trips.are_none()), (true, false));
    }
}
