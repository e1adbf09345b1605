//! Memory of this process, as the kernel counts it. Reading allocates nothing.

use std::fs::File;
use std::io::Read;

/// The most memory that this program has had resident, in KiB.
///
/// The kernel's own `ru_maxrss` is no use here: it survives `exec`, so that a child starts with
/// the peak of the program that started it.
#[must_use]
pub fn peak_kib() -> Option<u64> {
    field("/proc/self/status", "VmHWM:")
}

/// Memory resident now, in KiB, counted page by page: exact, where [`peak_kib`] may be some pages
/// off for each CPU.
#[must_use]
pub fn resident_kib() -> Option<u64> {
    field("/proc/self/smaps_rollup", "Rss:")
}

/// What is resident now.
#[derive(Clone, Copy, Debug)]
pub struct Resident {
    /// In KiB, counted page by page.
    pub kib: u64,
    /// The part of it, in KiB, that was given back by `MADV_FREE`: the kernel takes it once it is
    /// short of memory, and not before.
    pub lazy_kib: u64,
}

/// What is resident now; nothing is allocated.
#[must_use]
pub fn resident() -> Option<Resident> {
    let mut text = [0; 4096];
    let text = read("/proc/self/smaps_rollup", &mut text)?;
    let lazy_kib = kib_after(text, "LazyFree:").unwrap_or(0);
    Some(Resident { kib: kib_after(text, "Rss:")?, lazy_kib })
}

fn field(path: &str, name: &str) -> Option<u64> {
    kib_after(read(path, &mut [0; 4096])?, name)
}

/// The start of a file, as much as the buffer takes.
fn read<'a>(path: &str, text: &'a mut [u8; 4096]) -> Option<&'a str> {
    let mut length = 0;
    let mut file = File::open(path).ok()?;
    while length < text.len() {
        match file.read(&mut text[length..]) {
            Ok(0) => break,
            Ok(count) => length += count,
            Err(_) => return None,
        }
    }
    core::str::from_utf8(&text[..length]).ok()
}

/// The number after `name` in a text of lines like `VmHWM:   1234 kB`.
#[must_use]
pub fn kib_after(text: &str, name: &str) -> Option<u64> {
    let line = text.lines().find_map(|line| line.strip_prefix(name))?;
    line.split_whitespace().next()?.parse().ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn reads_the_number_after_the_name() {
        let text = "Name:\tworker\nVmHWM:\t    1234 kB\nVmRSS:\t 99 kB\n";
        assert_eq!(kib_after(text, "VmHWM:"), Some(1234));
        assert_eq!(kib_after(text, "VmSwap:"), None);
    }
}
