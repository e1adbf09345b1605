//! The shared pool: every slab and slot that no cache has claimed. Lock-free.
//!
//! To claim is to clear a bit, to give back is to set it: no node can be lost or found twice,
//! leaving the middle is free, and a search from the low end keeps memory packed at low addresses.
//!
//! *Publish*: the word first, then the bit. *Claim*: clear the bit, then CAS pooled -> claimed of
//! the wanted class; anything else found in the word means the bit was stale, and it is dropped.
//!
//! The largest heap is 8,192 chunks of 64 superslabs of 2 MiB: 1 TiB (see [`crate::extent`]). A failing search reads the
//! two top words of its tree if the hints are exact, and looks at no more than [`PROBES`]
//! superslabs (four words each) if they are stale or the idle slots too scattered.

#[cfg(all(test, not(loom)))]
mod tests;

use crate::class::ClassId;
use crate::extent::{Array, Extent, Whole, blank};
use crate::geometry::{CHUNK_SUPERS, SLOT};
#[cfg(loom)]
use crate::hints::TREES;
use crate::hints::{self, Hint, Row, Tree, bits};
use crate::ledger::{Ledger, Table, published};
use crate::source::PageSource;
use crate::steps;
use crate::sums::Sums;
use crate::superslab::{SlabId, Slots, SuperId, Superslab, Want};
#[cfg(loom)]
use crate::sync::cells;
use crate::sync::{AtomicPtr, AtomicU64, Ordering, const_fn};
use crate::word::{State, Word};

/// Superslabs that one search looks at, at most.
const PROBES: u32 = 64;

/// Descriptors of 64 superslabs and their summary words: 28 KiB, touched as far as used.
struct Chunk {
    summary: Row,
    superslabs: [Superslab; CHUNK_SUPERS],
}

// SAFETY: zero words are unused slabs, zero slots are none idle, zero summaries hint at nothing.
unsafe impl Table for Chunk {
    #[cfg(loom)]
    fn blank() -> Self {
        Self {
            summary: cells!(AtomicU64::new(0); TREES),
            superslabs: cells!(Superslab::blank(); CHUNK_SUPERS),
        }
    }
}

/// The pool of one heap.
pub(crate) struct Pool<E: Extent = Whole> {
    top: E::Tops<Row>,
    mid: E::Mids<Row>,
    chunks: E::Chunks<AtomicPtr<Chunk>>,
    pub(crate) sums: Sums,
}

/// What a look at one superslab came to.
enum Probe<T> {
    Found(T),
    /// Nothing, and the hint is wrong.
    Empty,
    /// Nothing that fits.
    Unfit,
}

impl<E: Extent> Pool<E> {
    const_fn! {
        pub(crate) fn new() -> Self {
            Self {
                top: blank!(E::Tops<Row>),
                mid: blank!(E::Mids<Row>),
                chunks: blank!(E::Chunks<AtomicPtr<Chunk>>),
                sums: Sums::new(),
            }
        }
    }

    fn chunk(&self, index: usize) -> Option<&Chunk> {
        published(self.chunks.as_slice().get(index)?)
    }

    /// The descriptor of a superslab, if its chunk exists.
    #[inline]
    pub(crate) fn superslab(&self, id: SuperId) -> Option<&Superslab> {
        let index = id.0 as usize;
        Some(&self.chunk(index / CHUNK_SUPERS)?.superslabs[index % CHUNK_SUPERS])
    }

    /// The descriptor of a superslab, its tables made now if need be. `None`: out of memory, or past
    /// the largest heap.
    pub(crate) fn make_superslab<S: PageSource>(
        &self,
        id: SuperId,
        source: &S,
        ledger: &Ledger,
    ) -> Option<&Superslab> {
        let index = id.0 as usize;
        let chunk = ledger.table(source, self.chunks.as_slice().get(index / CHUNK_SUPERS)?)?;
        let superslab = &chunk.superslabs[index % CHUNK_SUPERS];
        ledger.table(source, &superslab.returned)?;
        Some(superslab)
    }

    /// Every descriptor that there is, open or not.
    pub(crate) fn superslabs(&self) -> impl Iterator<Item = (SuperId, &Superslab)> {
        let chunks = (0..).map_while(|index| self.chunk(index)).enumerate();
        chunks.flat_map(|(index, chunk)| {
            let first = index * CHUNK_SUPERS;
            let numbered = chunk.superslabs.iter().enumerate();
            numbered.map(move |(at, superslab)| (SuperId((first + at) as u32), superslab))
        })
    }

