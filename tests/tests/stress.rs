//! Threads that pass blocks of every size and kind to each other, with patterns in the blocks.

use hakmem_tests::{child, compile};
use std::time::Duration;

/// Runs the stress program with and without the library; both must end with the same checksum.
fn same_checksum(threads: usize, rounds: usize, seed: usize) {
    let program = compile::program("stress.cc", &["-O2"]);
    let arguments = [threads, rounds, seed].map(|number| number.to_string());
    let limit = Duration::from_secs(300);
    let with = child::run(child::preloaded(&program).args(&arguments), limit);
    let with = with.expect_success("stress.cc");
    let without = child::run(child::plain(&program).args(&arguments), limit);
    let without = without.expect_success("stress.cc without hakmem");
    assert!(with.stdout.contains("checksum"), "{with}");
    assert_eq!(with.stdout, without.stdout);
    assert_eq!(with.stderr, "");
}

#[test]
fn one_thread() {
    same_checksum(1, 60_000, 1);
}

#[test]
fn as_many_threads_as_cores() {
    same_checksum(2, 60_000, 2);
}

#[test]
fn more_threads_than_cores() {
    same_checksum(16, 8_000, 3);
}

#[test]
fn many_short_threads() {
    same_checksum(200, 400, 4);
}
