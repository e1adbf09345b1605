//! The one atomic word of a slab.
//!
//! ```text
//! 35   34 33    28 27        14 13         0
//! +-----+---------+------------+------------+
//! |state| class   | carved     | returned   |
//! +-----+---------+------------+------------+
//! ```
//! All of it is needed in one word: without the class a claimer of another class could take the
//! slab, without `carved` a slab could be retired with a live block. Which blocks are returned stand
//! beside it, in [`crate::returned`]: bits are set before they are counted here, so that a claimer
//! finds as many as it reads, and nobody retires a slab before the last bit is set.
//!
//! The conservation law (C4), checked by [`Heap::validate`](crate::Heap):
//! **carved = held by users and caches + returned.**

use crate::class::ClassId;

const FIELD: u64 = (1 << 14) - 1;

/// Who may take a slab.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum State {
    /// No slab: the slot is idle, or on its way there.
    Unused = 0,
    /// A cache carves it and takes what is returned.
    Claimed = 1,
    /// Nobody's, and findable in the pool.
    Pooled = 2,
    /// Nobody's, with too little free to be worth finding.
    Full = 3,
}

/// A slab's word, as a value.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(crate) struct Word(pub(crate) u64);

impl Word {
    pub(crate) const UNUSED: Self = Self(0);

    /// A slab just claimed from an idle slot: nothing carved, nothing returned.
    pub(crate) const fn fresh(class: ClassId) -> Self {
        Self((State::Claimed as u64) << 34 | (class.0 as u64) << 28)
    }

    pub(crate) const fn returned(self) -> u32 {
        (self.0 & FIELD) as u32
    }

    pub(crate) const fn carved(self) -> u32 {
        (self.0 >> 14 & FIELD) as u32
    }

    pub(crate) const fn class(self) -> ClassId {
        ClassId((self.0 >> 28 & 63) as u8)
    }

    pub(crate) const fn state(self) -> State {
        match self.0 >> 34 & 3 {
            0 => State::Unused,
            1 => State::Claimed,
            2 => State::Pooled,
            _ => State::Full,
        }
    }

    pub(crate) const fn with_state(self, state: State) -> Self {
        Self(self.0 & !(3 << 34) | (state as u64) << 34)
    }

    pub(crate) const fn with_returned(self, returned: u32) -> Self {
        Self(self.0 & !FIELD | returned as u64)
    }

    pub(crate) const fn with_carved(self, carved: u32) -> Self {
        Self(self.0 & !(FIELD << 14) | (carved as u64) << 14)
    }

    /// Blocks that a claimer would find: returned, or never carved.
    pub(crate) fn free(self) -> u32 {
        self.class().capacity() - self.carved() + self.returned()
    }

    /// What a slab that nobody claims has to be, from what is in it: unused when every carved
    /// block is back, findable from the class's threshold on, else full.
    pub(crate) fn settled(self) -> Self {
        if self.returned() == self.carved() {
            Self::UNUSED
        } else if self.free() >= self.class().findable_from() {
            self.with_state(State::Pooled)
        } else {
            self.with_state(State::Full)
        }
    }
}

impl core::fmt::Debug for Word {
    fn fmt(&self, f: &mut core::fmt::Formatter<'_>) -> core::fmt::Result {
        f.debug_struct("Word")
            .field("state", &self.state())
            .field("class", &self.class().0)
            .field("carved", &self.carved())
            .field("returned", &self.returned())
            .finish()
    }
}

#[cfg(all(test, not(loom)))]
mod tests {
    use super::*;
    use proptest::prelude::*;

    proptest! {
        #[test]
        fn fields_do_not_touch_each_other(returned in 0u32..1 << 14, carved in 0u32..1 << 14,
                                          class in 0u8..41) {
            let word = Word::fresh(ClassId(class)).with_carved(carved).with_returned(returned);
            for state in [State::Unused, State::Claimed, State::Pooled, State::Full] {
                let word = word.with_state(state);
                prop_assert_eq!(word.state(), state);
                prop_assert_eq!(word.returned(), returned);
                prop_assert_eq!(word.carved(), carved);
                prop_assert_eq!(word.class(), ClassId(class));
            }
        }
    }

    #[test]
    fn a_slab_settles_by_what_is_free_in_it() {
        let class = ClassId::of(64);
        let word = Word::fresh(class).with_carved(class.capacity());
        assert_eq!(word.settled().state(), State::Full);
        let threshold = class.findable_from();
        assert_eq!(word.with_returned(threshold - 1).settled().state(), State::Full);
        assert_eq!(word.with_returned(threshold).settled().state(), State::Pooled);
        assert_eq!(word.with_returned(class.capacity()).settled(), Word::UNUSED);
        // What was never carved counts as free.
        assert_eq!(word.with_carved(1).settled().state(), State::Pooled);
        assert_eq!(Word::fresh(class).settled(), Word::UNUSED);
    }
}
