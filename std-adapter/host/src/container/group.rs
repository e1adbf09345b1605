//! The control group that the process is in, and those above it.
//!
//! Functions that hold a buffer are not inlined, so that no two buffers for lines, or for a file's
//! text, are on the stack together.

use super::files::{Path, each_line, open, read_whole};
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
    /// No group yet; to be kept in one place, for it is large to move.
    pub(super) const fn new() -> Self {
        Self { version: Version::V2, path: Path::new(), top: 0, is_above: false }
    }

    /// Goes to the group of the process in a hierarchy. `false`: it is in none, or in one that
    /// cannot be seen.
    #[inline(never)]
    pub(super) fn find(&mut self, root: &Root, hierarchy: Hierarchy) -> bool {
        self.is_above = false;
        let mut name = Path::new();
        match own(root, hierarchy, &mut name) {
            Some(version) => {
                self.version = version;
                let controller = hierarchy.controller().filter(|_| version == Version::V1);
                self.mount(root, controller, name.as_bytes())
            }
            None => self.guess(root, hierarchy),
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
    #[inline(never)]
    pub(super) fn figure(&mut self, name: &[u8]) -> Option<u64> {
        self.with(name, |path| decimal(read_whole(open(path)?, &mut [0; FILE])?))?
    }

    /// Calls `then` with the text of one of the group's files. `None`: no such file.
    #[inline(never)]
    pub(super) fn text<T>(&mut self, name: &[u8], then: impl FnOnce(&[u8]) -> T) -> Option<T> {
        self.with(name, |path| Some(then(read_whole(open(path)?, &mut [0; FILE])?)))?
    }

    /// Calls `visit` with each line of one of the group's files.
    #[inline(never)]
    pub(super) fn lines(&mut self, name: &[u8], visit: impl FnMut(&mut [u8])) {
        if let Some(file) = self.with(name, open).flatten() {
            each_line(file, visit);
        }
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

    /// Goes to where the group `name` can be seen. Of several mounts the one that shows most groups
    /// above counts, and of equal ones the last, which may hide the others. `false`: nowhere.
    #[inline(never)]
    fn mount(&mut self, root: &Root, controller: Option<&[u8]>, name: &[u8]) -> bool {
        self.path.set(&[root.as_bytes(), b"/proc/self/mountinfo"]);
        let file = open(&self.path);
        let mut best = None;
        let mut is_listed = false;
        let visit = |line: &mut [u8]| {
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
            if best.is_none_or(|least| rank <= least) && self.go(root, mount.point, below) {
                best = Some(rank);
            }
        };
        if let Some(file) = file {
            each_line(file, visit);
        }
        if is_listed {
            return best.is_some();
        }
        // A sandbox may show groups without listing the mount: the usual place, as if all of the
        // hierarchy stood there.
        let whole = Mount::whole(usual(controller));
        whole.below(name).is_some_and(|below| self.go(root, whole.point, below))
    }

    /// Goes to the usual place itself, where `/proc/self/cgroup` has no answer: a container without
    /// `proc` still sees its own group there. `false`: v2 is asked for, and is not there.
    #[inline(never)]
    fn guess(&mut self, root: &Root, hierarchy: Hierarchy) -> bool {
        self.version = Version::V2;
        // Every group of v2 has this file, and none of v1.
        let unified = self.go(root, usual(None), b"");
        if unified && self.text(b"/cgroup.controllers", |_| ()).is_some() {
            return true;
        }
        self.version = Version::V1;
        hierarchy.controller().is_some_and(|name| self.go(root, usual(Some(name)), b""))
    }

    /// Goes to the group `below` a mount's point. `false`, and where it was: the path is too long.
    fn go(&mut self, root: &Root, point: &[u8], below: &[u8]) -> bool {
        let root = root.as_bytes();
        let fits = self.path.set(&[root, point, below]);
        if fits {
            self.top = root.len() + point.len();
        }
        fits
    }
}

/// Stores what `/proc/self/cgroup` calls the process's group, of a line of v1 that has the
/// controller, else of the line of v2.
#[inline(never)]
fn own(root: &Root, hierarchy: Hierarchy, name: &mut Path) -> Option<Version> {
    let mut version = None;
    name.set(&[root.as_bytes(), b"/proc/self/cgroup"]);
    let file = open(name)?;
    each_line(file, |line| {
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
            version = name.set(&[path]).then_some(found);
        }
    });
    version
}

/// Where a hierarchy is mounted on most machines.
fn usual(controller: Option<&[u8]>) -> &'static [u8] {
    match controller {
        None => b"/sys/fs/cgroup",
        Some(b"memory") => b"/sys/fs/cgroup/memory",
        Some(_) => b"/sys/fs/cgroup/cpu",
    }
}
