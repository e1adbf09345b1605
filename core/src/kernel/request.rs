//! What a caller asks a kernel's heap for, and what can go wrong.

use crate::misuse::Misuse;
use core::alloc::Layout;
use core::fmt;

/// A request for memory.
///
/// ```
/// use core::alloc::Layout;
/// use hakmem_core::Request;
///
/// // 256 bytes that read zero, for an interrupt handler: at once or not at all.
/// let layout = Layout::from_size_align(256, 64).unwrap();
/// let request = Request::new(layout).zeroed().now();
/// assert!(request.is_zeroed() && request.is_now());
/// ```
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Request {
    layout: Layout,
    zeroed: bool,
    now: bool,
}

impl Request {
    /// A request for memory of any contents, that may wait for another CPU, and for the source.
    pub const fn new(layout: Layout) -> Self {
        Self { layout, zeroed: false, now: false }
    }

    /// The same, for memory that reads zero.
    #[must_use]
    pub const fn zeroed(self) -> Self {
        Self { zeroed: true, ..self }
    }

    /// The same, to be served now or not at all: it waits for no lock and asks no source, and gets
    /// [`AllocError::WouldWait`] where it would have to.
    #[must_use]
    pub const fn now(self) -> Self {
        Self { now: true, ..self }
    }

    /// Size and alignment.
    pub const fn layout(&self) -> Layout {
        self.layout
    }

    /// Whether the memory must read zero.
    pub const fn is_zeroed(&self) -> bool {
        self.zeroed
    }

    /// Whether the request must not wait.
    pub const fn is_now(&self) -> bool {
        self.now
    }
}

impl From<Layout> for Request {
    fn from(layout: Layout) -> Self {
        Self::new(layout)
    }
}

/// Why memory was not to be had, or a block not to be resized.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum AllocError {
    /// There is no memory for it, after what is free was looked through; later there may be.
    NoMemory,
    /// What is at hand does not serve it, and it must not [wait](Request::now).
    WouldWait,
    /// The block cannot have that size where it stands: what a resize in place gets.
    NoRoom,
    /// No memory was handed to the heap yet.
    NotInitialised,
    /// The CPU has a number for which the heap has no cache.
    CpuOutOfRange {
        /// Its number.
        id: usize,
        /// The numbers that the heap has caches for: those below this.
        most: usize,
    },
    /// The call came out of another one on the same CPU: from a source's growth hook, or from a handler that
    /// the [pin](crate::Cpu) does not hold off.
    Reentered,
    /// The block to be resized is none, or not of that size.
    Misuse(Misuse),
}

/// Why a block was not freed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum FreeError {
    /// The call was wrong, or met what an earlier wrong call left: see the crate's "What is caught".
    /// The block that it names was dropped and nothing else.
    Misuse(Misuse),
    /// No memory was handed to the heap yet: the block is not its.
    NotInitialised,
    /// The CPU has a number for which the heap has no cache. The block is the caller's still.
    CpuOutOfRange {
        /// Its number.
        id: usize,
        /// The numbers that the heap has caches for: those below this.
        most: usize,
    },
    /// The call came out of another one on the same CPU: from a source's growth hook, or from a handler that
    /// the [pin](crate::Cpu) does not hold off. The block is the caller's still.
    Reentered,
}

const REENTERED: &str = "the heap was called out of a call of its own on this CPU";
const NOT_INITIALISED: &str = "the heap was used before it was given memory";

fn out_of_range(f: &mut fmt::Formatter<'_>, id: usize, most: usize) -> fmt::Result {
    write!(f, "CPU {id} has no cache: the heap has them for numbers below {most}")
}

impl fmt::Display for AllocError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match *self {
            Self::NoMemory => f.write_str("no memory"),
            Self::WouldWait => f.write_str("no memory without waiting"),
            Self::NoRoom => f.write_str("no room where the block stands"),
            Self::NotInitialised => f.write_str(NOT_INITIALISED),
            Self::CpuOutOfRange { id, most } => out_of_range(f, id, most),
            Self::Reentered => f.write_str(REENTERED),
            Self::Misuse(misuse) => misuse.fmt(f),
        }
    }
}

impl fmt::Display for FreeError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match *self {
            Self::Misuse(misuse) => misuse.fmt(f),
            Self::NotInitialised => f.write_str(NOT_INITIALISED),
            Self::CpuOutOfRange { id, most } => out_of_range(f, id, most),
            Self::Reentered => f.write_str(REENTERED),
        }
    }
}

/// The end of a call that can answer nothing. It does not unwind, for the callers of a global allocator
/// are not made for that.
#[cold]
pub(super) extern "C" fn fail(error: &FreeError) -> ! {
    panic!("hakmem: {error}");
}

impl core::error::Error for AllocError {}
impl core::error::Error for FreeError {}
