//! What a heap wants of huge pages.

use crate::sync::Ordering;
use crate::sync::mark::AtomicU8;

/// When memory is to lie on huge pages of 2 MiB, where the source has them.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
#[repr(u8)]
pub enum Huge {
    /// They are asked for where superslabs stayed dense for some rounds of decay, and refused before
    /// part of one goes back. Else none, but for large mappings where the system makes them unasked.
    #[default]
    Auto = 0,
    /// None.
    Never = 1,
    /// They are asked for wherever 2 MiB are opened. What then goes back in part may be filled up again
    /// by the system.
    Always = 2,
}

/// A [`Huge`] that threads share: read on cold paths.
pub(crate) struct HugeCell(AtomicU8);

impl HugeCell {
    pub(crate) const fn new() -> Self {
        Self(AtomicU8::new(Huge::Auto as u8))
    }

    pub(crate) fn get(&self) -> Huge {
        match self.0.load(Ordering::Relaxed) {
            1 => Huge::Never,
            2 => Huge::Always,
            _ => Huge::Auto,
        }
    }

    pub(crate) fn set(&self, huge: Huge) {
        self.0.store(huge as u8, Ordering::Relaxed);
    }
}
