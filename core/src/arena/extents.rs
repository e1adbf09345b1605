//! The arena's books, behind the one lock: what is kept, by size, by age, and by address.

use super::nodes::{BLANK, Links, NODES, Node, Range, Ranges};
use super::victims::Victims;
use crate::entry::Entry;
use crate::extent::Extent;
use crate::geometry::{SLOT, SUPERSLAB, round_up};
use crate::registry::Registry;

/// Kept ranges that a search looks at, at most.
const PROBES: usize = 64;
/// Kept ranges that a round of decay looks at in one hold of the lock, at most.
const LOOKS: usize = 256;
/// Lists by size, eight a doubling.
const BINS: usize = 320;

/// What became of a request for a range.
pub(super) enum Taken {
    /// A kept one.
    Kept(Range),
    /// A kept one that is too short: the source may grow it.
    Short(Range),
    /// Nothing fits; a node for a fresh one is reserved.
    Reserved,
    /// There is no node left: this chunk must be made first.
    NeedsChunk(usize),
}

/// The part of the arena that the lock guards.
pub(crate) struct Arena {
    newest: u32,
    oldest: u32,
    bins: [u32; BINS],
    /// Bins that are not empty.
    filled: [u64; BINS / 64],
    /// Nodes that were used and are not.
    vacant: u32,
    /// Nodes that were ever used.
    used: u32,
    capacity: u32,
    /// Ranges that there are, kept or handed out.
    reserved: u32,
    /// Rounds of decay so far.
    round: u32,
}

/// The bin of a size: below 32 KiB one each page, then eight a doubling.
fn bin_of(size: usize) -> usize {
    let pages = size >> 12;
    if pages < 8 {
        return pages;
    }
    let top = pages.ilog2() as usize;
    ((top - 3) * 8 + (pages >> (top - 3))).min(BINS - 1)
}

impl Arena {
    pub(crate) const fn new() -> Self {
        Self {
            newest: 0,
            oldest: 0,
            bins: [0; BINS],
            filled: [0; BINS / 64],
            vacant: 0,
            used: 0,
            capacity: 0,
            reserved: 0,
            round: 0,
        }
    }

    /// A range for the request; what is left of a longer one stays kept.
    pub(super) fn take(
        &mut self,
        ranges: &Ranges<impl Extent>,
        registry: &impl Registry,
        size: usize,
        align: usize,
        grow: bool,
    ) -> Taken {
        // A cut makes up to two ranges more.
        if self.reserved + 2 > self.capacity {
            let chunk = self.capacity as usize / NODES;
            if ranges.chunk(chunk).is_none() {
                return Taken::NeedsChunk(chunk);
            }
            self.capacity += NODES as u32;
        }
        if let Some((number, start)) = self.find(ranges, size, align) {
            if let Some(range) = self.remove(ranges, registry, number) {
                return Taken::Kept(self.cut(ranges, registry, range, start, size));
            }
        }
        if grow {
            if let Some(range) = self.take_shorter(ranges, registry, size, align) {
                return Taken::Short(range);
            }
        }
        self.reserved += 1;
        Taken::Reserved
    }

    /// Cuts `size` bytes from `start` on out of a range; keeps the rest.
    fn cut(
        &mut self,
        ranges: &Ranges<impl Extent>,
        registry: &impl Registry,
        range: Range,
        start: usize,
        size: usize,
    ) -> Range {
        let (below, range) = range.split_at(start);
        let (range, above) = range.split_at(start + size);
        for rest in [below, above] {
            if rest.size > 0 {
                self.reserved += 1;
                self.insert(ranges, registry, rest, false);
            }
        }
        range
    }

    /// Frees the nodes of ranges that are gone, or that were not mapped after all.
    pub(super) fn unreserve(&mut self, count: u32) {
        self.reserved -= count;
    }

    /// The bins from `first` on that are not empty.
    fn filled_from(&self, first: usize) -> impl Iterator<Item = usize> {
        let filled = self.filled;
        let words = (first / 64..filled.len()).map(move |word| {
            let mask = if word == first / 64 { u64::MAX << (first % 64) } else { u64::MAX };
            (word, filled[word] & mask)
        });
        words.flat_map(|(word, bits)| {
            crate::hints::bits(bits).map(move |bit| word * 64 + bit as usize)
        })
    }

    /// The node of the shortest kept range that holds the request, as far as a few looks tell, and
    /// where in it the request begins.
    fn find(
        &self,
        ranges: &Ranges<impl Extent>,
        size: usize,
        align: usize,
    ) -> Option<(u32, usize)> {
        let mut best: Option<(usize, u32, usize)> = None;
        let mut probes = PROBES;
        for bin in self.filled_from(bin_of(size)) {
            let mut number = self.bins[bin];
            while let Some(node) = ranges.get(self, number) {
                let start = round_up(node.base, align);
                let start = start.filter(|start| *start - node.base + size <= node.size);
                if let Some(start) = start {
                    if best.is_none_or(|(least, ..)| node.size < least) {
                        best = Some((node.size, number, start));
                    }
                }
                probes -= 1;
                if probes == 0 || best.is_some_and(|(least, ..)| least == size) {
                    break;
                }
                number = node.bin.next;
            }
            if probes == 0 || best.is_some() {
                break;
            }
        }
        best.map(|(_, number, start)| (number, start))
    }

