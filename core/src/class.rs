//! Size classes: 8 B to 32 KiB in 41 steps.
//!
//! 8, then 16-byte steps to 128, then four a doubling: 160, 192, 224, 256, 320, … 32,768. Above
//! 128 B a block wastes less than a fifth of itself. A table answers up to 1 KiB, arithmetic above;
//! a test walks every size both ways.
//!
//! Every class from 16 B up is a multiple of 16, and a request rounded up to a multiple of its
//! alignment falls into a class that is a multiple of that alignment, so alignment needs no header:
//! see [`padded`].

use crate::geometry::{BLOCKS, BUNDLE, SLOT, SLOT_SHIFT};

/// The number of size classes.
#[cfg(not(loom))]
pub const CLASSES: usize = 41;
#[cfg(loom)]
pub const CLASSES: usize = 2;

/// The largest size that a class serves; above begin the spans.
pub const LARGEST: usize = SIZES[CLASSES - 1] as usize;
/// The largest size that the table answers.
pub(crate) const TABLED: usize = if LARGEST < 1024 { LARGEST } else { 1024 };
/// Alignment that every block larger than 8 bytes has.
pub(crate) const NATURAL_ALIGN: usize = 16;

/// A size class, by its place in the row of sizes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct ClassId(pub(crate) u8);

#[cfg(not(loom))]
const SIZES: [u32; CLASSES] = {
    let mut sizes = [8; CLASSES];
    let mut class = 1;
    while class < CLASSES {
        sizes[class] = if class <= 8 {
            16 * class as u32
        } else {
            let (doubling, step) = ((class as u32 - 9) / 4, (class as u32 - 9) % 4);
            (5 + step) << (5 + doubling)
        };
        class += 1;
    }
    sizes
};
#[cfg(loom)]
const SIZES: [u32; CLASSES] = [16, 32];

/// Bytes of a block of the class at a place in the row.
pub(crate) const fn size_at(class: usize) -> usize {
    SIZES[class] as usize
}

/// What the back needs to know of a class.
#[derive(Clone, Copy)]
pub(crate) struct Measure {
    /// ceil(2^40 / size): block index by multiplication.
    reciprocal: u64,
    size: u32,
    /// Bytes of a slab - 1; slabs are aligned to their size.
    mask: u32,
    /// Blocks of a slab.
    capacity: u16,
    /// Slots of a slab: 1, 2 or 4, aligned to as many.
    slots: u8,
    /// Blocks that travel home together at most.
    bundle: u8,
}

/// Bytes that travel home together at most.
const BUNDLE_BYTES: usize = 16 << 10;

static MEASURES: [Measure; CLASSES] = {
    let mut measures =
        [const { Measure { reciprocal: 0, size: 0, mask: 0, capacity: 0, slots: 0, bundle: 0 } };
            CLASSES];
    let mut class = 0;
    while class < CLASSES {
        let size = SIZES[class];
        // Eight blocks at least.
        let slots = if size as usize * 8 <= SLOT || cfg!(loom) {
            1
        } else if size as usize * 4 <= SLOT {
            2
        } else {
            4
        };
        measures[class] = Measure {
            reciprocal: (1u64 << 40).div_ceil(size as u64),
            size,
            mask: (SLOT * slots - 1) as u32,
            capacity: match SLOT * slots / size as usize {
                blocks if blocks > BLOCKS => BLOCKS as u16,
                blocks => blocks as u16,
            },
            slots: slots as u8,
            bundle: match BUNDLE_BYTES / size as usize {
                0 => 1,
                blocks if blocks > BUNDLE => BUNDLE as u8,
                blocks => blocks as u8,
            },
        };
        class += 1;
    }
    measures
};

/// Class of every size up to [`TABLED`], by eights, doubled: the front scales it by eight for a
/// 16-byte bin, which the addressing mode of a load does for nothing.
static TABLE: [u8; TABLED / 8 + 1] = {
    let mut table = [0; TABLED / 8 + 1];
    let mut eighth = 0;
    let mut class = 0;
    while eighth <= TABLED / 8 {
        if eighth * 8 > SIZES[class] as usize {
            class += 1;
        }
        table[eighth] = class as u8 * 2;
        eighth += 1;
    }
    table
};

/// Twice the class of a size of at most [`TABLED`] bytes.
#[inline(always)]
pub(crate) fn tabled_twice(size: usize) -> usize {
    debug_assert!(size <= TABLED);
    let eighth = (size + 7) >> 3;
    // SAFETY: size <= TABLED, so the index is at most TABLED / 8.
    usize::from(unsafe { *TABLE.get_unchecked(eighth) })
}

/// Twice the class of a request; `None` where no class serves it.
#[inline(always)]
pub(crate) fn twice_for(size: usize, align: usize) -> Option<usize> {
    let size = padded(size, align)?;
    if size <= TABLED {
        Some(tabled_twice(size))
    } else if size <= LARGEST {
        Some(2 * usize::from(ClassId::above_table(size).0))
    } else {
        None
    }
}

impl Measure {
    /// The slab that an address lies in, as its address / slot size (32 bits do for 48 of address),
    /// and the index there of the block that begins at it. `None`: no block does.
    #[inline(always)]
    pub(crate) fn place(&self, address: usize) -> Option<(u32, u16)> {
        let offset = address & self.mask as usize;
        let index = self.index_of(offset)?;
        Some((((address - offset) >> SLOT_SHIFT) as u32, index as u16))
    }

