//! Limits of v1, alone and beside v2.

use super::made::{Made, max};
use crate::container::Limits;
use std::string::{String, ToString};

const GROUPS: &str = "\
12:pids:/docker/abc
5:memory:/docker/abc
4:cpu,cpuacct:/docker/abc
1:name=systemd:/docker/abc
";
const MOUNTS: &str = "\
25 20 0:22 / /sys rw - sysfs sysfs rw
30 25 0:26 / /sys/fs/cgroup ro - tmpfs tmpfs ro,mode=755
31 30 0:27 / /sys/fs/cgroup/systemd rw - cgroup cgroup rw,xattr,name=systemd
32 30 0:28 / /sys/fs/cgroup/cpu,cpuacct rw shared:9 - cgroup cgroup rw,cpu,cpuacct
33 30 0:29 / /sys/fs/cgroup/memory rw shared:10 - cgroup cgroup rw,memory
";
const MEMORY: &str = "sys/fs/cgroup/memory/docker/abc";
const CPU: &str = "sys/fs/cgroup/cpu,cpuacct/docker/abc";

fn made() -> Made {
    Made::with(GROUPS, MOUNTS)
}

#[test]
fn reads_every_limit() {
    let made = made();
    made.files(
        MEMORY,
        &[("memory.limit_in_bytes", "1073741824"), ("memory.soft_limit_in_bytes", "805306368")],
    );
    made.files(CPU, &[("cpu.cfs_quota_us", "250000"), ("cpu.cfs_period_us", "100000")]);
    let expected =
        Limits { memory_max: Some(1 << 30), memory_high: Some(768 << 20), cpus_milli: Some(2500) };
    assert_eq!(made.limits(), expected);
}

#[test]
fn the_largest_figures_and_minus_one_are_no_limit() {
    for page in [4096, 16384, 65536, 1] {
        let none = (i64::MAX as u64 / page * page).to_string();
        let made = made();
        made.files(
            MEMORY,
            &[("memory.limit_in_bytes", &none), ("memory.soft_limit_in_bytes", &none)],
        );
        made.files(CPU, &[("cpu.cfs_quota_us", "-1"), ("cpu.cfs_period_us", "100000")]);
        assert_eq!(made.limits(), Limits::default(), "{none}");
    }
    let most = 1 << 62;
    let made = made();
    made.files(MEMORY, &[("memory.limit_in_bytes", &most.to_string())]);
    assert_eq!(made.limits(), max(most));
}

#[test]
fn a_limit_of_0_is_a_limit() {
    let made = made();
    made.files(MEMORY, &[("memory.limit_in_bytes", "0")]);
    assert_eq!(made.limits(), max(0));
}

#[test]
fn the_smallest_limit_on_the_way_up_counts() {
    let made = made();
    made.files(MEMORY, &[("memory.limit_in_bytes", "9000")]);
    made.files("sys/fs/cgroup/memory/docker", &[("memory.limit_in_bytes", "8000")]);
    made.files("sys/fs/cgroup/memory", &[("memory.limit_in_bytes", "9223372036854771712")]);
    made.files(CPU, &[("cpu.cfs_quota_us", "-1"), ("cpu.cfs_period_us", "100000")]);
    made.files(
        "sys/fs/cgroup/cpu,cpuacct/docker",
        &[("cpu.cfs_quota_us", "75000"), ("cpu.cfs_period_us", "50000")],
    );
    assert_eq!(made.limits(), Limits { cpus_milli: Some(1500), ..max(8000) });
}

#[test]
fn a_group_above_that_leaves_those_below_alone_does_not_count() {
    let made = made();
    made.files(MEMORY, &[("memory.limit_in_bytes", "9000"), ("memory.use_hierarchy", "0")]);
    let above = "sys/fs/cgroup/memory/docker";
    made.files(above, &[("memory.limit_in_bytes", "8000"), ("memory.use_hierarchy", "0")]);
    assert_eq!(made.limits(), max(9000));
    made.files(above, &[("memory.use_hierarchy", "1")]);
    assert_eq!(made.limits(), max(8000));
}

#[test]
fn other_hierarchies_do_not_count() {
    let made = made();
    made.files("sys/fs/cgroup/systemd/docker/abc", &[("memory.limit_in_bytes", "1")]);
    made.files("sys/fs/cgroup/docker/abc", &[("memory.max", "2")]);
    made.files(MEMORY, &[("memory.max", "3"), ("cpu.max", "4 5")]);
    assert_eq!(made.limits(), Limits::default());
}

#[test]
fn a_controller_is_where_its_line_says_on_a_machine_with_both() {
    let unified = "34 30 0:30 / /sys/fs/cgroup/unified rw - cgroup2 cgroup2 rw\n";
    // Memory in v1, CPU in v2.
    let made = Made::with("5:memory:/m\n0::/u\n", &(String::from(MOUNTS) + unified));
    made.files("sys/fs/cgroup/memory/m", &[("memory.limit_in_bytes", "9000")]);
    made.files("sys/fs/cgroup/unified/u", &[("memory.max", "1"), ("cpu.max", "30000 100000")]);
    made.files(
        "sys/fs/cgroup/cpu,cpuacct",
        &[("cpu.cfs_quota_us", "1000"), ("cpu.cfs_period_us", "100000")],
    );
    let expected = Limits { cpus_milli: Some(300), ..max(9000) };
    assert_eq!(made.limits(), expected);
    // The order of the lines is no matter.
    made.file("proc/self/cgroup", "0::/u\n5:memory:/m\n");
    assert_eq!(made.limits(), expected);
}
