//! Memory pressure.

use super::made::{Made, UNIFIED_MOUNT};
use crate::container::Pressure;
use std::format;
use std::os::unix::fs::symlink;

fn text(some: &str, full: &str) -> std::string::String {
    let rest = "avg60=5.00 avg300=6.00 total=123456";
    format!("some avg10={some} {rest}\nfull avg10={full} {rest}\n")
}

#[test]
fn the_groups_own_pressure_comes_first() {
    let made = Made::unified("/a/b");
    assert_eq!(made.pressure(), None);
    made.file("proc/pressure/memory", text("1.05", "0.40"));
    assert_eq!(made.pressure(), Some(Pressure { some_avg10: 105, full_avg10: 40 }));
    // That of a group above is no better than the machine's.
    made.file("sys/fs/cgroup/a/memory.pressure", text("9.00", "9.00"));
    assert_eq!(made.pressure(), Some(Pressure { some_avg10: 105, full_avg10: 40 }));
    made.file("sys/fs/cgroup/a/b/memory.pressure", text("100.00", "99.99"));
    assert_eq!(made.pressure(), Some(Pressure { some_avg10: 10_000, full_avg10: 9_999 }));
}

#[test]
fn v2_has_it_even_where_v1_limits_memory() {
    let mounts = format!(
        "33 30 0:29 / /sys/fs/cgroup/memory rw - cgroup cgroup rw,memory\n{}\n",
        UNIFIED_MOUNT.replace("/sys/fs/cgroup", "/sys/fs/cgroup/unified"),
    );
    let made = Made::with("5:memory:/m\n0::/u\n", &mounts);
    made.file("sys/fs/cgroup/unified/u/memory.pressure", text("2.00", "1.00"));
    assert_eq!(made.pressure(), Some(Pressure { some_avg10: 200, full_avg10: 100 }));
}

#[test]
fn with_v1_alone_it_is_the_machines() {
    let mount = "33 30 0:29 / /sys/fs/cgroup/memory rw - cgroup cgroup rw,memory\n";
    let made = Made::with("5:memory:/m\n", mount);
    assert_eq!(made.pressure(), None);
    made.file("proc/pressure/memory", text("3.00", "2.00"));
    assert_eq!(made.pressure(), Some(Pressure { some_avg10: 300, full_avg10: 200 }));
}

#[test]
fn what_cannot_be_read_is_none_and_leaves_the_other() {
    let made = Made::unified("/a");
    made.file("proc/pressure/memory", text("1.00", "0.00"));
    let machine = Some(Pressure { some_avg10: 100, full_avg10: 0 });
    let own = "sys/fs/cgroup/a/memory.pressure";
    let broken = [
        "",
        "some",
        "some avg10=1.00\n",
        "full avg10=1.00\n",
        "some avg60=1.00\nfull avg60=1.00\n",
        "some avg10=1.00 x\nfull avg10=\n",
        "some avg10=-1.00\nfull avg10=0.00\n",
        "some avg10=101.00\nfull avg10=0.00\n",
        "some avg10=1\nfull avg10=0\n",
        "something avg10=1.00\nfullavg10=0.00\n",
    ];
    for text in broken {
        made.file(own, text);
        assert_eq!(made.pressure(), machine, "{text:?}");
    }
    made.without(own);
    // It opens, and fails when read, as the kernel's own does where it was told not to measure.
    symlink("/proc/self/mem", made.path(own)).unwrap();
    assert_eq!(made.pressure(), machine);
    for text in broken {
        made.file("proc/pressure/memory", text);
        assert_eq!(made.pressure(), None, "{text:?}");
    }
}
