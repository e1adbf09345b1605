//! The ways of a large block: allocated and freed.

use super::table::{Large, Number};
use crate::arena::Range;
use crate::entry::Entry;
use crate::geometry::{SLOT, SUPERSLAB, round_up};
use crate::heap::Heap;
use crate::misuse::MisuseKind;
use crate::registry::Registry;
use crate::source::Host;
use core::ptr::{NonNull, null_mut};

/// Bytes that are cleared by writing. To drop pages and have the system zero them again as they are
/// touched cost 3.5 us a page on a virtual machine; but of what is larger, few may be touched.
const CLEARED_MOST: usize = 32 * SUPERSLAB;

impl<H: Host, R: Registry> Heap<H, R> {
    /// Bytes of the pages that `size` bytes need. `None`: more than a block can be.
    pub(super) fn large_holds(&self, size: usize) -> Option<usize> {
        let held = round_up(size.max(1), self.host.page_size())?;
        (held <= isize::MAX as usize).then_some(held)
    }

    /// Allocates a mapping of its own. Null: out of memory, or more than `isize::MAX`.
    ///
    /// # Safety
    /// `align` is a power of two.
    #[inline(never)]
    pub(crate) unsafe fn allocate_large(&self, size: usize, align: usize, zeroed: bool) -> *mut u8 {
        let Some(held) = self.large_holds(size) else {
            return null_mut();
        };
        let Some((number, large)) = self.take_large_number() else {
            return null_mut();
        };
        let range = self.take_large_range(held, align, zeroed).filter(|range| self.admit(range));
        let Some(range) = range else {
            self.back.with(|back| back.larges.give_number(&self.larges, number));
            return null_mut();
        };
        if !range.dirty {
            self.losses.took(held);
        }
        self.advise_large(&range);
        self.registry.set_entries(range.base, 1, Entry::large(number).0);
        large.open(range.base, held, range.size);
        self.larges.count(held, range.size);
        if zeroed && range.dirty {
            self.clear(&range, size);
        }
        range.start()
    }

    /// A range for a block of `held` bytes. One that must read zero is better fresh than grown.
    fn take_large_range(&self, held: usize, align: usize, zeroed: bool) -> Option<Range> {
        let (size, align) = (round_up(held, SLOT)?, align.max(SLOT));
        if zeroed { self.take_range(size, align) } else { self.take_any_range(size, align) }
    }

    /// Makes sure that the registry has room for a range; otherwise it goes back.
    fn admit(&self, range: &Range) -> bool {
        let room = self.registry.prepare(&self.host, &self.ledger, range.base, SLOT);
        if !room {
            let Range { base, size, dirty } = *range;
            self.put_range(Range { base, size, dirty });
        }
        room
    }

    /// Makes the first `size` bytes of a range read zero.
    fn clear(&self, range: &Range, size: usize) {
        let Some(start) = NonNull::new(range.start()) else {
            return;
        };
        let purged = size > CLEARED_MOST && {
            // SAFETY: the range is ours: whole pages of the source's.
            unsafe { self.ledger.purge(&self.host, start, range.size) }
        };
        if !purged {
            // SAFETY: as above, and no shorter than `size`.
            unsafe { start.as_ptr().write_bytes(0, size) };
        }
    }

    /// Frees the large block at `ptr`, whose registry entry names descriptor `number`; `stated`:
    /// the size and alignment that it was asked for with, as the caller says. Wrong calls are
    /// reported.
    ///
    /// # Safety
    /// The user of the block, if one begins at `ptr`, gives it up.
    #[inline(never)]
    pub(crate) unsafe fn deallocate_large(
        &self,
        ptr: *mut u8,
        number: u32,
        stated: Option<(usize, usize)>,
    ) {
        let address = ptr.addr();
        let (size, align) = stated.unwrap_or((0, 1));
        let large = self.larges.get(number);
        let live = large.and_then(|large| Some((large, large.live_at(address)?)));
        let Some((large, held)) = live else {
            return self.misuse_large(large, address, size);
        };
        let right = address & align.wrapping_sub(1) == 0 && self.is_large_for(held, size, align);
        if stated.is_some() && !right {
            return self.misuse(MisuseKind::WrongSize, address, size, held);
        }
        if !large.catch(address) {
            return self.misuse(MisuseKind::DoubleFree, address, size, held);
        }
        let range = Range { base: address, size: large.mapped(), dirty: true };
        self.note_use();
        self.larges.uncount(held, range.size);
        self.forget_large(large, address);
        self.back.with(|back| back.larges.give_number(&self.larges, number));
        self.put_range(range);
        self.keep_whole_bound();
    }

    /// Whether a block of `held` bytes is what a request of this size and alignment gets.
    pub(crate) fn is_large_for(&self, held: usize, size: usize, align: usize) -> bool {
        (size > SUPERSLAB || align > SUPERSLAB) && self.large_holds(size) == Some(held)
    }

    /// Clears the registry's entry of a block that the caller caught: before its addresses can
    /// become anyone else's.
    fn forget_large(&self, large: &Large, base: usize) {
        if !self.larges.take_unlisted(large) {
            self.registry.set_entries(base, 1, Entry::FOREIGN.0);
        }
    }

    /// Reports a pointer at which no live large block begins.
    #[cold]
    fn misuse_large(&self, large: Option<&Large>, address: usize, size: usize) {
        let (kind, block) = match large.map(|large| (large, large.base())) {
            Some((_, base)) if base == address => (MisuseKind::DoubleFree, 0),
            Some((large, base)) if base != 0 && base == address / SLOT * SLOT => {
                (MisuseKind::Interior, large.held())
            }
            _ => (MisuseKind::NotOurs, 0),
        };
        self.misuse(kind, address, size, block);
    }

    /// A number that no block has, and its descriptor, made if need be.
    fn take_large_number(&self) -> Option<(u32, &Large)> {
        loop {
            match self.back.with(|back| back.larges.take_number(&self.larges)) {
                Number::Ready(number) => return Some((number, self.larges.get(number)?)),
                Number::NeedsChunk(chunk) => {
                    self.ledger.table(&self.host, self.larges.cell(chunk)?)?;
                }
            }
        }
    }
}
