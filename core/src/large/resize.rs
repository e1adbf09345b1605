//! Changing the length of a large block: in place, or by remapping its pages.

use super::table::Large;
use crate::entry::Entry;
use crate::geometry::{SLOT, SUPERSLAB, round_up};
use crate::heap::Heap;
use crate::registry::Registry;
use crate::source::Host;
use core::ptr::{NonNull, null_mut};

/// Growing takes one part in so many more addresses than asked for, so that a buffer that grows in
/// small steps is remapped seldom. Pages that are never touched cost nothing but addresses.
const SPARE_PART: usize = 8;
/// Shrinking gives pages back once one part in so many of the mapping would lie idle.
const IDLE_PART: usize = 8;

impl<H: Host, R: Registry> Heap<H, R> {
    /// Makes the live large block at `ptr` hold `new_size` bytes; where it stands, unless it `moves`
    /// with its pages. Null: not without copying, and nothing has changed.
    ///
    /// # Safety
    /// The block's user gives it up if this succeeds; `align` is a power of two.
    #[inline(never)]
    pub(crate) unsafe fn reallocate_large(
        &self,
        ptr: *mut u8,
        number: u32,
        new_size: usize,
        align: usize,
        moves: bool,
    ) -> *mut u8 {
        let base = ptr.addr();
        let Some(large) = self.larges.get(number) else {
            return null_mut();
        };
        let Some(new) = self.large_holds(new_size) else {
            return null_mut();
        };
        // A mapping of its own is for what no span holds.
        let fitting = new_size > SUPERSLAB || align > SUPERSLAB;
        if !fitting || base % align != 0 || !large.catch(base) {
            return null_mut();
        }
        let (held, mapped) = (large.held(), large.mapped());
        self.note_use();
        self.larges.uncount(held, mapped);
        let in_place = (mapped - mapped / IDLE_PART..=mapped).contains(&new);
        let remap = || if moves { self.remap(large, number, new, align.max(SLOT)) } else { None };
        let (base, held, mapped) = if in_place {
            (base, new, mapped)
        } else if let Some((base, mapped)) = remap() {
            (base, new, mapped)
        } else if new <= mapped && new >= mapped / 2 {
            // The source cannot shrink it; that is no reason to copy the larger part of it.
            (base, new, mapped)
        } else {
            large.open(base, held, mapped);
            self.larges.count(held, mapped);
            return null_mut();
        };
        large.open(base, held, mapped);
        self.larges.count(held, mapped);
        if base == ptr.addr() { ptr } else { core::ptr::with_exposed_provenance_mut(base) }
    }

    /// Remaps the pages of a caught block. Answers where they are now and how many bytes are
    /// mapped; `None`: nothing has changed.
    fn remap(
        &self,
        large: &Large,
        number: u32,
        new: usize,
        align: usize,
    ) -> Option<(usize, usize)> {
        let (base, mapped) = (large.base(), large.mapped());
        let start = NonNull::new(core::ptr::with_exposed_provenance_mut(base))?;
        let spacious = round_up(new.saturating_add(new / SPARE_PART), SLOT)
            .filter(|spacious| new > mapped && *spacious <= isize::MAX as usize);
        // Before the pages move: the old addresses may at once become another thread's.
        let unlisted = self.larges.take_unlisted(large);
        if !unlisted {
            self.registry.set_entries(base, 1, Entry::FOREIGN.0);
        }
        if new > mapped {
            self.gave(self.trim_ranges(self.most_free()));
            self.heed_soft_limit(new - mapped);
        }
        let remap = |size| {
            // SAFETY: the range is one mapping, and ours since the block was caught.
            let moved = unsafe { self.ledger.remap(&self.host, start, mapped, size, align) }?;
            Some((moved.as_ptr().expose_provenance(), size))
        };
        let moved = spacious.and_then(remap).or_else(|| remap(round_up(new, SLOT)?));
        match moved {
            None if unlisted => self.larges.set_unlisted(large),
            None => self.registry.set_entries(base, 1, Entry::large(number).0),
            Some((base, _)) if self.registry.prepare(&self.host, &self.ledger, base, SLOT) => {
                self.registry.set_entries(base, 1, Entry::large(number).0);
            }
            // The pages cannot be sent back to where they were: the block lives on, and is found
            // by walking the descriptors.
            Some(_) => self.larges.set_unlisted(large),
        }
        moved
    }
}