    /// Takes the longest kept range that is shorter than `size`, if half of it is there and it
    /// begins at a multiple of `align`: it may grow in place.
    fn take_shorter(
        &mut self,
        ranges: &Ranges<impl Extent>,
        registry: &impl Registry,
        size: usize,
        align: usize,
    ) -> Option<Range> {
        let upto = bin_of(size);
        let bin = self.filled_from(bin_of(size / 2)).take_while(|&bin| bin < upto).last()?;
        let number = self.bins[bin];
        let aligned = ranges.get(self, number)?.base % align == 0;
        aligned.then(|| self.remove(ranges, registry, number)).flatten()
    }

    /// Keeps a range as the newest, merged with the free ranges beside it.
    pub(super) fn keep(
        &mut self,
        ranges: &Ranges<impl Extent>,
        registry: &impl Registry,
        range: Range,
    ) {
        self.merge(ranges, registry, range, false);
    }

    /// Keeps a range that the source refused: it is not offered again until
    /// [`forget_refusals`](Self::forget_refusals).
    pub(super) fn keep_refused(
        &mut self,
        ranges: &Ranges<impl Extent>,
        registry: &impl Registry,
        range: Range,
    ) {
        self.merge(ranges, registry, range, true);
    }

    fn merge(
        &mut self,
        ranges: &Ranges<impl Extent>,
        registry: &impl Registry,
        mut range: Range,
        mut refused: bool,
    ) {
        debug_assert!(range.base % SLOT == 0 && range.size % SLOT == 0);
        for beside in [range.base.wrapping_sub(1), range.end()] {
            let Some(number) = Entry(registry.entry(beside)).as_kept() else { continue };
            let Some(node) = ranges.get(self, number) else { continue };
            let joins = node.base == range.end() || node.base + node.size == range.base;
            let Some(other) = joins.then(|| self.remove(ranges, registry, number)).flatten() else {
                continue;
            };
            // One range the fewer.
            self.reserved -= 1;
            refused |= node.refused;
            range = Range {
                base: range.base.min(other.base),
                size: range.size + other.size,
                dirty: range.dirty | other.dirty,
            };
        }
        self.insert(ranges, registry, range, refused);
    }

    fn insert(
        &mut self,
        ranges: &Ranges<impl Extent>,
        registry: &impl Registry,
        range: Range,
        refused: bool,
    ) {
        let number = match ranges.get(self, self.vacant) {
            Some(node) => core::mem::replace(&mut self.vacant, node.bin.next),
            None => {
                // Within capacity: every range was reserved before it came to be.
                self.used += 1;
                self.used
            }
        };
        mark(registry, &range, Entry::kept(number));
        let &Range { base, size, dirty } = &range;
        let born = self.round;
        let bin = bin_of(size);
        let age = Links { next: core::mem::replace(&mut self.newest, number), previous: 0 };
        let by_size = Links { next: core::mem::replace(&mut self.bins[bin], number), previous: 0 };
        ranges.set(self, number, |node| {
            *node = Node { base, size, age, bin: by_size, dirty, refused, born };
        });
        match age.next {
            0 => self.oldest = number,
            older => ranges.set(self, older, |node| node.age.previous = number),
        }
        ranges.set(self, by_size.next, |node| node.bin.previous = number);
        self.filled[bin / 64] |= 1 << (bin % 64);
        ranges.book(self, &range, true);
    }

    fn remove(
        &mut self,
        ranges: &Ranges<impl Extent>,
        registry: &impl Registry,
        number: u32,
    ) -> Option<Range> {
        let Node { base, size, age, bin, dirty, .. } = ranges.get(self, number)?;
        match age.previous {
            0 => self.newest = age.next,
            newer => ranges.set(self, newer, |node| node.age.next = age.next),
        }
        match age.next {
            0 => self.oldest = age.previous,
            older => ranges.set(self, older, |node| node.age.previous = age.previous),
        }
        let at = bin_of(size);
        match bin.previous {
            0 => self.bins[at] = bin.next,
            previous => ranges.set(self, previous, |node| node.bin.next = bin.next),
        }
        ranges.set(self, bin.next, |node| node.bin.previous = bin.previous);
        if self.bins[at] == 0 {
            self.filled[at / 64] &= !(1 << (at % 64));
        }
        let vacant = core::mem::replace(&mut self.vacant, number);
        ranges.set(self, number, |node| {
            *node = BLANK;
            node.bin.next = vacant;
        });
        let range = Range { base, size, dirty };
        ranges.book(self, &range, false);
        mark(registry, &range, Entry::FOREIGN);
        Some(range)
    }

