//! Files that hold no limit: a limit that cannot be read is none, and takes no other one away.

use super::made::Made;
use crate::container::Limits;
use std::ffi::CString;
use std::fs::{self, Permissions};
use std::os::unix::ffi::OsStrExt;
use std::os::unix::fs::{PermissionsExt, symlink};

const FILE: &str = "sys/fs/cgroup/a/memory.max";

/// A root with every other limit set, and what is read when memory's is not.
fn made() -> (Made, Limits) {
    let made = Made::unified("/a");
    made.files("sys/fs/cgroup/a", &[("memory.high", "5000"), ("cpu.max", "100000 100000")]);
    let rest = Limits { memory_max: None, memory_high: Some(5000), cpus_milli: Some(1000) };
    assert_eq!(made.limits(), rest);
    made.file(FILE, "9000");
    assert_eq!(made.limits(), Limits { memory_max: Some(9000), ..rest });
    (made, rest)
}

#[test]
fn garbage() {
    let (made, rest) = made();
    for text in [
        "",
        "\n",
        "max",
        "maximum",
        "-1\n",
        "-9000",
        "+9000",
        "9000 x\n",
        "9000x",
        "x9000",
        "9000\n9000\n",
        "9000\0",
        "\09000",
        "0x2000",
        "9e3",
        "9000.0",
        "9,000",
        "18446744073709551616",
        "99999999999999999999999999",
        "\u{ff19}000",
    ] {
        made.file(FILE, text);
        assert_eq!(made.limits(), rest, "{text:?}");
    }
    made.file(FILE, [0xff; 16]);
    assert_eq!(made.limits(), rest);
}

#[test]
fn longer_than_any_such_file() {
    let (made, rest) = made();
    for len in [500, 512, 513, 5000] {
        made.file(FILE, "9".repeat(len));
        assert_eq!(made.limits(), rest, "{len}");
    }
}

#[test]
fn blanks_around_the_figure_are_fine() {
    let (made, rest) = made();
    for text in ["9000", " 9000\n", "9000\r\n", "0009000\n\n"] {
        made.file(FILE, text);
        assert_eq!(made.limits(), Limits { memory_max: Some(9000), ..rest }, "{text:?}");
    }
}

#[test]
fn missing() {
    let (made, rest) = made();
    made.without(FILE);
    assert_eq!(made.limits(), rest);
}

#[test]
fn a_folder_in_place_of_the_file() {
    let (made, rest) = made();
    made.without(FILE);
    fs::create_dir(made.path(FILE)).unwrap();
    assert_eq!(made.limits(), rest);
}

#[test]
fn a_file_in_place_of_the_folder() {
    let made = Made::unified("/a/b");
    made.file("sys/fs/cgroup/a", "9000");
    assert_eq!(made.limits(), Limits::default());
}

#[test]
fn not_readable() {
    let (made, rest) = made();
    let path = made.path(FILE);
    fs::set_permissions(&path, Permissions::from_mode(0o000)).unwrap();
    // The superuser reads it all the same.
    if fs::read(&path).is_err() {
        assert_eq!(made.limits(), rest);
    }
    // These fail for everybody, when opened and when read.
    for target in ["memory.max", "/proc/self/mem", "nowhere"] {
        made.without(FILE);
        symlink(target, &path).unwrap();
        assert!(fs::read(&path).is_err());
        assert_eq!(made.limits(), rest, "{target}");
    }
}

#[test]
fn a_pipe_that_nobody_writes_to_is_not_waited_for() {
    let (made, rest) = made();
    made.without(FILE);
    let path = CString::new(made.path(FILE).as_os_str().as_bytes()).unwrap();
    let kind = rustix::fs::FileType::Fifo;
    rustix::fs::mknodat(rustix::fs::CWD, path.as_c_str(), kind, 0o600.into(), 0).unwrap();
    assert_eq!(made.limits(), rest);
}

#[test]
fn a_file_without_end() {
    let (made, rest) = made();
    made.without(FILE);
    symlink("/dev/zero", made.path(FILE)).unwrap();
    assert_eq!(made.limits(), rest);
    for list in ["proc/self/cgroup", "proc/self/mountinfo"] {
        made.without(list);
        symlink("/dev/zero", made.path(list)).unwrap();
        made.limits();
    }
}

#[test]
fn a_broken_limit_leaves_those_above_in_force() {
    let made = Made::unified("/a/b");
    made.files("sys/fs/cgroup/a", &[("memory.max", "9000")]);
    made.files("sys/fs/cgroup/a/b", &[("memory.max", "10x")]);
    assert_eq!(made.memory_max(), Some(9000));
}

#[test]
fn lists_of_groups_that_name_none() {
    let (made, _) = made();
    for text in ["", "\n", "garbage", "0:/a", "0::a", "0::", "::/a", "1::/a", "0:x:/a", "00::/a"] {
        made.file("proc/self/cgroup", text);
        assert_eq!(made.limits(), Limits::default(), "{text:?}");
    }
}

#[test]
fn lists_of_mounts_that_show_none() {
    let (made, _) = made();
    for text in [
        "40 23 0:26 /b /sys/fs/cgroup rw - cgroup2 cgroup2 rw",
        "40 23 0:26 / /sys/fs rw - cgroup2 cgroup2 rw",
        "40 23 0:26 / /nowhere rw - cgroup2 cgroup2 rw",
    ] {
        made.file("proc/self/mountinfo", text);
        assert_eq!(made.limits(), Limits::default(), "{text:?}");
    }
}
