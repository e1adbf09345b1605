//! Where a group is found.

use super::made::{Made, UNIFIED_MOUNT, max};
use crate::container::Limits;
use std::format;
use std::string::String;

const SHARED: &str = "33 30 0:29 /docker/abc /sys/fs/cgroup/memory ro - cgroup cgroup rw,memory\n";

#[test]
fn a_mount_of_the_group_itself() {
    // A container without a namespace of its own: outer names, and a mount of one group.
    let made = Made::with("5:memory:/docker/abc\n", SHARED);
    made.files("sys/fs/cgroup/memory", &[("memory.limit_in_bytes", "9000")]);
    made.files("sys/fs/cgroup/memory/docker/abc", &[("memory.limit_in_bytes", "1")]);
    assert_eq!(made.limits(), max(9000));
}

#[test]
fn a_group_below_that_of_the_mount() {
    let made = Made::with("5:memory:/docker/abc/d/e\n", SHARED);
    made.files("sys/fs/cgroup/memory/d/e", &[("memory.limit_in_bytes", "9000")]);
    assert_eq!(made.limits(), max(9000));
    made.files("sys/fs/cgroup/memory", &[("memory.limit_in_bytes", "8000")]);
    assert_eq!(made.limits(), max(8000));
}

#[test]
fn a_mount_that_does_not_hold_the_group_says_nothing() {
    for group in ["/docker/abcd", "/docker", "/", "/other", "/../docker/abc"] {
        let made = Made::with(&format!("5:memory:{group}\n"), SHARED);
        made.files("sys/fs/cgroup/memory", &[("memory.limit_in_bytes", "9000")]);
        assert_eq!(made.limits(), Limits::default(), "{group}");
    }
}

#[test]
fn a_group_outside_the_namespace() {
    // The process was moved out; what it sees is not above it.
    let made = Made::with("0::/../other\n", UNIFIED_MOUNT);
    made.files("sys/fs/cgroup", &[("memory.max", "1")]);
    made.files("sys/fs/other", &[("memory.max", "2")]);
    assert_eq!(made.limits(), Limits::default());
    // The mount is one level up, too: then it can be found.
    made.file("proc/self/mountinfo", UNIFIED_MOUNT.replace(" / ", " /.. "));
    made.files("sys/fs/cgroup/other", &[("memory.max", "9000")]);
    assert_eq!(made.limits().memory_max, Some(1));
    made.files("sys/fs/cgroup", &[("memory.max", "max")]);
    assert_eq!(made.limits(), max(9000));
}

#[test]
fn a_mount_from_above_the_namespace_binds_by_its_own_limit() {
    let made = Made::with("0::/a\n", &UNIFIED_MOUNT.replace(" / ", " /../.. "));
    made.files("sys/fs/cgroup", &[("memory.max", "9000")]);
    made.files("sys/fs/cgroup/a", &[("memory.max", "1")]);
    assert_eq!(made.limits(), max(9000));
}

#[test]
fn the_mount_that_shows_most_counts() {
    let part = "40 23 0:26 /a /mnt/part rw - cgroup2 cgroup2 rw";
    let above = "41 23 0:26 /.. /mnt/above rw - cgroup2 cgroup2 rw";
    let foreign = "42 23 0:26 /b /mnt/foreign rw - cgroup2 cgroup2 rw";
    let mut lines = [part, UNIFIED_MOUNT, above, foreign];
    for _ in 0..lines.len() {
        lines.rotate_left(1);
        let made = Made::with("0::/a/c\n", &lines.join("\n"));
        made.files("sys/fs/cgroup/a", &[("memory.max", "9000")]);
        made.files("mnt/part/c", &[("memory.max", "1")]);
        made.files("mnt/above", &[("memory.max", "2")]);
        made.files("mnt/foreign", &[("memory.max", "3")]);
        assert_eq!(made.limits(), max(9000), "{lines:?}");
    }
}

#[test]
fn of_equal_mounts_the_last_counts() {
    let first = "40 23 0:26 / /mnt/first rw - cgroup2 cgroup2 rw\n";
    let made = Made::with("0::/a\n", &(String::from(first) + UNIFIED_MOUNT));
    made.files("mnt/first/a", &[("memory.max", "1")]);
    made.files("sys/fs/cgroup/a", &[("memory.max", "9000")]);
    assert_eq!(made.limits(), max(9000));
}

#[test]
fn names_with_blanks() {
    let mount = r"40 23 0:26 /a\040b /mnt/c\040d rw - cgroup2 cgroup2 rw";
    let made = Made::with("0::/a b/e f\n", mount);
    made.files("mnt/c d/e f", &[("memory.max", "9000")]);
    assert_eq!(made.limits(), max(9000));
}

#[test]
fn names_with_colons() {
    let made = Made::unified("/a:b/c");
    made.files("sys/fs/cgroup/a:b/c", &[("memory.max", "9000")]);
    assert_eq!(made.limits(), max(9000));
}

#[test]
fn a_long_list_of_mounts() {
    let other = "36 35 98:0 /mnt1 /mnt2 rw,noatime master:1 - ext3 /dev/root rw,errors=continue\n";
    let layers = "lowerdir=/layer:".repeat(1000);
    let overlay = format!("50 20 0:50 / / rw - overlay overlay rw,{layers}\n");
    let many = other.repeat(500);
    let made = Made::with("0::/a\n", &[&many, &overlay, UNIFIED_MOUNT, "\n", &overlay].concat());
    made.files("sys/fs/cgroup/a", &[("memory.max", "9000")]);
    assert_eq!(made.limits(), max(9000));
}

#[test]
fn without_a_list_of_mounts_the_usual_place() {
    let made = Made::with("0::/a\n", "");
    made.files("sys/fs/cgroup/a", &[("memory.max", "9000"), ("cpu.max", "10000 100000")]);
    let expected = Limits { cpus_milli: Some(100), ..max(9000) };
    assert_eq!(made.limits(), expected);
    made.without("proc/self/mountinfo");
    assert_eq!(made.limits(), expected);

    let made = Made::with("5:memory:/a\n4:cpu:/b\n", "");
    made.files("sys/fs/cgroup/memory/a", &[("memory.limit_in_bytes", "9000")]);
    made.files(
        "sys/fs/cgroup/cpu/b",
        &[("cpu.cfs_quota_us", "10000"), ("cpu.cfs_period_us", "100000")],
    );
    assert_eq!(made.limits(), expected);
}

#[test]
fn without_proc_the_usual_place_itself() {
    let made = Made::new();
    assert_eq!(made.limits(), Limits::default());
    made.files("sys/fs/cgroup/memory", &[("memory.limit_in_bytes", "9000")]);
    assert_eq!(made.limits(), max(9000));
    made.files("sys/fs/cgroup", &[("cgroup.controllers", "cpu memory"), ("memory.max", "8000")]);
    assert_eq!(made.limits(), max(8000));
}

#[test]
fn a_path_that_does_not_fit_is_not_followed() {
    let long = "/x".repeat(600);
    let made = Made::unified(&long);
    made.files("sys/fs/cgroup/x", &[("memory.max", "1")]);
    assert_eq!(made.limits(), Limits::default());
    // Nor does it get in the way of another mount.
    let mounts = format!("{UNIFIED_MOUNT}\n40 23 0:26 / {long} rw - cgroup2 cgroup2 rw\n");
    let made = Made::with("0::/a\n", &mounts);
    made.files("sys/fs/cgroup/a", &[("memory.max", "9000")]);
    assert_eq!(made.limits(), max(9000));
}
