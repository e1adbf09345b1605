//! Huge pages, where memory is dense and lives long.
//!
//! ```text
//! a superslab, a large block opens ... Always asks; Never and Auto refuse where the system would make
//!                                      them unasked (but Auto leaves large blocks to the system)
//! a fresh superslab opens ............ Auto asks, if the policy says so: while a heap grows (`Fresh`)
//! a round of decay ................... Auto asks for superslabs that were dense in each of the last rounds
//! pages of one are to be purged ...... the advice is undone first
//! one closes ......................... the same
//! ```
//! A huge page of which part is purged stays in use as a whole: what is resident falls, what the machine
//! has free does not rise. (Linux 6.18: half of each of 256 purged, and nothing came free until memory
//! runs short; taken apart first, which costs 0.2 ms, all did.) So it comes apart first, and a superslab
//! that thinned out is trusted less afterwards.
//!
//! Figures (two cores of an AMD EPYC, virtual, noisy). Two million live blocks, 20 % of the accesses
//! replace one, million accesses per second of CPU time after 9 s, three rounds: never 11.6, 9.7, 9.4;
//! auto 13.5, 11.8, 12.0; always 13.9, 12.3, 14.4. Resident with 100 idle threads: never 83 MB, auto 81,
//! always 187. Programs of a second or two are over before auto asks, and always gained nothing
//! beyond the noise on six of them, for up to half as much memory again. Nor did populating each fresh
//! slab and span ahead, which raised the peak of `mix` by a third; so both are done where the policy says
//! so alone (`Fresh`), which is for a learner to say while a large heap grows.

use crate::arena::Range;
use crate::geometry::{SLOTS, SUPERSLAB};
use crate::heap::Heap;
use crate::huge::Huge;
use crate::policy::Fresh;
use crate::registry::Registry;
use crate::source::{Host, HugeAdvice, HugePages};
use crate::span::SpanSuperslab;
use crate::superslab::{SlabId, SuperId, Superslab};
use crate::word::State;
use core::ptr::NonNull;

/// Of a superslab that counts as dense, one part in so many is free at most.
const FREE_PART: usize = 16;
/// Superslabs asked for in one round: to move one onto a huge page took 1 to 6 ms.
const ASKED_MOST: u32 = 2;

/// What a round of decay may yet ask for.
pub(super) struct Asking(u32);

impl<H: Host, R: Registry> Heap<H, R> {
    /// Sets when memory is to lie on huge pages. For what is opened from now on; what was asked for before
    /// stays so until it closes or is purged in part.
    pub fn set_huge(&self, huge: Huge) {
        self.huge.set(huge);
    }

    /// When memory is to lie on huge pages.
    pub fn huge(&self) -> Huge {
        self.huge.get()
    }

    /// Gives advice about a superslab that the caller is about to open. Answers whether it was asked for;
    /// then [`forget_huge`](Self::forget_huge) is due when it closes.
    pub(crate) fn advise_opened(&self, range: &Range) -> bool {
        if range.size < SUPERSLAB && self.huge.get() != Huge::Never {
            // Most times the first one, half a huge page. Many programs need no second, and are over before an
            // answer of the system's, who may have to read files for it, would have paid.
            return false;
        }
        let fresh = !range.dirty && self.policy.fresh() == Fresh::Huge;
        let advice = match (self.huge.get(), self.host.huge_pages()) {
            (_, HugePages::None) => return false,
            (Huge::Always, _) => HugeAdvice::Ask,
            (Huge::Auto, _) if fresh => HugeAdvice::Ask,
            (_, HugePages::Asked) => return false,
            (_, HugePages::All) => HugeAdvice::Refuse,
        };
        self.advise(range.base, range.size, advice) && advice == HugeAdvice::Ask
    }

    /// Gives advice about a large block that the caller is about to open, if it holds a whole huge page:
    /// about all of it, for the source can only remap what is of one kind.
    pub(crate) fn advise_large(&self, range: &Range) {
        let advice = match (self.huge.get(), self.host.huge_pages()) {
            (_, HugePages::None) | (Huge::Auto | Huge::Never, HugePages::Asked) => return,
            (Huge::Never, HugePages::All) => HugeAdvice::Refuse,
            // Also where the system would do so: the range may be what was a superslab before.
            (Huge::Always, _) | (Huge::Auto, HugePages::All) => HugeAdvice::Ask,
        };
        let start = range.base.next_multiple_of(SUPERSLAB);
        let end = (range.base + range.size) / SUPERSLAB * SUPERSLAB;
        if start < end {
            self.advise(range.base, range.size, advice);
        }
    }