    /// The hints that lead to a superslab, the lowest first.
    fn way(&self, tree: Tree, id: SuperId) -> Option<[Hint<'_>; 3]> {
        let index = id.0 as usize / CHUNK_SUPERS;
        let row = [
            (&self.chunk(index)?.summary, id.0 as usize % CHUNK_SUPERS),
            (&self.mid.as_slice()[index / 64], index % 64),
            (&self.top.as_slice()[index / 4096], index / 64 % 64),
        ];
        Some(row.map(|(row, bit)| Hint { cell: &row[tree.index()], bit: bit as u32 }))
    }

    /// Makes a superslab findable in a tree.
    fn raise(&self, tree: Tree, id: SuperId) {
        if let Some(way) = self.way(tree, id) {
            hints::raise(&way);
        }
    }

    /// Takes a superslab in which nothing was found out of a tree.
    fn lower(&self, tree: Tree, id: SuperId, superslab: &Superslab) {
        let still = || match tree.class() {
            Some(class) => superslab.pooled(class) != 0,
            None if tree == Tree::IDLE => superslab.slots().idle() != 0,
            None => superslab.slots().dirty() != 0,
        };
        if let Some(way) = self.way(tree, id) {
            hints::lower(&way, still);
        }
    }

    /// Walks a tree from the low end until `probe` finds what it wants.
    fn search<T>(
        &self,
        tree: Tree,
        mut probe: impl FnMut(SuperId, &Superslab) -> Probe<T>,
    ) -> Option<T> {
        let word = |cell: &AtomicU64| {
            steps::word();
            // ORDERING: Relaxed: a hint; what it leads to is claimed with Acquire.
            cell.load(Ordering::Relaxed)
        };
        let mut probes = 0;
        for (top, row) in self.top.as_slice().iter().enumerate() {
            for mid in bits(word(&row[tree.index()])).map(|bit| top * 64 + bit as usize) {
                for index in bits(word(&self.mid.as_slice()[mid][tree.index()]))
                    .map(|bit| mid * 64 + bit as usize)
                {
                    let Some(chunk) = self.chunk(index) else {
                        continue;
                    };
                    for bit in bits(word(&chunk.summary[tree.index()])) {
                        let id = SuperId((index * CHUNK_SUPERS) as u32 + bit);
                        let superslab = &chunk.superslabs[bit as usize];
                        steps::superslab();
                        match probe(id, superslab) {
                            Probe::Found(found) => return Some(found),
                            Probe::Empty => self.lower(tree, id, superslab),
                            Probe::Unfit => {}
                        }
                        probes += 1;
                        if probes == PROBES {
                            return None;
                        }
                    }
                }
            }
        }
        None
    }

    /// Whether hints lead to a superslab in a class's tree, or in that of idle slots.
    #[cfg(any(test, feature = "validate"))]
    pub(crate) fn is_hinted(&self, class: Option<ClassId>, id: SuperId) -> bool {
        let way = self.way(class.map_or(Tree::IDLE, Tree::pooled), id);
        let is_set = |hint: Hint<'_>| hint.cell.load(Ordering::Relaxed) & 1 << hint.bit != 0;
        way.is_some_and(|way| way.into_iter().all(is_set))
    }

    /// Makes a slab findable. Its word says `Pooled` already.
    pub(crate) fn publish(&self, slab: SlabId, class: ClassId) {
        if let Some(superslab) = self.superslab(slab.superslab()) {
            superslab.set_pooled(class, slab.slot());
            self.raise(Tree::pooled(class), slab.superslab());
        }
    }

    /// Claims a pooled slab of a class in one superslab.
    pub(crate) fn claim_pooled_in(&self, id: SuperId, class: ClassId) -> Option<(SlabId, Word)> {
        let superslab = self.superslab(id)?;
        bits(u64::from(superslab.pooled(class))).find_map(|slot| {
            steps::word();
            claim_slab(superslab, class, slot).map(|word| (SlabId::new(id, slot), word))
        })
    }

    /// Claims a pooled slab of a class, the lowest that the hints lead to.
    pub(crate) fn claim_pooled(&self, class: ClassId) -> Option<(SlabId, Word)> {
        self.search(Tree::pooled(class), |id, superslab| match self.claim_pooled_in(id, class) {
            Some(found) => Probe::Found(found),
            None if superslab.pooled(class) == 0 => Probe::Empty,
            None => Probe::Unfit,
        })
    }

