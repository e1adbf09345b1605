//! The heap's policy in a Rust program: given, learned, and found again at the next start.

#[path = "child/mod.rs"]
mod child;

use hakmem::Policy;
use hakmem_core::policy::text::{self, Machine};
use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::time::{Duration, Instant};

#[global_allocator]
static GLOBAL: hakmem::Hakmem = hakmem::Hakmem;

/// An empty folder of a test's own; in the child, the one that the parent made.
fn folder(name: &str) -> PathBuf {
    Path::new(env!("CARGO_TARGET_TMPDIR")).join(name)
}

fn made(name: &str) -> PathBuf {
    let folder = folder(name);
    let _ = fs::remove_dir_all(&folder);
    fs::create_dir_all(&folder).expect("writable");
    folder
}

fn name(path: &Path) -> &str {
    path.to_str().expect("a path in UTF-8")
}

/// Allocates and frees until the record has so many lines more.
fn work(log: &Path, more: usize) {
    let lines = || fs::read_to_string(log).map_or(0, |text| text.lines().count());
    let (before, start) = (lines(), Instant::now());
    while lines() < before + more {
        assert!(start.elapsed() < Duration::from_secs(100), "no step is made");
        let blocks: Vec<Vec<u8>> = (0..40_000).map(|i| vec![1; 16 + i % 1000]).collect();
        assert!(blocks.iter().all(|block| block[0] == 1));
    }
}

/// Writes a policy as a process that has come to rest on this machine does.
fn write(file: &Path, policy: &Policy) {
    let number = |name| {
        let output = Command::new("getconf").arg(name).output().expect("a number");
        let text = String::from_utf8(output.stdout).expect("digits");
        text.trim().parse::<u64>().expect("a number")
    };
    let page = number("PAGESIZE");
    let machine = Machine {
        page: page as u32,
        cpus: number("_NPROCESSORS_ONLN") as u32,
        memory: ((number("_PHYS_PAGES") * page) >> 20) as u32,
    };
    let mut text = String::new();
    text::write(policy, &machine, &mut text).expect("a string has room");
    fs::write(file, text).expect("writable");
}

#[test]
fn a_policy_is_brought_between_its_bounds() {
    let output = child::run("a_policy_is_brought_between_its_bounds", &[], || {
        let policy = Policy { decay: 0, kept: 1, ..Policy::DEFAULT };
        hakmem::set_policy(&policy);
        assert_eq!(hakmem::policy(), policy.bounded());
    });
    assert_eq!(output.status.code(), Some(0), "{output:?}");
}

#[test]
fn what_is_given_lasts_and_a_file_is_where_the_next_start_begins() {
    let test = "what_is_given_lasts_and_a_file_is_where_the_next_start_begins";
    let (policy, log) = (folder(test).join("policy"), folder(test).join("log"));
    let variables = [("HAKMEM_POLICY", name(&policy)), ("HAKMEM_LEARN_LOG", name(&log))];
    let act = || {
        let next = policy.exists();
        work(&log, 2);
        if next {
            assert_eq!(hakmem::policy().kept, 5678);
        } else {
            hakmem::set_policy(&Policy { kept: 5678, ..hakmem::policy() });
            work(&log, 3);
            assert_eq!(hakmem::policy().kept, 5678);
            let text = fs::read_to_string(&log).expect("a record");
            let headers: Vec<_> = text.lines().filter(|line| line.contains("\"hakmem\"")).collect();
            assert_eq!(headers.len(), 2, "it did not begin anew");
            assert!(headers[1].contains("\"kept\":5678"));
        }
    };
    if std::env::var_os("CHILD_OF_TEST").is_none() {
        made(test);
    }
    for start in ["the first", "the next"] {
        let output = child::run(test, &variables, act);
        assert_eq!(output.status.code(), Some(0), "{start}: {output:?}");
        assert_eq!(child::words(&output), [""; 0]);
        if start == "the first" {
            assert!(!policy.exists(), "it has not come to rest");
            write(&policy, &Policy { kept: 5678, ..Policy::DEFAULT });
        }
        let text = fs::read_to_string(&policy).expect("a policy was written");
        assert!(text.contains("\nkept 5678\n"), "{text}");
    }
}

#[test]
fn a_policy_that_is_none_is_warned_of_once() {
    let test = "a_policy_that_is_none_is_warned_of_once";
    let policy = folder(test).join("policy");
    if std::env::var_os("CHILD_OF_TEST").is_none() {
        fs::write(made(test).join("policy"), "hakmem policy 1\nmach").expect("writable");
    }
    let output = child::run(test, &[("HAKMEM_POLICY", name(&policy))], || {
        assert_eq!(hakmem::policy(), Policy::DEFAULT);
    });
    assert_eq!(output.status.code(), Some(0), "{output:?}");
    let words = child::words(&output);
    assert!(matches!(&words[..], [line] if line.contains("cut short")), "{words:?}");
}
