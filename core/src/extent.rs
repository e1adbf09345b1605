//! How much a heap may come to hold, as the sizes of the tables that it has in itself.
//!
//! Descriptors come in chunks that are made on demand; the rows of pointers to chunks are part of the
//! heap. For 1 TiB that is 200 KiB of zeros. A hosted program touches a page or two of them, but to a
//! kernel its `.bss` is memory. So the registry, which is what knows the addresses that a heap may
//! cover, names one of two extents.

#![allow(
    unreachable_pub,
    reason = "a bound of the sealed registry; how far that reaches differs by compiler"
)]

use crate::geometry::{CHUNKS, WINDOW_CHUNKS};
use crate::sync::{AtomicPtr, AtomicU16, AtomicU32, AtomicU64};

/// Something whose empty value is all-zero bytes, made at compile time except under loom.
pub trait Blank: Send + Sync + Sized {
    /// The empty value.
    #[cfg(not(loom))]
    const BLANK: Self;

    /// The empty value.
    #[cfg(loom)]
    fn blank() -> Self;
}

/// The empty value of a type.
macro_rules! blank {
    ($of:ty) => {{
        #[cfg(not(loom))]
        {
            <$of as $crate::extent::Blank>::BLANK
        }
        #[cfg(loom)]
        {
            <$of as $crate::extent::Blank>::blank()
        }
    }};
}
pub(crate) use blank;

/// Makes a type [`Blank`].
macro_rules! blank_is {
    ([$($generics:tt)*] $of:ty, $value:expr, $loom:expr) => {
        impl<$($generics)*> Blank for $of {
            #[cfg(not(loom))]
            const BLANK: Self = $value;

            #[cfg(loom)]
            fn blank() -> Self {
                $loom
            }
        }
    };
}

blank_is!([] AtomicU16, Self::new(0), Self::new(0));
blank_is!([] AtomicU32, Self::new(0), Self::new(0));
blank_is!([] AtomicU64, Self::new(0), Self::new(0));
blank_is!([T] AtomicPtr<T>, Self::new(core::ptr::null_mut()), Self::new(core::ptr::null_mut()));
blank_is!([T: Blank, const N: usize] [T; N], [T::BLANK; N], core::array::from_fn(|_| T::blank()));

/// An array, whatever its length.
pub trait Array<T>: Blank {
    /// All of it.
    fn as_slice(&self) -> &[T];
}

impl<T: Blank, const N: usize> Array<T> for [T; N] {
    #[inline(always)]
    fn as_slice(&self) -> &[T] {
        self
    }
}

/// The lengths of a heap's own tables.
pub trait Extent: Send + Sync + 'static {
    /// One cell a chunk of superslabs: those of slabs, and those of spans.
    type Chunks<T: Blank>: Array<T>;
    /// One cell for 64 of these.
    type Mids<T: Blank>: Array<T>;
    /// One cell for 64 of those.
    type Tops<T: Blank>: Array<T>;
    /// One cell a chunk of large blocks.
    type Larges<T: Blank>: Array<T>;
    /// One cell a chunk of the page arena's ranges.
    type Ranges<T: Blank>: Array<T>;
    /// One cell for 64 caches.
    type Owners<T: Blank>: Array<T>;
}

/// Declares an extent of so many chunks of superslabs, and of words of 64 caches.
macro_rules! extent {
    ($(#[$meta:meta])* $name:ident, $chunks:expr, $owners:expr) => {
        $(#[$meta])*
        pub struct $name;

        impl Extent for $name {
            type Chunks<T: Blank> = [T; $chunks];
            type Mids<T: Blank> = [T; $chunks.div_ceil(64)];
            type Tops<T: Blank> = [T; $chunks.div_ceil(64 * 64)];
            // Each of 512 blocks: four for every superslab that there may be.
            type Larges<T: Blank> = [T; $chunks.div_ceil(4)];
            // Each of 1,024 ranges: twice as many as there may be superslabs.
            type Ranges<T: Blank> = [T; $chunks.div_ceil(8)];
            type Owners<T: Blank> = [T; if cfg!(loom) { 1 } else { $owners }];
        }
    };
}

extent! {
    /// Any address: superslabs of 1 TiB, or all that narrow pointers reach, and 65,536 caches.
    Whole, CHUNKS, 1024
}
extent! {
    /// One window of addresses: superslabs of 8 GiB, and 256 caches.
    Window, WINDOW_CHUNKS, 4
}
