//! A folder that stands for a machine.

use crate::container::{Limits, Pressure, Root, Usage, pressure, read, usage};
use std::format;
use std::os::unix::ffi::OsStrExt;
use std::path::{Path, PathBuf};
use std::string::String;
use std::sync::atomic::{AtomicUsize, Ordering::Relaxed};
use std::{fs, process};

/// Where v2 is mounted.
pub(super) const UNIFIED: &str = "sys/fs/cgroup";
/// A line of `mountinfo` for it.
pub(super) const UNIFIED_MOUNT: &str =
    "30 23 0:26 / /sys/fs/cgroup rw,nosuid,nodev shared:4 - cgroup2 cgroup2 rw,nsdelegate";

/// A root in the folder for temporary files, removed at the end.
pub(super) struct Made {
    folder: PathBuf,
}

impl Made {
    /// An empty one.
    pub(super) fn new() -> Self {
        static COUNT: AtomicUsize = AtomicUsize::new(0);
        let name = format!("hakmem-root-{}-{}", process::id(), COUNT.fetch_add(1, Relaxed));
        let folder = std::env::temp_dir().join(name);
        fs::create_dir_all(&folder).expect("the folder for temporary files is writable");
        Self { folder }
    }

    /// One with v2 alone, and the process in `group`.
    pub(super) fn unified(group: &str) -> Self {
        Self::with(&format!("0::{group}\n"), UNIFIED_MOUNT)
    }

    /// One with the two lists of the process.
    pub(super) fn with(groups: &str, mounts: &str) -> Self {
        let made = Self::new();
        made.file("proc/self/cgroup", groups).file("proc/self/mountinfo", mounts);
        made
    }

    /// Where a file of the root is, its folders made.
    pub(super) fn path(&self, name: &str) -> PathBuf {
        let path = self.folder.join(name);
        fs::create_dir_all(path.parent().unwrap_or(Path::new("/"))).expect("writable");
        path
    }

    /// Writes a file.
    pub(super) fn file(&self, name: &str, text: impl AsRef<[u8]>) -> &Self {
        fs::write(self.path(name), text).expect("writable");
        self
    }

    /// Removes a file.
    pub(super) fn without(&self, name: &str) -> &Self {
        fs::remove_file(self.path(name)).expect("it is there");
        self
    }

    /// Writes files of one folder.
    pub(super) fn files(&self, folder: &str, files: &[(&str, &str)]) -> &Self {
        for (name, text) in files {
            self.file(&format!("{folder}/{name}"), String::from(*text) + "\n");
        }
        self
    }

    pub(super) fn root(&self) -> Root {
        Root::at(self.folder.as_os_str().as_bytes()).expect("not too long")
    }

    pub(super) fn limits(&self) -> Limits {
        read(&self.root())
    }

    pub(super) fn memory_max(&self) -> Option<u64> {
        self.limits().memory_max
    }

    pub(super) fn usage(&self) -> Option<Usage> {
        usage(&self.root())
    }

    pub(super) fn pressure(&self) -> Option<Pressure> {
        pressure(&self.root())
    }
}

impl Drop for Made {
    fn drop(&mut self) {
        // What is left is left among temporary files.
        let _ = fs::remove_dir_all(&self.folder);
    }
}

/// No limit but one of memory.
pub(super) fn max(bytes: u64) -> Limits {
    Limits { memory_max: Some(bytes), ..Limits::default() }
}
