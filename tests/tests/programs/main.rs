//! Real programs that nobody here wrote, each run with hakmem preloaded and without, with the
//! same result both times.
//!
//! A program that is not installed is skipped, and the reason is printed. The output is that of
//! the usual test harness; an argument runs only the cases whose names hold it.

mod both;
mod cxx;
mod git;
mod perl;
mod python;
mod redis;
mod sqlite;

use std::process::ExitCode;
use std::thread;

/// What a case that did not fail came to; one that fails panics.
enum Verdict {
    Passed,
    Skipped(String),
}

type Case = (&'static str, fn() -> Verdict);

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
    let wanted: Vec<String> = std::env::args().skip(1).filter(|a| !a.starts_with('-')).collect();
    let (mut passed, mut failed, mut skipped, mut left_out) = (0, 0, 0, 0);
    println!("\nrunning {} tests", CASES.len());
    for (name, case) in CASES {
        if !wanted.is_empty() && !wanted.iter().any(|part| name.contains(part.as_str())) {
            left_out += 1;
            continue;
        }
        // A thread of its own, so that a panic ends the case and not the others.
        match thread::spawn(case).join() {
            Ok(Verdict::Passed) => {
                passed += 1;
                println!("test {name} ... ok");
            }
            Ok(Verdict::Skipped(reason)) => {
                skipped += 1;
                println!("test {name} ... ignored, {reason}");
            }
            Err(_) => {
                failed += 1;
                println!("test {name} ... FAILED");
            }
        }
    }
    let word = if failed == 0 { "ok" } else { "FAILED" };
    println!(
        "\ntest result: {word}. {passed} passed; {failed} failed; {skipped} ignored; \
         0 measured; {left_out} filtered out\n"
    );
    ExitCode::from(u8::from(failed != 0))
}
