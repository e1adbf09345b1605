//! One registry entry: what lives in a slot, and whose it is, in 32 bits.
//!
//! ```text
//! 31                        8 7        0
//! +--------------------------+----------+
//! | owner, or table number   | kind     |   kind even, < 128: twice a slab's class, owner = cache
//! +--------------------------+----------+   kind odd: another layer, with its table number
//! ```
//! 0 is "not ours": owners start at 1, so no slab's entry is 0. The class stands doubled because the
//! front then needs no shift to get to its 16-byte bin.

use crate::class::{CLASSES, ClassId};

/// The number by which blocks know their cache; a hint (design, C3). 24 bits; ids below
/// [`OwnerId::FIRST`] are reserved and never match a cache.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct OwnerId(pub(crate) u32);

impl OwnerId {
    /// Owner of slabs whose blocks must always take the cold path.
    pub(crate) const NOBODY: Self = Self(1);
    /// The first id that a cache can have.
    pub(crate) const FIRST: u32 = 16;

    /// What a cache adds to twice a class to get the entry of its own slab.
    #[inline(always)]
    pub(crate) const fn tag(self) -> u32 {
        self.0 << 8
    }
}

/// What a registry entry says.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Entry(pub(crate) u32);

/// Kinds of slots that are not slabs.
const IDLE: u32 = 129;
const SPAN: u32 = 131;
const LARGE: u32 = 133;
const KEPT: u32 = 135;

/// A registry entry, taken apart.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Kind {
    /// Nothing of this heap.
    Foreign,
    /// A slab of this class.
    Slab(ClassId),
    /// A slot of a superslab that no slab uses now.
    Idle,
    /// Spans; the number of their superslab.
    Span(u32),
    /// The first slot of a large mapping; its number.
    Large(u32),
}

impl Entry {
    /// Not ours.
    pub(crate) const FOREIGN: Self = Self(0);
    /// A slot of ours without a slab.
    pub(crate) const IDLE: Self = Self((OwnerId::NOBODY.0 << 8) | IDLE);

    pub(crate) const fn of_slab(owner: OwnerId, class: ClassId) -> Self {
        Self(owner.tag() | (class.0 as u32 * 2))
    }

    pub(crate) const fn span(number: u32) -> Self {
        Self((number << 8) | SPAN)
    }

    pub(crate) const fn large(number: u32) -> Self {
        Self((number << 8) | LARGE)
    }

    /// Either end of a range that the page arena keeps: ours, and free.
    pub(crate) const fn kept(number: u32) -> Self {
        Self((number << 8) | KEPT)
    }

    /// The number of the kept range that ends or begins here.
    pub(crate) const fn as_kept(self) -> Option<u32> {
        if self.0 & 0xff == KEPT { Some(self.0 >> 8) } else { None }
    }

    /// The class of a slab's entry.
    #[inline(always)]
    pub(crate) const fn slab(self) -> Option<ClassId> {
        let twice = self.0 & 0xff;
        if twice < 2 * CLASSES as u32 && self.0 > 0xff {
            Some(ClassId(twice as u8 / 2))
        } else {
            None
        }
    }

    #[inline]
    pub(crate) const fn kind(self) -> Kind {
        let number = self.0 >> 8;
        match self.0 & 0xff {
            _ if self.0 == 0 => Kind::Foreign,
            SPAN => Kind::Span(number),
            LARGE => Kind::Large(number),
            kind if kind < 2 * CLASSES as u32 => Kind::Slab(ClassId(kind as u8 / 2)),
            _ => Kind::Idle,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn entries_come_apart_as_they_were_put_together() {
        for class in 0..CLASSES as u8 {
            let entry = Entry::of_slab(OwnerId(0xff_ffff), ClassId(class));
            assert_eq!(entry.kind(), Kind::Slab(ClassId(class)));
        }
        assert_eq!(Entry::span(77).kind(), Kind::Span(77));
        assert_eq!(Entry::large(0xff_ffff).kind(), Kind::Large(0xff_ffff));
        assert_eq!(Entry::IDLE.kind(), Kind::Idle);
        assert_eq!(Entry::FOREIGN.kind(), Kind::Foreign);
    }

    #[test]
    fn no_entry_of_another_layer_looks_like_a_cache_of_its_own_number() {
        for number in [0, 1, 16, 17, 0xff_fffe] {
            for entry in [Entry::span(number), Entry::large(number), Entry::IDLE] {
                for owner in [0, 1, 16, 17, 0xff_ffff] {
                    let twice = entry.0.wrapping_sub(OwnerId(owner).tag());
                    assert!(twice >= 2 * CLASSES as u32, "{entry:?} looks like owner {owner}'s");
                }
            }
        }
    }
}
