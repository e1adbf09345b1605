//! What an address lies in: for crash reports and messages.

use crate::cache::Cache;
use crate::entry::{Entry, Kind};
use crate::heap::Heap;
use crate::registry::Registry;
use crate::source::Host;
use crate::word::State;
use core::fmt;

/// The kind of thing that an address lies in.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum PlaceKind {
    /// A block of a slab.
    Slab,
    /// A slot that no slab uses now.
    Idle,
    /// A span.
    Span,
    /// A large mapping.
    Large,
}

/// What an address lies in.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Place {
    /// The kind of thing.
    pub kind: PlaceKind,
    /// Where it begins.
    pub base: usize,
    /// Its bytes.
    pub size: usize,
    /// The size class of a slab's block.
    pub class: Option<u8>,
    /// Whether it is free. `None` where the tables cannot tell: a block that was carved and has
    /// not come home may be a user's, or lie free in a thread's cache.
    pub free: Option<bool>,
}

impl<H: Host, R: Registry> Heap<H, R> {
    /// What `address` lies in; `None` if it is not this heap's. Never blocks, allocates
    /// nothing, and reads tables alone. Under traffic the answer may be out of date.
    pub fn describe(&self, address: usize) -> Option<Place> {
        match Entry(self.registry.entry(address)).kind() {
            Kind::Slab(_) => self.describe_block(address),
            Kind::Idle => {
                let base = address & !(crate::geometry::SLOT - 1);
                let size = crate::geometry::SLOT;
                Some(Place { kind: PlaceKind::Idle, base, size, class: None, free: Some(true) })
            }
            Kind::Span(number) => {
                let (base, size, live) = self.describe_span(address, number)?;
                Some(Place { kind: PlaceKind::Span, base, size, class: None, free: Some(!live) })
            }
            Kind::Large(_) | Kind::Foreign => {
                let (base, size) = self.describe_large(address)?;
                Some(Place { kind: PlaceKind::Large, base, size, class: None, free: Some(false) })
            }
        }
    }

    fn describe_block(&self, address: usize) -> Option<Place> {
        let home = self.home_of(address)?;
        let (class, size) = (home.class, home.class.size());
        let index = address.wrapping_sub(home.base) / size;
        if index >= class.capacity() as usize {
            return None; // The superslab changes hands just now.
        }
        let slot = home.slab.slot();
        let word = home.superslab.peek(slot);
        let base = home.base + index * size;
        let free = word.state() == State::Unused
            || index >= word.carved() as usize
            || home.superslab.returned().is_some_and(|bits| bits.contains(slot, index as u32));
        let free = if free { Some(true) } else { None };
        Some(Place { kind: PlaceKind::Slab, base, size, class: Some(class.0), free })
    }

    /// Whether the block at `start` lies free in one of `cache`'s lists. Made for crash reports: a
    /// broken list is followed no further than it leads to blocks.
    pub fn caches(&self, cache: &Cache, start: usize) -> bool {
        let Kind::Slab(class) = Entry(self.registry.entry(start)).kind() else { return false };
        let is_block = |address| {
            self.home_of(address).is_some_and(|home| {
                home.class == class && class.index_of(address.wrapping_sub(home.base)).is_some()
            })
        };
        cache.lists(class).any(|(list, len)| list.holds(start, len, is_block))
    }

    /// Whether an address lies in memory that this heap manages.
    pub fn owns(&self, ptr: *const u8) -> bool {
        self.describe(ptr.addr()).is_some()
    }
}

impl fmt::Display for Place {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { kind, base, size, .. } = self;
        match kind {
            PlaceKind::Slab => write!(f, "a slab's block of {size} bytes at {base:#x}")?,
            PlaceKind::Idle => write!(f, "an unused slot at {base:#x}")?,
            PlaceKind::Span => write!(f, "a span of {size} bytes at {base:#x}")?,
            PlaceKind::Large => write!(f, "a large block of {size} bytes at {base:#x}")?,
        }
        if let Some(class) = self.class {
            write!(f, " (class {class})")?;
        }
        f.write_str(match self.free {
            Some(true) => ", free",
            Some(false) => ", live",
            None => ", live or in a thread's cache",
        })
    }
}
