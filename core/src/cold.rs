//! What stands behind a class's hot list: lists that were full.
//!
//! They go home together, and are walked side by side then. Blocks that were freed in no order are
//! out of the processor's reach by that time, their pages too; one list alone would be read one miss
//! after the other, but what one of four waits for the other three need not.

use crate::block::List;

/// Lists that a class keeps cold at most.
pub(crate) const COLD: usize = 4;
/// Lists that go home together.
pub(crate) const SENT: usize = 4;

/// Full lists, oldest first; all-zero bytes are none.
pub(crate) struct Cold {
    lists: [List; COLD],
    lens: [u16; COLD],
    count: u16,
}

impl Cold {
    pub(crate) const EMPTY: Self = Self { lists: [const { List::EMPTY }; COLD], lens: [0; COLD], count: 0 };

    pub(crate) fn is_full(&self) -> bool {
        usize::from(self.count) == COLD
    }

    /// Adds a list; none is added where four are.
    pub(crate) fn push(&mut self, list: List, len: u32) {
        debug_assert!(!self.is_full());
        if let Some(place) = self.lists.get_mut(usize::from(self.count)) {
            *place = list;
            self.lens[usize::from(self.count)] = len as u16;
            self.count += 1;
        }
    }

    /// Takes the newest list.
    pub(crate) fn pop(&mut self) -> Option<(List, u32)> {
        let newest = usize::from(self.count.checked_sub(1)?);
        self.count -= 1;
        Some((self.lists[newest].take(), self.lens[newest].into()))
    }

    /// Takes the oldest lists, as many as go home together.
    pub(crate) fn take(&mut self) -> Parcel {
        let mut parcel = Parcel { lists: [const { List::EMPTY }; SENT], left: [0; SENT] };
        let count = usize::from(self.count);
        let sent = count.min(SENT);
        for at in 0..count {
            let (list, len) = (self.lists[at].take(), self.lens[at]);
            if at < sent {
                (parcel.lists[at], parcel.left[at]) = (list, len);
            } else {
                (self.lists[at - sent], self.lens[at - sent]) = (list, len);
            }
        }
        self.count = (count - sent) as u16;
        parcel
    }

    /// The lists with their lengths.
    pub(crate) fn lists(&self) -> impl Iterator<Item = (&List, u32)> {
        let lens = self.lens.iter().map(|&len| u32::from(len));
        self.lists.iter().zip(lens).take(self.count.into())
    }

}

/// Lists on their way home.
pub(crate) struct Parcel {
    lists: [List; SENT],
    left: [u16; SENT],
}

impl Parcel {
    /// One list.
    pub(crate) fn of(list: List, len: u32) -> Self {
        let mut parcel = Self { lists: [const { List::EMPTY }; SENT], left: [0; SENT] };
        (parcel.lists[0], parcel.left[0]) = (list, len as u16);
        parcel
    }

    /// Blocks in all lists.
    pub(crate) fn len(&self) -> u32 {
        self.left.iter().map(|&len| u32::from(len)).sum()
    }

    /// Takes up to `N` blocks off each list, the lists side by side, and gives them up: from here on
    /// they are addresses. Answers how many each list had.
    #[inline(always)]
    pub(crate) fn draw<const N: usize>(&mut self, drawn: &mut [[usize; N]; SENT]) -> [usize; SENT] {
        let counts = self.left.map(|left| N.min(left.into()));
        for at in 0..counts.into_iter().max().unwrap_or(0) {
            for (of, list) in self.lists.iter_mut().enumerate() {
                if at < counts[of] {
                    // A list that was torn ends early; no block begins at 0.
                    drawn[of][at] = list.pop().map_or(0, |block| block.into_start().addr());
                }
            }
        }
        for (left, count) in self.left.iter_mut().zip(counts) {
            *left -= count as u16;
        }
        counts
    }
}
