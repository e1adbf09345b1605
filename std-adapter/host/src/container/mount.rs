//! Mounts of control groups, as `/proc/self/mountinfo` lists them.
//!
//! ```text
//!   36 35 0:31 /kubepods/a /sys/fs/cgroup/memory rw,nosuid master:1 - cgroup cgroup rw,memory
//!              root        point                                      kind          options
//! ```

/// One mount of a hierarchy of control groups.
pub(super) struct Mount<'a> {
    /// The group that stands at `point`.
    pub(super) root: &'a [u8],
    /// Where it stands.
    pub(super) point: &'a [u8],
    /// `cgroup2`, or `cgroup` for v1.
    pub(super) kind: &'a [u8],
    options: &'a [u8],
}

impl<'a> Mount<'a> {
    /// Reads a line. `None`: no mount of control groups, or no such line.
    pub(super) fn parse(line: &'a mut [u8]) -> Option<Self> {
        let (front, back) = line.split_at_mut(line.windows(3).position(|text| text == b" - ")?);
        let mut back = back[3..].split(|&byte| byte == b' ');
        let (kind, options) = (back.next()?, back.nth(1)?);
        if !matches!(kind, b"cgroup" | b"cgroup2") {
            return None;
        }
        let mut front = front.split_mut(|&byte| byte == b' ').skip(3);
        let (root, point) = (plain(front.next()?), plain(front.next()?));
        let is_absolute = root.starts_with(b"/") && point.starts_with(b"/");
        is_absolute.then_some(Self { root, point, kind, options })
    }

    /// A mount of a whole hierarchy.
    pub(super) const fn whole(point: &'a [u8]) -> Self {
        Self { root: b"/", point, kind: b"", options: b"" }
    }

    /// Whether the hierarchy has a controller of v1.
    pub(super) fn has(&self, controller: &[u8]) -> bool {
        self.options.split(|&byte| byte == b',').any(|option| option == controller)
    }

    /// Where `group` stands below the mount's point, with a slash before it, or empty for the point
    /// itself. `None`: it is not to be seen there.
    pub(super) fn below<'g>(&self, group: &'g [u8]) -> Option<&'g [u8]> {
        let rest = match self.root {
            b"/" => group,
            root => group.strip_prefix(root)?,
        };
        let is_inside = rest.is_empty() || rest.starts_with(b"/");
        // A group outside the process's namespace is named from the namespace's root upwards.
        let leads_out = rest.split(|&byte| byte == b'/').any(|part| part == b"..");
        (is_inside && !leads_out).then(|| rest.strip_suffix(b"/").unwrap_or(rest))
    }

    /// Whether the mount's root lies above the root of the process's namespace: above every group
    /// in it therefore, but by a way whose names are not known.
    pub(super) fn is_above_namespace(&self) -> bool {
        let mut parts = self.root.split(|&byte| byte == b'/').skip(1).peekable();
        parts.peek().is_some_and(|part| *part == b"..") && parts.all(|part| part == b"..")
    }
}

/// Takes the escapes out of a field: a backslash and three octal digits stand for a blank, a tab, a
/// newline or a backslash.
fn plain(field: &mut [u8]) -> &[u8] {
    let (mut from, mut to) = (0, 0);
    while let Some(&byte) = field.get(from) {
        let (byte, taken) = match field[from..] {
            [b'\\', a @ b'0'..=b'3', b @ b'0'..=b'7', c @ b'0'..=b'7', ..] => {
                (((a - b'0') << 6) | ((b - b'0') << 3) | (c - b'0'), 4)
            }
            _ => (byte, 1),
        };
        field[to] = byte;
        from += taken;
        to += 1;
    }
    &field[..to]
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::string::String;
    use std::vec::Vec;

    /// Root, point and kind of a line.
    fn parsed(line: &str) -> Option<(String, String, String)> {
        let mut line = Vec::from(line);
        let mount = Mount::parse(&mut line)?;
        let text = |bytes: &[u8]| String::from_utf8_lossy(bytes).into_owned();
        Some((text(mount.root), text(mount.point), text(mount.kind)))
    }

    fn below(root: &'static str, group: &'static str) -> Option<&'static str> {
        let mount = Mount { root: root.as_bytes(), point: b"/", kind: b"cgroup", options: b"" };
        mount.below(group.as_bytes()).map(|rest| std::str::from_utf8(rest).unwrap())
    }

    #[test]
    fn reads_a_line_with_any_number_of_optional_fields() {
        for optional in ["", " master:1", " shared:4 master:1 propagate_from:2"] {
            let line = std::format!("36 35 0:31 /a /b rw,nosuid{optional} - cgroup2 cgroup rw");
            assert_eq!(parsed(&line), Some(("/a".into(), "/b".into(), "cgroup2".into())));
        }
    }

    #[test]
    fn escapes_are_taken_out() {
        let line = r"1 2 0:3 /a\040b\134 /c\011\d\04 rw - cgroup cgroup rw,cpu";
        assert_eq!(parsed(line), Some(("/a b\\".into(), "/c\t\\d\\04".into(), "cgroup".into())));
    }

    #[test]
    fn other_lines_are_none() {
        for line in [
            "",
            " - ",
            "cgroup",
            "36 35 0:31 / /a rw - ext4 /dev/sda rw",
            "36 35 0:31 / /a rw - cgroup",
            "36 35 0:31 / /a rw - cgroup cgroup",
            "36 35 0:31 / - cgroup cgroup rw",
            "36 35 0:31 a /b rw - cgroup cgroup rw",
            "36 35 0:31 /a b rw - cgroup cgroup rw",
            "36 35 0:31 / /a rw cgroup cgroup rw",
        ] {
            assert_eq!(parsed(line), None, "{line}");
        }
    }

    #[test]
    fn controllers_are_whole_words() {
        let mut line = Vec::from("1 2 0:3 / /c rw - cgroup cgroup rw,cpuacct,name=memory");
        let mount = Mount::parse(&mut line).unwrap();
        assert!(mount.has(b"cpuacct"));
        assert!(!mount.has(b"cpu"));
        assert!(!mount.has(b"memory"));
    }

    #[test]
    fn a_group_is_seen_below_the_mounts_root() {
        assert_eq!(below("/", "/"), Some(""));
        assert_eq!(below("/", "/a/b"), Some("/a/b"));
        assert_eq!(below("/a", "/a"), Some(""));
        assert_eq!(below("/a", "/a/b"), Some("/b"));
        assert_eq!(below("/../x", "/../x/b"), Some("/b"));
        for (root, group) in [("/a", "/"), ("/a", "/ab"), ("/a/b", "/a"), ("/", "/../x")] {
            assert_eq!(below(root, group), None, "{group} in {root}");
        }
    }

    #[test]
    fn a_root_of_nothing_but_parents_is_above_the_namespace() {
        let is_above = |root: &'static str| {
            let mount = Mount { root: root.as_bytes(), point: b"/", kind: b"cgroup", options: b"" };
            mount.is_above_namespace()
        };
        assert!(is_above("/..") && is_above("/../.."));
        assert!(!is_above("/") && !is_above("/../a") && !is_above("/a") && !is_above("/..."));
    }
}
