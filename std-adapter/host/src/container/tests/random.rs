//! No bytes in any file make a reader panic.

use super::made::{Made, UNIFIED_MOUNT};
use crate::container::{Limits, Root, pressure, read, usage};
use proptest::collection::vec;
use proptest::prelude::*;
use std::vec::Vec;

/// The files, each with a text that is well formed.
const FILES: [(&str, &str); 18] = [
    ("proc/self/cgroup", "5:memory:/a\n4:cpu,cpuacct:/a\n0::/a\n"),
    ("proc/self/cgroup", "0::/a\n"),
    ("proc/self/mountinfo", UNIFIED_MOUNT),
    (
        "proc/self/mountinfo",
        "32 30 0:28 / /sys/fs/cgroup/cpu rw - cgroup cgroup rw,cpu,cpuacct\n\
         33 30 0:29 /a /sys/fs/cgroup/memory/a rw - cgroup cgroup rw,memory\n",
    ),
    ("proc/pressure/memory", "some avg10=1.00 total=1\nfull avg10=1.00 total=1\n"),
    ("sys/fs/cgroup/a/memory.pressure", "some avg10=1.00 total=1\nfull avg10=1.00 total=1\n"),
    ("sys/fs/cgroup/a/memory.max", "9000\n"),
    ("sys/fs/cgroup/a/memory.high", "max\n"),
    ("sys/fs/cgroup/a/memory.current", "5000\n"),
    ("sys/fs/cgroup/a/memory.stat", "anon 100\ninactive_file 200\n"),
    ("sys/fs/cgroup/a/cpu.max", "10000 100000\n"),
    ("sys/fs/cgroup/cpu/a/cpu.cfs_quota_us", "-1\n"),
    ("sys/fs/cgroup/cpu/a/cpu.cfs_period_us", "100000\n"),
    ("sys/fs/cgroup/memory/a/memory.limit_in_bytes", "9223372036854771712\n"),
    ("sys/fs/cgroup/memory/a/memory.soft_limit_in_bytes", "9000\n"),
    ("sys/fs/cgroup/memory/a/memory.usage_in_bytes", "5000\n"),
    ("sys/fs/cgroup/memory/a/memory.stat", "total_inactive_file 200\n"),
    ("sys/fs/cgroup/memory/a/memory.use_hierarchy", "1\n"),
];

/// What the kernel's files are made of.
const WORDS: &[&str] = &[
    "0",
    "::",
    ":",
    "/",
    "/a",
    "/..",
    " ",
    "\n",
    ",",
    "-",
    " - ",
    "max",
    "memory",
    "cpu",
    "cgroup",
    "cgroup2",
    "1.00",
    "some ",
    "full ",
    "avg10=",
    "18446744073709551615",
    "\\040",
    "\\777",
    "\0",
    "100000",
    "inactive_file ",
    "/sys/fs/cgroup",
];

/// Any bytes; the kernel's words in any order; or the well-formed text, some bytes replaced.
fn text(well: &'static str) -> impl Strategy<Value = Vec<u8>> {
    let word = prop::sample::select(WORDS).prop_map(str::as_bytes);
    let replaced = vec((any::<prop::sample::Index>(), any::<u8>()), 0..4);
    prop_oneof![
        vec(any::<u8>(), 0..3000),
        vec(word, 0..60).prop_map(|words| words.concat()),
        replaced.prop_map(move |changes| {
            let mut text = Vec::from(well);
            for (place, byte) in changes {
                let place = place.index(text.len());
                text[place] = byte;
            }
            text
        }),
    ]
}

fn root_of_bytes() -> impl Strategy<Value = Vec<u8>> {
    prop_oneof![
        vec(any::<u8>(), 0..400),
        vec(any::<u8>(), 0..300).prop_map(|mut path| {
            path.insert(0, b'/');
            path
        })
    ]
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 200, failure_persistence: None, ..Default::default() })]

    #[test]
    fn any_bytes_in_any_file(texts in FILES.map(|(_, well)| text(well)), later in any::<[bool; 2]>()) {
        let made = Made::new();
        // Of two texts for one file, either may be the one that stays.
        for (index, ((name, _), text)) in FILES.iter().zip(&texts).enumerate() {
            if index % 2 == 1 && index < 4 && !later[index / 2] {
                continue;
            }
            made.file(name, text);
        }
        let limits = made.limits();
        prop_assert_eq!(limits, made.limits());
        prop_assert!(limits.cpus_milli != Some(0));
        for bytes in [limits.memory_max, limits.memory_high].into_iter().flatten() {
            prop_assert!(bytes <= i64::MAX as u64);
        }
        if let Some(usage) = made.usage() {
            prop_assert!(usage.headroom() <= usage.limit);
        }
        if let Some(pressure) = made.pressure() {
            prop_assert!(pressure.some_avg10 <= 10_000 && pressure.full_avg10 <= 10_000);
        }
    }

    #[test]
    fn any_root(path in root_of_bytes()) {
        if let Some(root) = Root::at(&path) {
            let folder = [b"/hakmem-no-such-folder", &path[..]].concat();
            if let Some(root) = Root::at(&folder) {
                prop_assert_eq!(read(&root), Limits::default());
            }
            read(&root);
            usage(&root);
            pressure(&root);
        }
    }
}
