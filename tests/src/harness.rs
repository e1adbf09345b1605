//! A test harness whose cases may say that they were skipped, and why: for what a machine may lack.
//!
//! The output is that of the usual harness; an argument runs only the cases whose names hold it.

use std::process::ExitCode;
use std::thread;

/// What a case that did not fail came to; one that fails panics.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Verdict {
    /// It did what it should.
    Passed,
    /// It could not be tried, for this reason.
    Skipped(String),
}

/// A name, and what to run.
pub type Case = (&'static str, fn() -> Verdict);

/// Runs the cases that the command line asks for, one after the other.
pub fn run(cases: &[Case]) -> ExitCode {
    let wanted: Vec<String> = std::env::args().skip(1).filter(|a| !a.starts_with('-')).collect();
    let (mut passed, mut failed, mut skipped, mut left_out) = (0, 0, 0, 0);
    println!("\nrunning {} tests", cases.len());
    for (name, case) in cases {
        if !wanted.is_empty() && !wanted.iter().any(|part| name.contains(part.as_str())) {
            left_out += 1;
            continue;
        }
        // A thread of its own, so that a panic ends the case and not the others.
        match thread::spawn(*case).join() {
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
