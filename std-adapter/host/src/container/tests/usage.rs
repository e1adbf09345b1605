//! How near the limit is.

use super::made::Made;
use crate::container::Usage;

const MOUNT: &str = "33 30 0:29 / /sys/fs/cgroup/memory rw - cgroup cgroup rw,memory\n";

#[test]
fn the_group_with_the_least_room_counts() {
    let made = Made::unified("/a/b");
    made.files("sys/fs/cgroup/a/b", &[("memory.max", "1000"), ("memory.current", "100")]);
    // A larger limit, but neighbours use it up.
    made.files("sys/fs/cgroup/a", &[("memory.max", "5000"), ("memory.current", "4900")]);
    made.files("sys/fs/cgroup", &[("memory.max", "max"), ("memory.current", "90000")]);
    let usage = made.usage().unwrap();
    assert_eq!(usage, Usage { limit: 5000, current: 4900, inactive_file: 0 });
    assert_eq!(usage.headroom(), 100);
    made.files("sys/fs/cgroup/a", &[("memory.current", "200")]);
    assert_eq!(made.usage(), Some(Usage { limit: 1000, current: 100, inactive_file: 0 }));
}

#[test]
fn in_v2_high_counts_too() {
    let made = Made::unified("/a");
    made.files("sys/fs/cgroup/a", &[("memory.high", "800"), ("memory.current", "300")]);
    assert_eq!(made.usage().map(|usage| usage.headroom()), Some(500));
    made.files("sys/fs/cgroup/a", &[("memory.max", "700")]);
    assert_eq!(made.usage().map(|usage| usage.headroom()), Some(400));
    made.files("sys/fs/cgroup/a", &[("memory.max", "900")]);
    assert_eq!(made.usage().map(|usage| usage.headroom()), Some(500));
}

#[test]
fn in_v1_the_soft_limit_does_not() {
    let made = Made::with("5:memory:/a\n", MOUNT);
    let folder = "sys/fs/cgroup/memory/a";
    made.files(folder, &[("memory.soft_limit_in_bytes", "500"), ("memory.usage_in_bytes", "600")]);
    assert_eq!(made.usage(), None);
    made.files(folder, &[("memory.limit_in_bytes", "1000")]);
    assert_eq!(made.usage(), Some(Usage { limit: 1000, current: 600, inactive_file: 0 }));
}

#[test]
fn files_not_used_lately_make_room() {
    let stat = "anon 100\nfile 500\ninactive_anon 3\ninactive_file 200\nactive_file 300";
    let made = Made::unified("/a");
    made.files(
        "sys/fs/cgroup/a",
        &[("memory.max", "1000"), ("memory.current", "900"), ("memory.stat", stat)],
    );
    let usage = made.usage().unwrap();
    assert_eq!(usage, Usage { limit: 1000, current: 900, inactive_file: 200 });
    assert_eq!(usage.headroom(), 300);

    let stat = "inactive_file 1\ntotal_cache 5\ntotal_inactive_file 200";
    let made = Made::with("5:memory:/a\n", MOUNT);
    made.files(
        "sys/fs/cgroup/memory/a",
        &[
            ("memory.limit_in_bytes", "1000"),
            ("memory.usage_in_bytes", "900"),
            ("memory.stat", stat),
        ],
    );
    assert_eq!(made.usage(), Some(usage));
}

#[test]
fn a_group_that_does_not_tell_is_passed_over() {
    let made = Made::unified("/a/b");
    made.files("sys/fs/cgroup/a/b", &[("memory.max", "1000")]);
    assert_eq!(made.usage(), None);
    for text in ["", "max", "-1", "900 x"] {
        made.files("sys/fs/cgroup/a/b", &[("memory.current", text)]);
        assert_eq!(made.usage(), None, "{text:?}");
    }
    made.files("sys/fs/cgroup/a", &[("memory.max", "5000"), ("memory.current", "1000")]);
    assert_eq!(made.usage().map(|usage| usage.headroom()), Some(4000));
    made.files("sys/fs/cgroup/a", &[("memory.stat", "inactive_file x")]);
    assert_eq!(made.usage().map(|usage| usage.inactive_file), Some(0));
}

#[test]
fn headroom_does_not_wrap() {
    let headroom =
        |limit, current, inactive_file| Usage { limit, current, inactive_file }.headroom();
    assert_eq!(headroom(0, 0, 0), 0);
    assert_eq!(headroom(100, 200, 50), 0);
    assert_eq!(headroom(100, 50, 80), 100);
    assert_eq!(headroom(100, u64::MAX, 0), 0);
}
