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

fn field(path: &str, name: &str) -> Option<u64> {
    let mut text = [0_u8; 4096];
    let mut length = 0;
    let mut file = File::open(path).ok()?;
    while length < text.len() {
        match file.read(&mut text[length..]) {
            Ok(0) => break,
            Ok(count) => length += count,
            Err(_) => return None,
        }
    }
    kib_after(core::str::from_utf8(&text[..length]).ok()?, name)
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
