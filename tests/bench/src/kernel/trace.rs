//! What is played on a heap: allocations, frees and reallocations, made before the clock starts and
//! the same for every allocator.

use crate::kernel::sizes::Sizes;
use crate::random::Random;

/// One step in ten resizes a block; the others keep the load.
const STEPS_TO_A_RESIZE: u32 = 10;

/// What is done with a slot's block.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Kind {
    Alloc,
    Free,
    Resize,
}

/// One operation.
#[derive(Clone, Copy, Debug)]
pub(super) struct Operation {
    pub(super) kind: Kind,
    /// Where the block is held.
    pub(super) slot: u32,
    /// The size asked for; 0 for a free.
    pub(super) size: u32,
}

/// A list of operations.
pub(super) struct Trace {
    /// What leads up to the load.
    pub(super) filling: Vec<Operation>,
    /// What follows at that load.
    pub(super) steady: Vec<Operation>,
    /// Slots that are needed.
    pub(super) slots: usize,
}

impl Trace {
    /// A trace that never has more than `load` bytes live, and after its start always nearly so
    /// much, `operations` long beside its start.
    pub(super) fn new(seed: u64, sizes: Sizes, load: usize, operations: usize) -> Self {
        assert!(load >= sizes.largest(), "a load of less than one block");
        let mut maker = Maker::new(seed, sizes, load);
        let mut filling = Vec::new();
        while let Some(operation) = maker.fill() {
            filling.push(operation);
        }
        let steady = (0..operations).map(|_| maker.step()).collect();
        Self { filling, steady, slots: maker.slots as usize }
    }
}

/// Makes a trace.
struct Maker {
    random: Random,
    sizes: Sizes,
    load: usize,
    /// Slots with a block and its size.
    live: Vec<(u32, u32)>,
    live_bytes: usize,
    empty: Vec<u32>,
    slots: u32,
    /// A size that waits for room: drawn again, large ones would come too seldom.
    next: u32,
}

impl Maker {
    fn new(seed: u64, sizes: Sizes, load: usize) -> Self {
        let mut random = Random::new(seed);
        let next = sizes.draw(&mut random);
        let (live, empty) = (Vec::new(), Vec::new());
        Self { random, sizes, load, live, live_bytes: 0, empty, slots: 0, next }
    }

    fn has_room(&self) -> bool {
        self.live_bytes + self.next as usize <= self.load
    }

    /// The next allocation, until the load is reached.
    fn fill(&mut self) -> Option<Operation> {
        self.has_room().then(|| self.alloc())
    }

    fn step(&mut self) -> Operation {
        if self.random.below(STEPS_TO_A_RESIZE) == 0
            && let Some(operation) = self.resize()
        {
            return operation;
        }
        if self.has_room() { self.alloc() } else { self.free() }
    }

    fn alloc(&mut self) -> Operation {
        let slot = self.empty.pop().unwrap_or_else(|| {
            self.slots += 1;
            self.slots - 1
        });
        let size = self.next;
        self.live.push((slot, size));
        self.live_bytes += size as usize;
        self.next = self.sizes.draw(&mut self.random);
        Operation { kind: Kind::Alloc, slot, size }
    }

    fn free(&mut self) -> Operation {
        let index = self.any();
        let (slot, size) = self.live.swap_remove(index);
        self.empty.push(slot);
        self.live_bytes -= size as usize;
        Operation { kind: Kind::Free, slot, size: 0 }
    }

    /// Resizes any block, where there is room for it.
    fn resize(&mut self) -> Option<Operation> {
        let index = self.any();
        let (slot, old) = self.live[index];
        let size = self.sizes.near(old, &mut self.random);
        let bytes = self.live_bytes - old as usize + size as usize;
        if bytes > self.load {
            return None;
        }
        self.live[index].1 = size;
        self.live_bytes = bytes;
        Some(Operation { kind: Kind::Resize, slot, size })
    }

    fn any(&mut self) -> usize {
        self.random.below(self.live.len() as u32) as usize
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_load_is_kept() {
        const REGION: usize = 1 << 20;
        const LOAD: usize = REGION / 10 * 9;
        let trace = Trace::new(5, Sizes::for_region(REGION), LOAD, 20_000);
        let mut held = vec![0; trace.slots];
        let mut live = 0;
        for (index, operation) in trace.filling.iter().chain(&trace.steady).enumerate() {
            let place = &mut held[operation.slot as usize];
            assert_eq!(*place == 0, operation.kind == Kind::Alloc, "a block where one is needed");
            assert_eq!(operation.size == 0, operation.kind == Kind::Free);
            live = live - *place as usize + operation.size as usize;
            *place = operation.size;
            assert!(live <= LOAD);
            assert!(index < trace.filling.len() || live > LOAD / 10 * 8, "{live}");
        }
    }

    #[test]
    fn a_seed_makes_the_trace() {
        let sizes = |seed| {
            let trace = Trace::new(seed, Sizes::for_region(1 << 20), 1 << 19, 100);
            trace.filling.iter().map(|operation| operation.size).collect::<Vec<_>>()
        };
        assert_eq!(sizes(1), sizes(1));
        assert_ne!(sizes(1), sizes(2));
    }
}
