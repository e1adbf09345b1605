//! Real programs that nobody here wrote, each run with hakmem preloaded and without, with the
//! same result both times.
//!
//! A program that is not installed is skipped, and the reason is printed.

mod both;
mod cxx;
mod git;
mod perl;
mod python;
mod redis;
mod sqlite;

use hakmem_tests::harness::{Case, Verdict, run};
use std::process::ExitCode;

const CASES: &[Case] = &[
    ("cxx::compiler_makes_the_same_object_file", cxx::compiler_makes_the_same_object_file),
    ("git::history_gc_and_fsck", git::history_gc_and_fsck),
    ("perl::hashes_strings_and_patterns", perl::hashes_strings_and_patterns),
    ("python::own_tests", python::own_tests),
    ("python::own_tests_of_threads", python::own_tests_of_threads),
    ("python::own_tests_of_processes", python::own_tests_of_processes),
    ("redis::benchmark_and_data", redis::benchmark_and_data),
    ("sqlite::large_workload_in_memory", sqlite::large_workload_in_memory),
];

fn main() -> ExitCode {
    run(CASES)
}
