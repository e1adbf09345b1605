//! A line of text on the stack, for messages where nothing may be allocated.

use core::fmt;
use rustix::fd::BorrowedFd;
use rustix::io::Errno;

/// Text of at most `N` bytes; what does not fit is cut off.
pub struct Line<const N: usize> {
    bytes: [u8; N],
    len: usize,
}

impl<const N: usize> Line<N> {
    /// An empty line.
    pub const fn new() -> Self {
        Self { bytes: [0; N], len: 0 }
    }

    /// Formats `text` and writes it to standard error at once; failure to write is no concern.
    pub fn say(text: fmt::Arguments<'_>) {
        let mut line = Self::new();
        // Writing to a line cannot fail.
        let _ = fmt::Write::write_fmt(&mut line, text);
        line.send(2);
    }

    /// What the line holds.
    pub fn as_bytes(&self) -> &[u8] {
        &self.bytes[..self.len]
    }

    /// Bytes that still fit.
    pub fn room(&self) -> usize {
        N - self.len
    }

    /// Empties the line.
    pub fn clear(&mut self) {
        self.len = 0;
    }

    /// Writes the line to a file descriptor by plain system calls, leaving `errno` alone. A closed
    /// or full descriptor swallows the rest.
    pub fn send(&self, fd: i32) {
        if fd < 0 {
            return;
        }
        // SAFETY: not -1; a descriptor that is not open makes the call fail and nothing else.
        let _ = self.put(unsafe { BorrowedFd::borrow_raw(fd) });
    }

    /// The same.
    ///
    /// # Errors
    /// The system's; some of the line may be written.
    pub(crate) fn put(&self, fd: BorrowedFd<'_>) -> Result<(), Errno> {
        let mut rest = self.as_bytes();
        while !rest.is_empty() {
            match rustix::io::write(fd, rest) {
                Ok(0) => return Err(Errno::IO),
                Ok(written) => rest = &rest[written.min(rest.len())..],
                Err(Errno::INTR) => {}
                Err(error) => return Err(error),
            }
        }
        Ok(())
    }
}

impl<const N: usize> Default for Line<N> {
    fn default() -> Self {
        Self::new()
    }
}

impl<const N: usize> fmt::Write for Line<N> {
    fn write_str(&mut self, text: &str) -> fmt::Result {
        let fits = text.len().min(self.room());
        self.bytes[self.len..self.len + fits].copy_from_slice(&text.as_bytes()[..fits]);
        self.len += fits;
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::Line;
    use core::fmt::Write;

    #[test]
    fn keeps_what_fits() {
        let mut line = Line::<8>::new();
        write!(line, "{}-{}", 123, 45678).unwrap();
        assert_eq!(line.as_bytes(), b"123-4567");
        assert_eq!(line.room(), 0);
        line.clear();
        assert_eq!(line.as_bytes(), b"");
    }

    #[test]
    fn a_closed_descriptor_is_no_concern() {
        let mut line = Line::<8>::new();
        write!(line, "x").unwrap();
        line.send(-1);
        line.send(1_000_000);
    }
}