    /// Begins the asking of a round. `None`: nothing is asked for in rounds.
    pub(super) fn begin_asking(&self) -> Option<Asking> {
        let asks = self.huge.get() == Huge::Auto && self.host.huge_pages() != HugePages::None;
        asks.then_some(Asking(ASKED_MOST))
    }

    /// Asks for a superslab, if it was dense for long enough.
    pub(super) fn ask_if_dense(&self, asking: &mut Asking, id: SuperId, superslab: &Superslab) {
        let ripe = superslab.marks.dense(is_dense(superslab));
        if !ripe || asking.0 == 0 {
            return;
        }
        // While a slab of it is claimed, the superslab cannot close.
        let claim = |slot| Some((slot, superslab.claim_full(slot)?));
        let Some((slot, word)) = (0..SLOTS).find_map(claim) else {
            return;
        };
        if superslab.shape() == SLOTS && !superslab.marks.is_huge() {
            asking.0 -= 1;
            if self.advise(superslab.base(), SUPERSLAB, HugeAdvice::Gather) {
                superslab.marks.set_huge();
            } else {
                superslab.marks.trust_less();
            }
            // Somebody may have purged meanwhile, and seen nothing to undo.
            if !is_dense(superslab) {
                self.undo_huge(superslab);
            }
        }
        self.give_up(SlabId::new(id, slot), word.class());
    }

    /// Undoes the advice about a superslab, if there is one and the policy asked in rounds. For those
    /// who hold part of the superslab, before they purge it or lend it to spans.
    #[inline]
    pub(crate) fn undo_huge(&self, superslab: &Superslab) {
        if superslab.marks.is_huge() && self.huge.get() != Huge::Always {
            self.forget_huge(superslab, superslab.base());
        }
    }

    /// Undoes the advice about a superslab at `base` that the caller has closed or holds part of.
    #[cold]
    pub(crate) fn forget_huge(&self, superslab: &Superslab, base: usize) {
        if superslab.marks.take_huge() {
            superslab.marks.trust_less();
            if self.huge.get() != Huge::Always {
                self.advise(base, SUPERSLAB, HugeAdvice::Refuse);
            }
        }
    }

    /// As [`undo_huge`](Self::undo_huge), of a superslab of spans.
    #[inline]
    pub(crate) fn undo_huge_spans(&self, superslab: &SpanSuperslab) {
        if superslab.is_huge() && self.huge.get() != Huge::Always && superslab.take_huge() {
            self.advise(superslab.base(), SUPERSLAB, HugeAdvice::Refuse);
        }
    }

    /// Undoes the advice about a superslab of spans that the caller has closed.
    pub(crate) fn forget_huge_spans(&self, range: &Range, huge: bool) {
        if huge && self.huge.get() != Huge::Always {
            self.advise(range.base, range.size, HugeAdvice::Refuse);
        }
    }

    /// Backs slots ahead that are the caller's and were never touched, if the policy says so. Where the
    /// source cannot, the first touch does.
    pub(crate) fn populate_fresh(&self, base: usize, size: usize) {
        if self.policy.fresh() == Fresh::Populate {
            let start = NonNull::new(core::ptr::with_exposed_provenance_mut(base));
            // SAFETY: mapped, and the caller's.
            _ = start.is_some_and(|start| unsafe { self.host.populate(start, size) });
        }
    }

    /// Superslabs that the source was asked to back with huge pages.
    pub(crate) fn huge_count(&self) -> usize {
        let slabs = self.pool.superslabs().filter(|(_, superslab)| superslab.marks.is_huge());
        let spans = self.spans.superslabs().filter(|(_, superslab)| superslab.is_huge());
        slabs.count() + spans.count()
    }

    /// Passes advice to the source. The caller holds part of the range, which so stays mapped.
    pub(crate) fn advise(&self, base: usize, size: usize, advice: HugeAdvice) -> bool {
        let start = NonNull::new(core::ptr::with_exposed_provenance_mut(base));
        // SAFETY: mapped, and the part that is the caller's keeps it so.
        start.is_some_and(|start| unsafe { self.host.advise_huge(start, size, advice) })
    }
}

/// Whether a superslab of 2 MiB is all slabs, these are nearly full, and no page of them was given back:
/// a huge page would back it again.
fn is_dense(superslab: &Superslab) -> bool {
    let (mut slots, mut free) = (0, 0);
    for word in (0..SLOTS).map(|slot| superslab.peek(slot)) {
        if word.state() != State::Unused {
            slots += word.class().slots();
            free += word.class().free_bytes(word.free());
        }
    }
    let holes = (0..SLOTS).any(|slot| superslab.marks.holes(slot, 1) != 0);
    !holes && slots == SLOTS && superslab.slots().idle() == 0 && free <= SUPERSLAB / FREE_PART
}
