//! What is wrong with a region that a source or a heap was given.

use core::fmt;

/// Why a region was not taken. Nothing has changed then.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum RegionError {
    /// It begins at address 0.
    Null,
    /// There is no room in it for anything.
    TooSmall {
        /// Bytes that it must have at least, from this start.
        least: usize,
    },
    /// It reaches past the end of addresses, or over half of them.
    TooLarge,
    /// It must begin at a multiple of `align`.
    Misaligned {
        /// That alignment, in bytes.
        align: usize,
    },
    /// A part of it was given before.
    Overlaps {
        /// The address of the region that has that part.
        start: usize,
        /// Its bytes.
        size: usize,
    },
    /// It was given before.
    GivenTwice,
    /// There is no place for one more that adjoins none.
    TooMany {
        /// Regions at most.
        most: usize,
    },
    /// It is not wholly in the window of addresses that the heap's registry covers.
    Outside,
    /// The heap has its first region; more are added, not initialised.
    Initialised,
}

impl fmt::Display for RegionError {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        match *self {
            Self::Null => out.write_str("the region begins at address 0"),
            Self::TooSmall { least } => {
                write!(out, "the region is too small: from this start, {least} bytes are the least")
            }
            Self::TooLarge => out.write_str("the region reaches past the end of addresses"),
            Self::Misaligned { align } => {
                write!(out, "the region does not begin at a multiple of {align} bytes")
            }
            Self::Overlaps { start, size } => {
                write!(out, "the region overlaps that of {size} bytes at {start:#x}")
            }
            Self::GivenTwice => out.write_str("the region was given before"),
            Self::TooMany { most } => {
                write!(out, "there are {most} regions, which is the most, and this adjoins none")
            }
            Self::Outside => out.write_str(
                "the region is not within the heap's window, which begins at the first region",
            ),
            Self::Initialised => {
                out.write_str("the heap is initialised already: further regions are added")
            }
        }
    }
}

impl core::error::Error for RegionError {}
