//! CPython's own tests.

use crate::Verdict;
use crate::both::{LIMIT, assert_mapped, fresh_dir};
use hakmem_tests::{child, find};
use std::path::{Path, PathBuf};
use std::process::Command;

/// Debian's python comes first: its tests are a package. Any other that has them does as well.
fn python_with_tests() -> Result<PathBuf, String> {
    let candidates = [Some(PathBuf::from("/usr/bin/python3")), find::program("python3")];
    let has_tests = |python: &PathBuf| {
        let mut import = child::plain(python);
        python.is_file()
            && child::run(import.args(["-c", "import test.test_dict"]), LIMIT).status.success()
    };
    let found = candidates.into_iter().flatten().find(has_tests);
    found.ok_or_else(|| "no python3 with its test suite is installed".to_owned())
}

/// What a run of a test module came to: how many ran, and how many failed or were skipped.
fn verdicts(output: &str) -> Vec<String> {
    let lines = output.lines().filter(|line| {
        line.starts_with("Ran ") || line.starts_with("OK") || line.starts_with("FAILED")
    });
    // "Ran 12 tests in 0.3s": the time is left out.
    lines.map(|line| line.split(" in ").next().unwrap_or(line).to_owned()).collect()
}

fn run(mut command: Command, dir: &Path, allocator: &str, arguments: &[&str]) -> Vec<String> {
    command.current_dir(dir).args(["-m", "test", "-v"]).args(arguments);
    // "malloc" sends every object through malloc; by default CPython keeps small ones to itself.
    command.env("PYTHONMALLOC", allocator);
    let outcome = child::run(&mut command, LIMIT);
    let found = verdicts(&(outcome.stdout.clone() + &outcome.stderr));
    assert!(!outcome.hung && !found.is_empty(), "{arguments:?}: {outcome}");
    if found.iter().any(|line| line.starts_with("FAILED")) {
        eprintln!("{arguments:?}: {outcome}");
    }
    found
}

/// Runs test modules with the library and without; the counts must be the same.
fn compare(allocator: &str, modules: &[&[&str]]) -> Verdict {
    let python = match python_with_tests() {
        Err(reason) => return Verdict::Skipped(reason),
        Ok(python) => python,
    };
    let mut show_maps = child::preloaded(&python);
    show_maps.args(["-c", "print(open('/proc/self/maps').read())"]);
    assert_mapped(&child::run(&mut show_maps, LIMIT).expect_success("python3").stdout);

    let dir = fresh_dir("python");
    for arguments in modules {
        let with = run(child::preloaded(&python), &dir, allocator, arguments);
        let without = run(child::plain(&python), &dir, allocator, arguments);
        assert_eq!(with, without, "{arguments:?}: with hakmem, and without");
    }
    Verdict::Passed
}

pub(crate) fn own_tests() -> Verdict {
    let modules = [
        "test_json",
        "test_dict",
        "test_gc",
        "test_ctypes",
        "test_list",
        "test_unicode",
        "test_bytes",
        "test_re",
        "test_zlib",
        "test_pickle",
        "test_decimal",
    ];
    compare("malloc", &modules.each_ref().map(std::slice::from_ref))
}

pub(crate) fn own_tests_of_threads() -> Verdict {
    compare("malloc", &[&["test_threading"], &["test_thread"], &["test_queue"]])
}

/// The whole of these takes minutes, most of it asleep: the parts that move data are picked.
pub(crate) fn own_tests_of_processes() -> Verdict {
    let fork = [
        "test_multiprocessing_fork",
        "-m",
        "WithProcessesTestArray",
        "-m",
        "WithProcessesTestPool",
        "-m",
        "WithProcessesTestQueue",
        "-m",
        "WithProcessesTestSharedMemory",
        "-m",
        "WithManagerTestPool",
        "-m",
        "WithThreadsTestPool",
    ];
    let spawn = [
        "test_multiprocessing_spawn",
        "-m",
        "WithProcessesTestArray",
        "-m",
        "WithProcessesTestQueue",
        "-m",
        "WithProcessesTestValue",
    ];
    compare("default", &[&fork, &spawn])
}
