//! Samples as JSON lines, read and printed without an allocation.

use core::fmt::{Arguments, Write as _};
use core::time::Duration;
use std::time::Instant;

use crate::memory::{Resident, resident};
use crate::release::book;

/// A line of text on the stack.
struct Line {
    text: [u8; 512],
    length: usize,
}

impl core::fmt::Write for Line {
    fn write_str(&mut self, part: &str) -> core::fmt::Result {
        let end = self.length + part.len();
        let place = self.text.get_mut(self.length..end).ok_or(core::fmt::Error)?;
        place.copy_from_slice(part.as_bytes());
        self.length = end;
        Ok(())
    }
}

/// Prints a line to standard output.
pub(crate) fn line(text: Arguments) {
    let mut line = Line { text: [0; 512], length: 0 };
    line.write_fmt(text).and_then(|()| line.write_str("\n")).expect("a line is short");
    let mut rest = &line.text[..line.length];
    while !rest.is_empty() {
        // SAFETY: a plain system call on bytes that are there.
        let count = unsafe { libc::write(1, rest.as_ptr().cast(), rest.len()) };
        // Nobody reads any more: there is nobody to tell, either.
        let Ok(count @ 1..) = usize::try_from(count) else { return };
        rest = &rest[count..];
    }
}

/// The resident set now in KiB, less the bookkeeping; and what of it the kernel may take.
pub(crate) fn now() -> Resident {
    let Resident { kib, lazy_kib } = resident().expect("the kernel tells the resident set");
    Resident { kib: kib.saturating_sub(book::bytes() as u64 / 1024), lazy_kib }
}

/// Prints a sample of the resident set, with the bytes that the program holds.
pub(crate) fn sample(name: &str, live: usize) {
    sample_of(name, now(), live);
}

/// The same for a sample that was taken before.
pub(crate) fn sample_of(name: &str, Resident { kib, lazy_kib }: Resident, live: usize) {
    let book_kib = book::bytes() / 1024;
    line(format_args!(
        "{{\"sample\":\"{name}\",\"rss_kib\":{kib},\"lazy_kib\":{lazy_kib},\
         \"live\":{live},\"bookkeeping_kib\":{book_kib}}}"
    ));
}

/// Prints a sample now, 0 s, and after each of the numbers of seconds, which rise.
pub(crate) fn samples_over(seconds: &[u64], live: usize) {
    let start = Instant::now();
    for &second in seconds {
        std::thread::sleep(Duration::from_secs(second).saturating_sub(start.elapsed()));
        let taken = now();
        let mut name = Line { text: [0; 512], length: 0 };
        write!(name, "{second} s").expect("a number is short");
        let name = core::str::from_utf8(&name.text[..name.length]).expect("digits");
        sample_of(name, taken, live);
    }
}
