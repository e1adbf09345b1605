//! Random actions on a kernel's heap, ending with every byte back.

#![cfg(not(loom))]

mod kernels;

use core::alloc::{GlobalAlloc, Layout};
use core::ptr::NonNull;
use hakmem_core::{AllocError, Embedded, Hosted, LockedHeap, NoCpu, Profile, Request};
use kernels::{KIB, MIB, finish, heap, region};
use proptest::prelude::*;
use proptest::sample::Index;

#[derive(Clone, Debug)]
enum Action {
    /// Allocates `count` blocks.
    Allocate { size: usize, align: usize, zeroed: bool, now: bool, count: usize },
    /// Frees `count` blocks from one on.
    Deallocate { which: Index, count: usize },
    /// Makes a block `part` / 16 as long as it is.
    Reallocate { which: Index, part: usize },
    /// The same, where it stands.
    Resize { which: Index, part: usize },
    /// Gives what is free back to the regions.
    Purge,
}

/// Sizes up to `most` bytes, small ones more often.
fn sizes(most: usize) -> impl Strategy<Value = usize> {
    prop_oneof![
        8 => 0..=most.min(128),
        8 => 0..=most.min(KIB),
        4 => 0..=most.min(20 * KIB),
        2 => 0..=most.min(300 * KIB),
        1 => 0..=most,
    ]
}

fn actions(most: usize) -> impl Strategy<Value = Action> {
    let align = prop_oneof![8 => 0..5u32, 2 => 5..13u32, 1 => 13..22u32];
    let align = align.prop_map(move |shift| (1 << shift).min(most.next_power_of_two()));
    let which = any::<Index>;
    prop_oneof![
        10 => (sizes(most), align, any::<bool>(), any::<bool>(), 1..6usize).prop_map(
            |(size, align, zeroed, now, count)| {
                Action::Allocate { size, align, zeroed, now, count }
            }
        ),
        8 => (which(), 1..6usize).prop_map(|(which, count)| Action::Deallocate { which, count }),
        3 => (which(), 1..40usize).prop_map(|(which, part)| Action::Reallocate { which, part }),
        2 => (which(), 1..40usize).prop_map(|(which, part)| Action::Resize { which, part }),
        1 => Just(Action::Purge),
    ]
}

/// A live block, full of its mark.
struct Held {
    start: NonNull<u8>,
    layout: Layout,
    mark: u8,
}

impl Held {
    /// Bytes at both ends, and some between.
    fn places(size: usize) -> impl Iterator<Item = usize> {
        let step = (size / 64).max(1);
        (0..size).step_by(step).chain(size.checked_sub(1))
    }

    fn new(start: NonNull<u8>, layout: Layout, mark: u8) -> Self {
        for at in Self::places(layout.size()) {
            // SAFETY: the block's.
            unsafe { start.as_ptr().add(at).write(mark) };
        }
        Self { start, layout, mark }
    }

    fn check(&self) {
        for at in Self::places(self.layout.size()) {
            // SAFETY: the block's.
            let byte = unsafe { self.start.as_ptr().add(at).read() };
            assert_eq!(byte, self.mark, "byte {at} of {:?}", self.layout);
        }
    }
}

fn pick(held: &[Held], which: Index) -> Option<usize> {
    (!held.is_empty()).then(|| which.index(held.len()))
}

fn sized(layout: Layout, part: usize) -> Option<Layout> {
    let size = layout.size() * part / 16;
    Layout::from_size_align(size, layout.align()).ok().filter(|layout| layout.size() > 0)
}

struct Run<P: Profile> {
    heap: &'static LockedHeap<P>,
    held: Vec<Held>,
    marks: u8,
}

impl<P: Profile> Run<P> {
    fn mark(&mut self) -> u8 {
        self.marks = self.marks % 250 + 1;
        self.marks
    }

    fn allocate(&mut self, layout: Layout, zeroed: bool, now: bool) {
        let mut request = Request::new(layout);
        request = if zeroed { request.zeroed() } else { request };
        request = if now { request.now() } else { request };
        let block = match self.heap.allocate(request) {
            Ok(block) => block,
            // One thread alone never waits.
            Err(error) => return assert_eq!(error, AllocError::NoMemory),
        };
        let start = block.cast::<u8>();
        assert_eq!((block.len(), start.as_ptr().addr() % layout.align()), (layout.size(), 0));
        if zeroed {
            // SAFETY: zeroed by the heap.
            assert!(unsafe { block.as_ref() }.iter().all(|&byte| byte == 0), "{layout:?}");
        }
        let mark = self.mark();
        self.held.push(Held::new(start, layout, mark));
    }