    /// Claims idle slots for a slab of a class and writes its first word. The registry's entries
    /// are the caller's to write.
    pub(crate) fn claim_idle(&self, class: ClassId, want: Want) -> Option<SlabId> {
        let slab = self.claim_slots(class.slots(), want)?;
        self.superslab(slab.superslab())?.begin(slab.slot(), class);
        self.sums.slabs.add(class.slots() as usize * SLOT);
        Some(slab)
    }

    /// Claims an aligned run of idle slots (1, 2 or 4), the lowest that the hints lead to.
    pub(crate) fn claim_slots(&self, slots: u32, want: Want) -> Option<SlabId> {
        let tree = match want {
            Want::Dirty => Tree::IDLE_DIRTY,
            Want::Any => Tree::IDLE,
        };
        self.search(tree, |id, superslab| match superslab.claim_run(slots, want) {
            Some((slot, dirty)) => {
                self.sums.idle.sub(dirty.count_ones() as usize * SLOT);
                Probe::Found(SlabId::new(id, slot))
            }
            None => {
                let slots = superslab.slots();
                let left = if want == Want::Dirty { slots.dirty() } else { slots.idle() };
                if left == 0 { Probe::Empty } else { Probe::Unfit }
            }
        })
    }

    /// A superslab with idle dirty slots of at least `least` bytes, the lowest that the hints lead to.
    pub(crate) fn find_dirty(&self, least: usize) -> Option<SuperId> {
        self.search(Tree::IDLE_DIRTY, |id, superslab| {
            match superslab.slots().dirty().count_ones() {
                0 => Probe::Empty,
                slots if slots as usize * SLOT >= least => Probe::Found(id),
                _ => Probe::Unfit,
            }
        })
    }

    /// Gives the slots of a retired slab back. Answers what is idle in the superslab then.
    pub(crate) fn give_idle(&self, slab: SlabId, slots: u32) -> Slots {
        let mask = crate::superslab::all_slots(slots) << slab.slot();
        self.give_slots(slab.superslab(), mask, mask)
    }

    /// Claims the idle dirty slots among `wanted`; their bits. Each comes back by
    /// [`give_slots`](Self::give_slots).
    pub(crate) fn claim_dirty(&self, superslab: &Superslab, wanted: u32) -> u32 {
        let claimed = superslab.claim_dirty(wanted);
        self.sums.idle.sub(claimed.count_ones() as usize * SLOT);
        claimed
    }

    /// Sets slots idle, of which `dirty`. Answers what is idle in the superslab then.
    pub(crate) fn give_slots(&self, id: SuperId, slots: u32, dirty: u32) -> Slots {
        let Some(superslab) = self.superslab(id) else {
            return Slots::new(0, 0);
        };
        // Before they can be claimed, and taken off the sum again.
        self.sums.idle.add(dirty.count_ones() as usize * SLOT);
        let idle = superslab.give_idle(slots, dirty);
        self.raise_idle(id, dirty != 0);
        idle
    }

    /// Makes a superslab with idle slots findable.
    pub(crate) fn raise_idle(&self, id: SuperId, dirty: bool) {
        self.raise(Tree::IDLE, id);
        if dirty {
            self.raise(Tree::IDLE_DIRTY, id);
        }
    }
}

/// Clears a slab's bit, and claims it if it is what the bit said.
pub(crate) fn claim_slab(superslab: &Superslab, class: ClassId, slot: u32) -> Option<Word> {
    if !superslab.clear_pooled(class, slot) {
        return None;
    }
    let cell = superslab.word(slot);
    let mut seen = Word(cell.load(Ordering::Relaxed));
    while seen.state() == State::Pooled && seen.class() == class {
        steps::word();
        let claimed = seen.with_state(State::Claimed);
        // ORDERING: Acquire pairs with the Release of `slab::send_home` and of `begin`'s claimer
        // giving up: base, links and registry entries are read after it.
        match cell.compare_exchange_weak(seen.0, claimed.0, Ordering::Acquire, Ordering::Relaxed) {
            Ok(_) => {
                superslab.marks.claimed(1 << slot);
                return Some(claimed);
            }
            Err(now) => seen = Word(now),
        }
    }
    None
}

#[cfg(loom)]
impl<E: Extent> Drop for Pool<E> {
    fn drop(&mut self) {
        self.chunks.as_slice().iter().for_each(crate::ledger::drop_table);
    }
}
