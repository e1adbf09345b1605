//! Limits of v2.

use super::made::{Made, UNIFIED, max};
use crate::container::Limits;

#[test]
fn reads_every_limit() {
    let made = Made::unified("/a.slice/b.scope");
    made.files(
        "sys/fs/cgroup/a.slice/b.scope",
        &[("memory.max", "1073741824"), ("memory.high", "805306368"), ("cpu.max", "150000 100000")],
    );
    let expected =
        Limits { memory_max: Some(1 << 30), memory_high: Some(768 << 20), cpus_milli: Some(1500) };
    assert_eq!(made.limits(), expected);
}

#[test]
fn max_is_no_limit() {
    let made = Made::unified("/a");
    made.files(
        "sys/fs/cgroup/a",
        &[("memory.max", "max"), ("memory.high", "max"), ("cpu.max", "max 100000")],
    );
    assert_eq!(made.limits(), Limits::default());
}

#[test]
fn a_limit_of_0_is_a_limit() {
    let made = Made::unified("/a");
    made.files("sys/fs/cgroup/a", &[("memory.max", "0"), ("memory.high", "0")]);
    let expected = Limits { memory_max: Some(0), memory_high: Some(0), cpus_milli: None };
    assert_eq!(made.limits(), expected);
}

#[test]
fn the_smallest_limit_on_the_way_up_counts() {
    let folders = ["sys/fs/cgroup", "sys/fs/cgroup/a", "sys/fs/cgroup/a/b", "sys/fs/cgroup/a/b/c"];
    for smallest in folders {
        let made = Made::unified("/a/b/c");
        for folder in folders {
            let is_smallest = folder == smallest;
            let [memory, high] = if is_smallest { ["1000", "500"] } else { ["2000", "max"] };
            let cpu = if is_smallest { "50000 100000" } else { "80000 100000" };
            made.files(folder, &[("memory.max", memory), ("memory.high", high), ("cpu.max", cpu)]);
        }
        let expected =
            Limits { memory_max: Some(1000), memory_high: Some(500), cpus_milli: Some(500) };
        assert_eq!(made.limits(), expected, "{smallest}");
    }
}

#[test]
fn each_limit_may_come_from_another_group() {
    let made = Made::unified("/a/b");
    made.files("sys/fs/cgroup/a", &[("memory.max", "9000"), ("cpu.max", "100000 100000")]);
    made.files("sys/fs/cgroup/a/b", &[("memory.high", "4000"), ("cpu.max", "max 100000")]);
    let expected =
        Limits { memory_max: Some(9000), memory_high: Some(4000), cpus_milli: Some(1000) };
    assert_eq!(made.limits(), expected);
}

#[test]
fn groups_beside_the_way_do_not_count() {
    let made = Made::unified("/a/b");
    made.files("sys/fs/cgroup/a/b", &[("memory.max", "9000")]);
    made.files("sys/fs/cgroup/a/b/c", &[("memory.max", "1")]);
    made.files("sys/fs/cgroup/ab", &[("memory.max", "2")]);
    made.files("sys/fs", &[("memory.max", "3")]);
    assert_eq!(made.limits(), max(9000));
}

#[test]
fn a_namespace_of_its_own_shows_its_group_at_the_mount() {
    let made = Made::unified("/");
    made.files(UNIFIED, &[("memory.max", "7000"), ("cpu.max", "20000 100000")]);
    assert_eq!(made.limits(), Limits { cpus_milli: Some(200), ..max(7000) });
}

#[test]
fn the_next_call_sees_a_change() {
    let made = Made::unified("/a");
    made.files("sys/fs/cgroup/a", &[("memory.max", "9000")]);
    assert_eq!(made.limits(), max(9000));
    made.files("sys/fs/cgroup/a", &[("memory.max", "8000")]);
    assert_eq!(made.limits(), max(8000));
    made.file("proc/self/cgroup", "0::/b\n");
    assert_eq!(made.limits(), Limits::default());
}