    fn deallocate(&mut self, at: usize) {
        let held = self.held.swap_remove(at);
        held.check();
        // SAFETY: live, and as long as stated.
        unsafe { self.heap.deallocate(held.start, held.layout) }.expect("to free a block");
    }

    fn act(&mut self, action: Action) {
        match action {
            Action::Allocate { size, align, zeroed, now, count } => {
                let layout = Layout::from_size_align(size, align).expect("a layout");
                (0..count).for_each(|_| self.allocate(layout, zeroed, now));
            }
            Action::Deallocate { which, count } => {
                for _ in 0..count {
                    if let Some(at) = pick(&self.held, which) {
                        self.deallocate(at);
                    }
                }
            }
            Action::Reallocate { which, part } => {
                let Some(at) = pick(&self.held, which) else { return };
                let Held { start, layout, mark } = self.held[at];
                let Some(new) = sized(layout, part) else { return };
                self.held[at].check();
                // SAFETY: live, and as long as stated.
                let moved = unsafe { self.heap.realloc(start.as_ptr(), layout, new.size()) };
                let Some(start) = NonNull::new(moved) else { return self.held[at].check() };
                assert_eq!(start.as_ptr().addr() % layout.align(), 0);
                // SAFETY: the block's first byte, kept.
                assert_eq!(unsafe { start.read() }, mark, "{layout:?} to {new:?}");
                self.held[at] = Held::new(start, new, mark);
            }
            Action::Resize { which, part } => {
                let Some(at) = pick(&self.held, which) else { return };
                let Held { start, layout, mark } = self.held[at];
                let Some(new) = sized(layout, part) else { return };
                // SAFETY: live, and as long as stated.
                match unsafe { self.heap.resize_in_place(start, layout, new.size()) } {
                    Ok(()) => self.held[at] = Held::new(start, new, mark),
                    Err(error) => assert_eq!(error, AllocError::NoRoom),
                }
            }
            Action::Purge => _ = self.heap.purge(),
        }
    }

    /// Whether the heap counts what is held, neither more nor less.
    fn check(&self) {
        self.heap.validate().expect("a sound heap");
        let stats = self.heap.stats();
        let least: usize = self.held.iter().map(|held| held.layout.size()).sum();
        assert!(stats.in_use >= least, "{least} bytes are held: {stats}");
        assert_eq!(stats.in_use + stats.free + stats.tables, stats.total, "{stats}");
        assert!(stats.peak >= stats.held && stats.held <= stats.total, "{stats}");
    }
}

fn run<P: Profile>(regions: &[(usize, usize)], actions: Vec<Action>) {
    let heap = heap::<P, NoCpu>();
    let size = regions.iter().map(|(offset, size)| offset + size).max().unwrap_or(0);
    let start = region(size);
    for &(offset, size) in regions {
        // SAFETY: nobody else's while the heap lives.
        unsafe { heap.add(start.wrapping_add(offset), size) }.expect("a region");
    }
    let mut run = Run { heap, held: Vec::new(), marks: 0 };
    for (at, action) in actions.into_iter().enumerate() {
        run.act(action);
        if at % 16 == 0 {
            run.check();
        }
    }
    run.check();
    while !run.held.is_empty() {
        run.deallocate(run.held.len() / 2);
    }
    finish(heap);
    kernels::give_back(heap, start, size);
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(48))]

    #[test]
    fn hosted_ends_with_every_byte_back(
        actions in prop::collection::vec(actions(5 * MIB), 1..200),
        skew in 0..MIB,
    ) {
        run::<Hosted>(&[(skew, 6 * MIB), (skew + 6 * MIB, MIB), (12 * MIB, 8 * MIB)], actions);
    }

    #[test]
    fn embedded_ends_with_every_byte_back(
        actions in prop::collection::vec(actions(100 * KIB), 1..200),
        skew in 0..64usize,
    ) {
        run::<Embedded>(&[(skew, 64 * KIB), (100 * KIB, 9 * KIB), (200 * KIB, 200 * KIB)], actions);
    }

    #[test]
    fn eight_kib_end_with_every_byte_back(
        actions in prop::collection::vec(actions(2 * KIB), 1..200),
    ) {
        run::<Embedded>(&[(0, 8 * KIB)], actions);
    }
}