    /// Takes out the oldest ranges, a batch at most, until at most `limit` bytes are kept. Of a
    /// long one only as many superslabs as are too much.
    pub(super) fn evict(
        &mut self,
        ranges: &Ranges<impl Extent>,
        registry: &impl Registry,
        limit: usize,
        victims: &mut Victims,
    ) {
        let mut number = self.oldest;
        while ranges.kept() > limit && !victims.is_full() {
            let Some(node) = ranges.get(self, number) else { break };
            let excess = (ranges.kept() - limit).next_multiple_of(SUPERSLAB);
            let part = excess < node.size && self.reserved < self.capacity;
            if !node.refused {
                let Some(range) = self.remove(ranges, registry, number) else { break };
                if part {
                    let cut = range.end() - excess;
                    let (stays, goes) = range.split_at(cut);
                    self.reserved += 1;
                    self.insert(ranges, registry, stays, false);
                    victims.push(goes);
                } else {
                    victims.push(range);
                }
            }
            number = node.age.previous;
        }
    }

    /// Begins a round of decay, so many rounds' time after the last one.
    pub(super) fn begin_round(&mut self, rounds: u32) {
        self.round = self.round.wrapping_add(rounds);
    }

    /// Takes out, a batch at most, the dirty ranges that lay here for the first of `ages` in rounds,
    /// and the purged ones that did for the second.
    pub(super) fn ripe(
        &mut self,
        ranges: &Ranges<impl Extent>,
        registry: &impl Registry,
        ages: (u32, u32),
        victims: &mut Victims,
    ) {
        let mut number = self.oldest;
        for _ in 0..LOOKS {
            let Some(node) = ranges.get(self, number) else { break };
            let age = self.round.wrapping_sub(node.born);
            if age < ages.0 || victims.is_full() {
                break;
            }
            let ripe = age >= if node.dirty { ages.0 } else { ages.1 };
            if ripe && !node.refused {
                let Some(range) = self.remove(ranges, registry, number) else { break };
                victims.push(range);
            }
            number = node.age.previous;
        }
    }

    /// Makes every kept range a candidate for the source again.
    pub(super) fn forget_refusals(&mut self, ranges: &Ranges<impl Extent>) {
        let mut number = self.newest;
        while let Some(node) = ranges.get(self, number) {
            ranges.set(self, number, |node| node.refused = false);
            number = node.age.next;
        }
    }

    /// Checks that size, age and registry tell the same of what is kept.
    #[cfg(any(test, feature = "validate"))]
    pub(super) fn validate(
        &self,
        ranges: &Ranges<impl Extent>,
        registry: &impl Registry,
    ) -> Result<(), &'static str> {
        let (mut count, mut bytes, mut dirty, mut number) = (0, 0, 0, self.newest);
        while let Some(node) = ranges.get(self, number) {
            let ends = [node.base, node.base + node.size - 1].map(|at| registry.entry(at));
            // Past what the registry has room for, entries read as foreign.
            if ends.iter().any(|end| *end != 0 && Entry(*end).as_kept() != Some(number)) {
                return Err("arena: the registry has something else at a kept range");
            }
            (count, bytes, number) = (count + 1, bytes + node.size, node.age.next);
            dirty += if node.dirty { node.size } else { 0 };
        }
        let mut binned = 0;
        for bin in 0..BINS {
            let mut number = self.bins[bin];
            if (number != 0) != (self.filled[bin / 64] >> (bin % 64) & 1 != 0) {
                return Err("arena: the bitmap of bins differs from the bins");
            }
            while let Some(node) = ranges.get(self, number) {
                if bin_of(node.size) != bin {
                    return Err("arena: a range is in the wrong bin");
                }
                (binned, number) = (binned + 1, node.bin.next);
            }
        }
        match () {
            () if binned != count => Err("arena: bins and ages differ"),
            () if bytes != ranges.kept() => Err("arena: kept bytes are miscounted"),
            () if dirty != ranges.dirty() => Err("arena: dirty bytes are miscounted"),
            () if count > self.reserved => Err("arena: more is kept than there is"),
            () => Ok(()),
        }
    }

    /// Ranges that there are, kept or handed out.
    #[cfg(test)]
    pub(super) fn reserved(&self) -> u32 {
        self.reserved
    }
}

/// Writes the entries at both ends of a range.
fn mark(registry: &impl Registry, range: &Range, entry: Entry) {
    registry.set_entries(range.base, 1, entry.0);
    if range.size > SLOT {
        registry.set_entries(range.end() - SLOT, 1, entry.0);
    }
}
