//! Text to a file descriptor or a C stream, through a buffer on the stack.

use crate::libc;
use core::ffi::c_void;
use core::fmt::{self, Write};
use hakmem_host::Line;

/// Where the text goes.
#[derive(Clone, Copy)]
pub(crate) enum Sink {
    /// By system calls.
    Descriptor(i32),
    /// A `FILE *`, which the C library may allocate a buffer for.
    Stream(*mut c_void),
}

/// A writer that keeps up to 512 bytes back, until it is dropped.
pub(crate) struct Out {
    held: Line<512>,
    sink: Sink,
    /// Whether the sink took everything so far; always so for a descriptor.
    taken: bool,
}

impl Out {
    pub(crate) const fn new(sink: Sink) -> Self {
        Self { held: Line::new(), sink, taken: true }
    }

    /// Sends everything; `false` if a stream did not take it.
    pub(crate) fn finish(mut self) -> bool {
        self.send();
        self.taken
    }

    fn send(&mut self) {
        match self.sink {
            Sink::Descriptor(fd) => self.held.send(fd),
            Sink::Stream(stream) => {
                let text = self.held.as_bytes();
                // SAFETY: `malloc_info`'s caller vouches for the stream.
                let taken = unsafe { libc::fwrite(text.as_ptr().cast(), 1, text.len(), stream) };
                self.taken &= taken == text.len();
            }
        }
        self.held.clear();
    }
}

impl Write for Out {
    fn write_str(&mut self, text: &str) -> fmt::Result {
        if text.len() > self.held.room() {
            self.send();
        }
        self.held.write_str(text)
    }
}

impl Drop for Out {
    fn drop(&mut self) {
        if !self.held.as_bytes().is_empty() {
            self.send();
        }
    }
}

/// A number of bytes in a unit that suits it: `512 B`, `64.0 KiB`, `1.5 GiB`.
pub(crate) struct Bytes(pub(crate) usize);

impl fmt::Display for Bytes {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let mut text = Line::<24>::new();
        let units = ["KiB", "MiB", "GiB", "TiB"];
        if self.0 < 1024 {
            write!(text, "{} B", self.0)?;
        } else {
            let unit = ((self.0.ilog2() / 10 - 1) as usize).min(units.len() - 1);
            let scale = 10 * (unit as u32 + 1);
            let tenths = ((self.0 >> (scale - 10)) * 10) >> 10;
            write!(text, "{}.{} {}", tenths / 10, tenths % 10, units[unit])?;
        }
        f.pad(core::str::from_utf8(text.as_bytes()).unwrap_or_default())
    }
}
