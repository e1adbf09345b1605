//! The control group that the process is in, and those above it.

use super::files::{Path, each_line, read_small};
use super::mount::Mount;
use super::number::decimal;
use super::root::Root;

/// Bytes that a control file has at most: figures, or a few lines of them.
pub(super) const FILE: usize = 512;

/// Which hierarchy is asked about.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(super) enum Hierarchy {
    /// The one that limits memory.
    Memory,
    /// The one that limits CPU time.
    Cpu,
    /// The only one of v2, whatever it limits.
    Unified,
}

impl Hierarchy {
    /// Its controller in v1.
    fn controller(self) -> Option<&'static [u8]> {
        match self {
            Self::Memory => Some(b"memory"),
            Self::Cpu => Some(b"cpu"),
            Self::Unified => None,
        }
    }
}

/// How the files of a group are called.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(super) enum Version {
    V1,
    V2,
}

/// The folder of a group, and the way up to its mount.
pub(super) struct Group {
    pub(super) version: Version,
    path: Path,
    /// Bytes of the mount's own path.
    top: usize,
    /// Whether `path` has been shortened.
    is_above: bool,
}

impl Group {
    /// The group of the process in a hierarchy. `None`: it is in none, or in one that cannot be
    /// seen.
    pub(super) fn find(root: &Root, hierarchy: Hierarchy) -> Option<Self> {
        match own(root, hierarchy) {
            Some((version, name)) => {
                let controller = hierarchy.controller().filter(|_| version == Version::V1);
                mounted(root, version, controller, name.as_bytes())
            }
            None => unnamed(root, hierarchy),
        }
    }

    /// Goes to the group above. `false`: the mount ends here.
    pub(super) fn up(&mut self) -> bool {
        let below = self.path.as_bytes().get(self.top..).unwrap_or_default();
        let Some(slash) = below.iter().rposition(|&byte| byte == b'/') else {
            return false;
        };
        self.path.cut(self.top + slash);
        self.is_above = true;
        true
    }

    /// Whether the limits of the group hold for the process: those of groups above hold unless, in
    /// v1, they say that they leave alone what is below them.
    pub(super) fn binds(&mut self) -> bool {
        let asks = self.is_above && self.version == Version::V1;
        !asks || self.figure(b"/memory.use_hierarchy") != Some(0)
    }

    /// The figure that is all of a file's text.
    pub(super) fn figure(&mut self, name: &[u8]) -> Option<u64> {
        self.with(name, |path| decimal(read_small(path, &mut [0; FILE])?))?
    }

    /// Calls `then` with the text of one of the group's files. `None`: no such file.
    pub(super) fn text<T>(&mut self, name: &[u8], then: impl FnOnce(&[u8]) -> T) -> Option<T> {
        self.with(name, |path| Some(then(read_small(path, &mut [0; FILE])?)))?
    }

    /// Calls `visit` with each line of one of the group's files.
    pub(super) fn lines(&mut self, name: &[u8], visit: impl FnMut(&mut [u8])) {
        self.with(name, |path| each_line(path, visit));
    }

    fn with<T>(&mut self, name: &[u8], then: impl FnOnce(&Path) -> T) -> Option<T> {
        let len = self.path.as_bytes().len();
        if !self.path.push(name) {
            return None;
        }
        let result = then(&self.path);
        self.path.cut(len);
        Some(result)
    }
}

/// What `/proc/self/cgroup` calls the process's group: a line of v1 that has the controller, else
/// the line of v2. An own function, so that its buffers are gone when the mounts are read.
#[inline(never)]
fn own(root: &Root, hierarchy: Hierarchy) -> Option<(Version, Path)> {
    let mut name = Path::new();
    let mut version = None;
    each_line(&Path::below(root, b"/proc/self/cgroup"), |line| {
        let mut fields = line.splitn(3, |&byte| byte == b':');
        let (Some(number), Some(controllers), Some(path)) =
            (fields.next(), fields.next(), fields.next())
        else {
            return;
        };
        let is_listed = hierarchy.controller().is_some_and(|controller| {
            controllers.split(|&byte| byte == b',').any(|listed| listed == controller)
        });
        let found = match (number, controllers) {
            _ if is_listed => Version::V1,
            (b"0", b"") if version.is_none() => Version::V2,
            _ => return,
        };
        if path.starts_with(b"/") {
            name.cut(0);
            version = name.push(path).then_some(found);
        }
    });
    version.map(|version| (version, name))
}

/// Where a group can be seen. Of several mounts the one that shows most groups above counts, and of
/// equal ones the last, which may hide the others.
#[inline(never)]
fn mounted(root: &Root, version: Version, controller: Option<&[u8]>, name: &[u8]) -> Option<Group> {
    let mut path = Path::new();
    let mut best: Option<(usize, usize)> = None;
    let mut is_listed = false;
    each_line(&Path::below(root, b"/proc/self/mountinfo"), |line| {
        let Some(mount) = Mount::parse(line) else {
            return;
        };
        let is_kind = match controller {
            None => mount.kind == b"cgroup2",
            Some(controller) => mount.kind == b"cgroup" && mount.has(controller),
        };
        if !is_kind {
            return;
        }
        is_listed = true;
        let (rank, below) = match mount.below(name) {
            Some(below) => (mount.root.len(), below),
            None if mount.is_above_namespace() => (usize::MAX, &[][..]),
            None => return,
        };
        if best.is_none_or(|(least, _)| rank <= least) {
            best = place(&mut path, root, mount.point, below).map(|top| (rank, top)).or(best);
        }
    });
    if !is_listed {
        // A sandbox may show groups without listing the mount: the usual place, as if all of the
        // hierarchy stood there.
        let whole = Mount::whole(usual(controller));
        best = whole
            .below(name)
            .and_then(|below| place(&mut path, root, whole.point, below).map(|top| (0, top)));
    }
    best.map(|(_, top)| Group { version, path, top, is_above: false })
}

/// The group at the usual place, where `/proc/self/cgroup` has no answer: a container without
/// `proc` still sees its own group there.
fn unnamed(root: &Root, hierarchy: Hierarchy) -> Option<Group> {
    let at = |version, point: &[u8]| {
        let mut path = Path::new();
        let top = place(&mut path, root, point, b"")?;
        Some(Group { version, path, top, is_above: false })
    };
    let mut unified = at(Version::V2, usual(None))?;
    // Every group of v2 has this file, and none of v1.
    if unified.text(b"/cgroup.controllers", |_| ()).is_some() {
        return Some(unified);
    }
    hierarchy.controller().and_then(|controller| at(Version::V1, usual(Some(controller))))
}

/// Where a hierarchy is mounted on most machines.
fn usual(controller: Option<&[u8]>) -> &'static [u8] {
    match controller {
        None => b"/sys/fs/cgroup",
        Some(b"memory") => b"/sys/fs/cgroup/memory",
        Some(_) => b"/sys/fs/cgroup/cpu",
    }
}

/// Makes `path` that of a group, and says how much of it is the mount's. `None`, and `path` as it
/// was: it does not fit.
fn place(path: &mut Path, root: &Root, point: &[u8], below: &[u8]) -> Option<usize> {
    let parts = [root.as_bytes(), point.strip_suffix(b"/").unwrap_or(point), below];
    let mut whole = Path::new();
    let mut top = 0;
    for part in parts {
        top = whole.as_bytes().len();
        if !whole.push(part) {
            return None;
        }
    }
    *path = whole;
    Some(top)
}
