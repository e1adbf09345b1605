//! `cargo verify --sanitizers`: the tests that use threads, under ThreadSanitizer and
//! AddressSanitizer. Both need a nightly toolchain.

use super::SuiteResult;
use super::cargo::Cargo;
use super::tally::Tally;
use super::timed;
use hakmem_tests::artefacts;
use std::process::{Command, Stdio};

struct Sanitizer {
    /// Its name, and that of its target directory.
    name: &'static str,
    /// The flags that turn it on. The standard library is used as it comes, without the sanitizer
    /// built in.
    flags: &'static str,
    /// The variable that it reads its options from.
    variable: &'static str,
    options: fn() -> String,
    /// For the test harness.
    harness: &'static [&'static str],
}

const SANITIZERS: &[Sanitizer] = &[
    Sanitizer {
        name: "tsan",
        flags: "-Zsanitizer=thread -Cunsafe-allow-abi-mismatch=sanitizer",
        variable: "TSAN_OPTIONS",
        options: || {
            let file = artefacts::package().join("tsan.supp");
            format!("suppressions={}", file.display())
        },
        // One test at a time runs without the harness's own threads. The skipped test runs code
        // of its own in a thread whose state ThreadSanitizer has already taken down.
        harness: &["--test-threads=1", "--skip", "destructors_may_allocate_after"],
    },
    Sanitizer {
        name: "asan",
        flags: "-Zsanitizer=address -Cunsafe-allow-abi-mismatch=sanitizer",
        variable: "ASAN_OPTIONS",
        // It looks for leaks by the blocks of its own malloc, which is not the one in use.
        options: || "detect_leaks=0".to_owned(),
        harness: &[],
    },
];

/// Without a target, the flags would also apply to build scripts and macros.
const TARGET: &str = "x86_64-unknown-linux-gnu";

const PACKAGES: &[&str] = &["hakmem-core", "hakmem"];

pub(crate) fn run() -> Vec<SuiteResult> {
    if !nightly_is_there() {
        println!("skipped: no nightly toolchain is installed (`rustup toolchain install nightly`)");
        return vec![("sanitizers".to_owned(), Tally::one_skipped(), 0.0)];
    }
    let mut results = Vec::new();
    for sanitizer in SANITIZERS {
        for package in PACKAGES {
            let name = format!("{} {package}", sanitizer.name);
            let (tally, seconds) = timed(&name, || tests(sanitizer, package));
            results.push((name, tally, seconds));
        }
    }
    results
}

fn tests(sanitizer: &Sanitizer, package: &str) -> Tally {
    let cargo = Cargo::nightly().flags(sanitizer.flags, sanitizer.name);
    let cargo = cargo.variable(sanitizer.variable, &(sanitizer.options)());
    let mut arguments = vec!["--release", "--target", TARGET, "-p", package, "--tests", "--"];
    arguments.extend(sanitizer.harness);
    cargo.tests(&arguments)
}

fn nightly_is_there() -> bool {
    let mut version = Command::new("rustup");
    version.args(["run", "nightly", "rustc", "-V"]).env_remove("RUSTUP_TOOLCHAIN");
    let status = version.stdout(Stdio::null()).stderr(Stdio::null()).status();
    cfg!(all(target_arch = "x86_64", target_os = "linux")) && status.is_ok_and(|s| s.success())
}