    /// As [`ClassId::index_of`], for offsets into the slab.
    #[inline(always)]
    fn index_of(&self, offset: usize) -> Option<u32> {
        // Exact: offset < 2^18, so the reciprocal's error stays below 2^-22 of a block.
        let index = ((offset as u64 * self.reciprocal) >> 40) as u32;
        let begins = index as usize * self.size as usize == offset;
        (begins && index < u32::from(self.capacity)).then_some(index)
    }
}

impl ClassId {
    /// The class of a size; `size` is at most [`LARGEST`].
    #[inline(always)]
    pub(crate) fn of(size: usize) -> Self {
        debug_assert!(size <= LARGEST);
        if size <= TABLED { Self((tabled_twice(size) / 2) as u8) } else { Self::above_table(size) }
    }

    /// Arithmetic for sizes above 128 B: the doubling from the top bit, the quarter from the next two.
    #[inline(always)]
    const fn above_table(size: usize) -> Self {
        let top = (size - 1).ilog2();
        Self((9 + (top - 7) * 4 + ((size - 1) >> (top - 2) & 3) as u32) as u8)
    }

    #[inline(always)]
    pub(crate) fn measure(self) -> &'static Measure {
        &MEASURES[usize::from(self.0)]
    }

    /// Bytes of a block.
    #[inline(always)]
    pub(crate) fn size(self) -> usize {
        self.measure().size as usize
    }

    /// Blocks of a slab.
    #[inline(always)]
    pub(crate) fn capacity(self) -> u32 {
        u32::from(self.measure().capacity)
    }

    /// Bytes that so many free blocks of a slab come to.
    pub(crate) fn free_bytes(self, blocks: u32) -> usize {
        blocks as usize * self.size()
    }

    /// Slots of a slab.
    #[inline(always)]
    pub(crate) fn slots(self) -> u32 {
        u32::from(self.measure().slots)
    }

    /// The slots of the slab at `slot`, as bits.
    pub(crate) fn run(self, slot: u32) -> u32 {
        ((1 << self.slots()) - 1) << slot
    }

    /// Blocks that travel home together at most.
    #[inline(always)]
    pub(crate) fn bundle(self) -> u32 {
        u32::from(self.measure().bundle)
    }

    /// Index of the block that begins `offset` bytes into its slab; `None` inside a block and
    /// outside of all.
    #[inline(always)]
    pub(crate) fn index_of(self, offset: usize) -> Option<u32> {
        let measure = self.measure();
        if offset > measure.mask as usize { None } else { measure.index_of(offset) }
    }

    /// The blocks that must be free before a slab nobody claims can be found in the pool.
    #[inline(always)]
    pub(crate) fn findable_from(self) -> u32 {
        let capacity = self.capacity();
        if capacity <= 16 { 1 } else { capacity / 8 }
    }

    /// All classes, smallest first.
    pub(crate) fn all() -> impl Iterator<Item = Self> {
        (0..CLASSES as u8).map(Self)
    }
}

/// The size whose class also serves `align`: `size` rounded up to a multiple of it. `None` where
/// that overflows.
#[inline(always)]
pub(crate) const fn padded(size: usize, align: usize) -> Option<usize> {
    if align <= 8 {
        return Some(size);
    }
    let size = if size == 0 { 1 } else { size };
    crate::geometry::round_up(size, align)
}

#[cfg(all(test, not(loom)))]
mod tests {
    use super::*;

    fn by_search(size: usize) -> usize {
        SIZES.iter().position(|&s| size <= s as usize).unwrap()
    }

    #[test]
    fn table_and_arithmetic_agree_for_every_size() {
        for size in 0..=LARGEST {
            let class = ClassId::of(size);
            assert_eq!(usize::from(class.0), by_search(size), "size {size}");
            if size > 128 {
                assert_eq!(ClassId::above_table(size), class, "size {size}");
            }
        }
    }

    #[test]
    fn waste_stays_under_a_fifth() {
        for size in 129..=LARGEST {
            let block = ClassId::of(size).size();
            assert!((block - size) * 5 < block, "{size} in {block}");
        }
    }

    #[test]
    fn a_padded_size_falls_into_a_class_of_its_alignment() {
        for align in (0..16).map(|shift| 1usize << shift) {
            for size in 0..=LARGEST {
                let padded = padded(size, align).unwrap();
                if padded <= LARGEST {
                    let block = ClassId::of(padded).size();
                    assert_eq!(block % align, 0, "{size} at {align} in {block}");
                    assert!(block >= size);
                }
            }
        }
    }

    #[test]
    fn block_indices_are_exact() {
        for class in ClassId::all() {
            let (size, slab) = (class.size(), SLOT * class.slots() as usize);
            assert!(class.capacity() as usize * size <= slab);
            assert!(class.capacity() >= 8);
            for offset in 0..slab {
                let index = (offset / size) as u32;
                let begins = offset % size == 0 && index < class.capacity();
                assert_eq!(class.index_of(offset), begins.then_some(index));
            }
            assert_eq!(class.index_of(slab), None);
            assert_eq!(class.index_of(usize::MAX - usize::MAX % size), None);
        }
    }

    #[test]
    fn capacities_fit_the_slab_word() {
        assert!(ClassId::all().all(|class| class.capacity() < 1 << 14));
    }
}
