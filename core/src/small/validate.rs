//! The walk that checks every invariant of a small heap: for tests.

use super::SmallHeap;
use super::piece::{Piece, bytes};
use super::region::Region;
use crate::broken::Broken;

impl SmallHeap {
    /// Checks every invariant: holes are in the list of their stretch, by address, apart and within
    /// their region; each stretch knows its largest; and **room = in use + free**.
    pub fn validate(&self) -> Result<(), Broken> {
        let mut in_use = 0;
        for region in self.regions() {
            let free = region.validate()?;
            if free != region.free() {
                return Err(region.broken("bytes in holes", region.room()));
            }
            in_use += bytes(region.room().size - free);
        }
        if in_use != self.in_use || self.in_use > self.peak {
            return Err(Broken { what: "bytes in use", at: self.in_use });
        }
        Ok(())
    }
}

impl Region {
    /// Grains of all holes, as counted.
    fn validate(self) -> Result<u32, Broken> {
        let (room, mut free, mut end) = (self.room(), 0, 0);
        for (stretch, largest) in self.holes().stretches() {
            let mut found = 0;
            for hole in self.holes().list(stretch) {
                if self.holes().stretch(hole.start) != stretch {
                    return Err(self.broken("a hole in another stretch's list", hole));
                }
                if hole.start < room.start || hole.end() > room.end() || hole.size == 0 {
                    return Err(self.broken("a hole reaches out of its region", hole));
                }
                if hole.start <= end {
                    return Err(self.broken("holes touch, overlap or are not in order", hole));
                }
                (end, free) = (hole.end(), free + hole.size);
                found = hole.size.max(found);
            }
            if found != largest {
                let stretch = Piece { start: stretch << self.holes().shift(), size: largest };
                return Err(self.broken("the largest hole of a stretch", stretch));
            }
        }
        Ok(free)
    }

    fn broken(self, what: &'static str, piece: Piece) -> Broken {
        Broken { what, at: self.extent().0 + bytes(piece.start) }
    }
}
