//! CPU quotas.

use super::made::Made;

fn v2(text: &str) -> Option<u32> {
    let made = Made::unified("/a");
    made.files("sys/fs/cgroup/a", &[("cpu.max", text)]);
    made.limits().cpus_milli
}

#[test]
fn thousandths_of_a_cpu_rounded_up() {
    assert_eq!(v2("100000 100000"), Some(1000));
    assert_eq!(v2("1000 1000000"), Some(1));
    assert_eq!(v2("1 1000000"), Some(1));
    assert_eq!(v2("1001 1000000"), Some(2));
    assert_eq!(v2("6400000 100000"), Some(64_000));
}

#[test]
fn an_impossible_quota_is_as_large_as_any() {
    assert_eq!(v2(&std::format!("{} 1", u64::MAX)), Some(u32::MAX));
}

#[test]
fn what_is_no_quota_is_no_limit() {
    for text in [
        "",
        "max",
        "100000",
        "0 100000",
        "100000 0",
        "-1 100000",
        "100000 -1",
        "100000 100000 1",
        "100000 x",
        "x 100000",
        "100000\n100000",
        "max max",
        " ",
    ] {
        assert_eq!(v2(text), None, "{text:?}");
    }
}

#[test]
fn in_v1_both_files_are_needed() {
    let mount = "32 30 0:28 / /sys/fs/cgroup/cpu rw - cgroup cgroup rw,cpu,cpuacct\n";
    let quota = |files: &[(&str, &str)]| {
        let made = Made::with("4:cpuacct,cpu:/a\n", mount);
        made.files("sys/fs/cgroup/cpu/a", files);
        made.limits().cpus_milli
    };
    let [whole, period] = [("cpu.cfs_quota_us", "40000"), ("cpu.cfs_period_us", "100000")];
    assert_eq!(quota(&[whole, period]), Some(400));
    assert_eq!(quota(&[whole]), None);
    assert_eq!(quota(&[period]), None);
    assert_eq!(quota(&[whole, ("cpu.cfs_period_us", "0")]), None);
    assert_eq!(quota(&[("cpu.cfs_quota_us", "0"), period]), None);
}
