//! Random actions on a small heap, against a model of its blocks, ending with every byte of its
//! regions in one hole.

use hakmem_core::{MisuseKind, SmallHeap, SmallStats};
use proptest::prelude::*;
use proptest::sample::Index;

const KIB: usize = 1 << 10;
/// Regions begin at a multiple of this, so that what is found in one run is found in the next.
const ALIGN: usize = 64 * KIB;

#[derive(Clone, Debug)]
enum Action {
    Allocate {
        size: usize,
        align: usize,
    },
    Deallocate {
        which: Index,
    },
    Reallocate {
        which: Index,
        size: usize,
    },
    ResizeInPlace {
        which: Index,
        size: usize,
    },
    /// A free of what is free, or of a size that reaches into what is.
    Misuse {
        which: Index,
    },
}

/// A block that the model holds, filled with its number.
#[derive(Clone, Copy, Debug)]
struct Held {
    start: *mut u8,
    size: usize,
    align: usize,
    fill: u8,
}

impl Held {
    fn bytes(&mut self) -> &mut [u8] {
        // SAFETY: the heap gave so many bytes, and nobody else has them.
        unsafe { std::slice::from_raw_parts_mut(self.start, self.size) }
    }

    fn fill(mut self) -> Self {
        let fill = self.fill;
        self.bytes().fill(fill);
        self
    }

    fn check(&mut self, size: usize) {
        let fill = self.fill;
        assert!(self.bytes()[..size].iter().all(|byte| *byte == fill), "{self:?} was written to");
    }
}

struct Model {
    heap: SmallHeap,
    held: Vec<Held>,
    /// One that was freed last, and nothing was allocated since.
    freed: Option<Held>,
    count: u8,
}

impl Model {
    fn act(&mut self, action: &Action) {
        let freed = self.freed.take();
        match *action {
            Action::Allocate { size, align } => {
                let start = self.heap.allocate(size, align);
                if start.is_null() {
                    // A hole of the largest size is enough where alignment asks for no more.
                    let largest = self.heap.stats().largest;
                    assert!(largest < size.max(1) + align.saturating_sub(8), "{largest} were free");
                    return;
                }
                assert_eq!(start.addr() % align, 0);
                self.count = self.count.wrapping_add(1);
                self.held.push(Held { start, size, align, fill: self.count }.fill());
            }
            Action::Deallocate { which } if !self.held.is_empty() => {
                let held = self.held.swap_remove(which.index(self.held.len()));
                self.free(held);
                self.freed = Some(held);
            }
            Action::Reallocate { which, size } if !self.held.is_empty() => {
                let index = which.index(self.held.len());
                let held = &mut self.held[index];
                // SAFETY: the model's own block, which it gives up if that succeeds.
                let start = unsafe {
                    self.heap.reallocate(held.start, held.size, held.align, size).unwrap()
                };
                if start.is_null() {
                    return held.check(held.size);
                }
                assert_eq!(start.addr() % held.align, 0);
                let kept = held.size.min(size);
                (held.start, held.size) = (start, size);
                held.check(kept);
                *held = held.fill();
            }
            Action::ResizeInPlace { which, size } if !self.held.is_empty() => {
                let index = which.index(self.held.len());
                let held = &mut self.held[index];
                // SAFETY: the model's own block.
                let is_done = unsafe {
                    self.heap.resize_in_place(held.start, held.size, held.align, size).unwrap()
                };
                if is_done {
                    let kept = held.size.min(size);
                    held.size = size;
                    held.check(kept);
                    *held = held.fill();
                }
            }
            Action::Misuse { which } => {
                if let Some(freed) = freed {
                    self.refused(freed, freed.size, MisuseKind::DoubleFree);
                }
                if !self.held.is_empty() {
                    let held = self.held[which.index(self.held.len())];
                    self.refused(held, usize::MAX, MisuseKind::WrongSize);
                }
            }
            _ => {}
        }
    }

    fn free(&mut self, mut held: Held) {
        held.check(held.size);
        // SAFETY: the model's own block.
        unsafe { self.heap.deallocate(held.start, held.size, held.align).unwrap() };
    }

    fn refused(&mut self, held: Held, size: usize, kind: MisuseKind) {
        // SAFETY: the heap refuses it.
        let error = unsafe { self.heap.deallocate(held.start, size, held.align).unwrap_err() };
        assert_eq!(error.kind, kind);
    }

    /// The heap agrees with the model.
    fn check(&mut self) {
        self.heap.validate().unwrap();
        let stats = self.heap.stats();
        let in_use = self.held.iter().map(|held| held.size.max(1).next_multiple_of(8)).sum();
        let SmallStats { total, book, free, .. } = stats;
        assert_eq!((stats.in_use, total), (in_use, book + in_use + free));
        let mut spans: Vec<_> =
            self.held.iter().map(|held| (held.start.addr(), held.size.max(1))).collect();
        spans.sort_unstable();
        assert!(spans.windows(2).all(|two| two[0].0 + two[0].1 <= two[1].0), "blocks overlap");
    }
}

/// Most are small; some are a fair part of a region.
fn size() -> impl Strategy<Value = usize> {
    prop_oneof![6 => 0_usize..=64, 3 => 65_usize..=600, 1 => 601_usize..=6000]
}

fn action() -> impl Strategy<Value = Action> {
    let align = prop_oneof![8 => Just(8_usize), 2 => (0_u32..=9).prop_map(|power| 1 << power)];
    prop_oneof![
        8 => (size(), align).prop_map(|(size, align)| Action::Allocate { size, align }),
        6 => any::<Index>().prop_map(|which| Action::Deallocate { which }),
        3 => (any::<Index>(), size()).prop_map(|(which, size)| Action::Reallocate { which, size }),
        2 => (any::<Index>(), size()).prop_map(|(which, size)| Action::ResizeInPlace { which, size }),
        1 => any::<Index>().prop_map(|which| Action::Misuse { which }),
    ]
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(150))]

    #[test]
    fn blocks_are_apart_and_everything_comes_back(
        regions in proptest::collection::vec((1_usize..=24, 0_usize..8), 1..=3),
        actions in proptest::collection::vec(action(), 0..400),
    ) {
        let mut memory = vec![0xA5_u8; regions.len() * 32 * KIB + ALIGN];
        let start = memory.as_mut_ptr();
        let start = start.wrapping_add(start.addr().wrapping_neg() % ALIGN);
        let mut heap = SmallHeap::new();
        for (index, (size, trim)) in regions.into_iter().enumerate() {
            // SAFETY: the test's own memory, which outlives the heap.
            unsafe { heap.add(start.wrapping_add(index * 32 * KIB + trim), size * KIB).unwrap() };
        }
        let empty = heap.stats();
        let mut model = Model { heap, held: Vec::new(), freed: None, count: 0 };
        for action in &actions {
            model.act(action);
            model.check();
        }
        for held in std::mem::take(&mut model.held) {
            model.free(held);
            model.heap.validate().unwrap();
        }
        prop_assert_eq!(SmallStats { peak: 0, ..model.heap.stats() }, SmallStats { peak: 0, ..empty });
    }
}
