//! What stands behind a class's hot list: lists that were full.
//!
//! They go home together, and are walked side by side then. Blocks that were freed in no order are
//! out of the processor's reach by that time, their pages too: one list alone would be read one miss
//! after the other, but what one of four waits for the other three need not.

use crate::block::List;
use crate::geometry::COLD_LISTS;
use crate::steps;
use crate::trips::Trips;

/// Full lists, oldest first; all-zero bytes are none.
pub(crate) struct Cold {
    lists: [List; COLD_LISTS],
    lens: [u16; COLD_LISTS],
    count: u16,
    /// Of the class, and here because there is room.
    pub(crate) trips: Trips,
    /// Of the class's claimed slab, for the same reason: all of it was backed already when it was begun.
    pub(crate) backed: bool,
}

const _: () = assert!(size_of::<Trips>() <= 4, "a cache has one for each class");

impl Cold {
    pub(crate) const EMPTY: Self = Self {
        lists: [const { List::EMPTY }; COLD_LISTS],
        lens: [0; COLD_LISTS],
        count: 0,
        trips: Trips::NONE,
        backed: false,
    };

    pub(crate) fn is_full(&self) -> bool {
        usize::from(self.count) == COLD_LISTS
    }

    /// Adds a list; there is room for one.
    pub(crate) fn push(&mut self, list: List, len: u32) {
        debug_assert!(!self.is_full());
        let newest = usize::from(self.count);
        if newest < COLD_LISTS {
            (self.lists[newest], self.lens[newest]) = (list, len as u16);
            self.count += 1;
        }
    }

    /// Takes the newest list.
    pub(crate) fn pop(&mut self) -> Option<(List, u32)> {
        let newest = usize::from(self.count.checked_sub(1)?);
        self.count -= 1;
        Some((self.lists[newest].take(), core::mem::take(&mut self.lens[newest]).into()))
    }

    /// Takes all lists; what is of the class stays.
    pub(crate) fn take(&mut self) -> Self {
        let left = Self { trips: self.trips, backed: self.backed, ..Self::EMPTY };
        core::mem::replace(self, left)
    }

    /// Blocks in all lists.
    pub(crate) fn len(&self) -> u32 {
        self.lens.iter().map(|&len| u32::from(len)).sum()
    }

    /// The lists with their lengths.
    pub(crate) fn lists(&self) -> impl Iterator<Item = (&List, u32)> {
        self.lists.iter().zip(self.lens.iter().map(|&len| u32::from(len)))
    }

    /// Takes up to `N` blocks off each list, the lists side by side, and gives them up: from here on
    /// they are addresses. Answers how many each list had. For lists on their way home.
    #[inline(always)]
    pub(crate) fn draw<const N: usize>(
        &mut self,
        drawn: &mut [[usize; N]; COLD_LISTS],
    ) -> [usize; COLD_LISTS] {
        let counts = self.lens.map(|left| N.min(left.into()));
        let shortest = counts.into_iter().min().unwrap_or(0);
        let pop = |list: &mut List| {
            steps::block();
            // A list that was torn ends early; no block begins at 0.
            list.pop().map_or(0, |block| block.into_start().addr())
        };
        // Most times all lists are as long, and need not be asked at each block.
        for at in 0..shortest.min(N) {
            for (list, drawn) in self.lists.iter_mut().zip(&mut *drawn) {
                drawn[at] = pop(list);
            }
        }
        for ((list, drawn), count) in self.lists.iter_mut().zip(drawn).zip(counts) {
            drawn[..count].iter_mut().skip(shortest).for_each(|place| *place = pop(list));
        }
        for (left, count) in self.lens.iter_mut().zip(counts) {
            *left -= count as u16;
        }
        counts
    }
}

#[cfg(all(test, not(loom)))]
mod tests {
    use super::*;
    use crate::block::Block;
    use core::ptr::NonNull;
    use std::vec::Vec;

    fn list(words: &mut [u64]) -> List {
        let mut list = List::EMPTY;
        for word in words.iter_mut().rev() {
            // SAFETY: eight bytes of the test's own, in no other list.
            list.push(unsafe { Block::from_start(NonNull::from(word).cast()) });
        }
        list
    }

    #[test]
    fn the_newest_list_comes_back_first() {
        let mut words = [[0; 3]; COLD_LISTS];
        let heads = words.each_ref().map(|words| words.as_ptr().addr());
        let mut cold = Cold::EMPTY;
        for words in &mut words {
            assert!(!cold.is_full());
            cold.push(list(words), 3);
        }
        assert!(cold.is_full());
        assert_eq!(cold.len(), 3 * COLD_LISTS as u32);
        for head in heads.iter().rev() {
            let (list, len) = cold.pop().unwrap();
            assert_eq!((list.head_address(), len), (*head, 3));
        }
        assert_eq!((cold.pop().is_none(), cold.len()), (true, 0));
    }

    #[test]
    fn every_block_is_drawn_once_in_the_order_of_its_list() {
        let mut words = [0; 40];
        let all: Vec<usize> = words.iter().map(|word| core::ptr::from_ref(word).addr()).collect();
        let mut cold = Cold::EMPTY;
        let mut rest = &mut words[..];
        for len in [17, 0, 3, 20] {
            let (first, behind) = rest.split_at_mut(len);
            cold.push(list(first), len as u32);
            rest = behind;
        }
        let mut found = [const { Vec::new() }; COLD_LISTS];
        while cold.len() > 0 {
            let mut drawn = [[0; 8]; COLD_LISTS];
            let counts = cold.draw(&mut drawn);
            for ((found, drawn), count) in found.iter_mut().zip(&drawn).zip(counts) {
                found.extend_from_slice(&drawn[..count]);
            }
        }
        assert_eq!(found.concat(), all);
    }
}
