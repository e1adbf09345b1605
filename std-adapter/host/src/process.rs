//! What the kernel says of this process.

use rustix::fs::{Mode, OFlags};

/// The state of the process's first thread, as a letter, and the number of its threads that are not
/// reaped. `None`: there is no `/proc`.
pub(crate) fn state() -> Option<(u8, u32)> {
    let flags = OFlags::RDONLY | OFlags::CLOEXEC;
    let file = rustix::fs::open(c"/proc/self/stat", flags, Mode::empty()).ok()?;
    let mut text = [0; 1024];
    let length = rustix::io::read(&file, &mut text).ok()?;
    parse(&text[..length])
}

/// `1 (a name) S 0 1 ...`: the name may hold anything; the number of threads is the 20th field.
fn parse(text: &[u8]) -> Option<(u8, u32)> {
    let end = text.iter().rposition(|&byte| byte == b')')?;
    let mut fields = text.get(end + 2..)?.split(|&byte| byte == b' ');
    let state = *fields.next()?.first()?;
    let threads = core::str::from_utf8(fields.nth(16)?).ok()?.parse().ok()?;
    Some((state, threads))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn reads_the_fields_behind_a_name_that_looks_like_fields() {
        let text = b"12 (a) Z 1 (b) S 1 2 3 4 5 6 7 8 9 10 11 12 13 14 15 16 77 0 9\n";
        assert_eq!(parse(text), Some((b'S', 77)));
        assert_eq!(parse(b"12 (a) S 1"), None);
        assert_eq!(parse(b""), None);
    }

    #[test]
    fn this_process_runs() {
        let (state, threads) = state().expect("a /proc");
        assert!(b"RSD".contains(&state) && threads >= 1);
    }
}
