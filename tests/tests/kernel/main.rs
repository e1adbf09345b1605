//! The kernel of `tests/kernel`, booted under QEMU: on several CPUs, optimised and not, with mistakes
//! that end in a panic; and the way to such a kernel as its page describes it.
//!
//! Where there is no QEMU all is skipped.

mod machine;
mod page;

use hakmem_tests::harness::{Case, Verdict, run};
use machine::{Ending, Machine};
use std::process::ExitCode;

const CASES: &[Case] = &[
    ("checks_pass_on_one_cpu", || checks_pass(1, true)),
    ("checks_pass_on_two_cpus", || checks_pass(2, true)),
    ("checks_pass_on_four_cpus", || checks_pass(4, true)),
    ("checks_pass_on_two_cpus_not_optimised", || checks_pass(2, false)),
    ("mistakes_end_in_a_panic", mistakes_end_in_a_panic),
    ("a_kernel_as_the_page_has_it", page::a_kernel_as_the_page_has_it),
];

fn main() -> ExitCode {
    run(CASES)
}

/// What the kernel puts to the test.
const CHECKS: &[&str] = &[
    "collections",
    "handover",
    "timer",
    "handover-and-timer",
    "requests",
    "full",
    "full-hosted",
    "full-embedded",
    "growth",
    "mistakes",
    "more-cpus",
    "reentry",
    "statistics",
];

fn checks_pass(cpus: usize, optimised: bool) -> Verdict {
    let mut machine = match Machine::new(cpus, optimised) {
        Ok(machine) => machine,
        Err(reason) => return Verdict::Skipped(reason),
    };
    let outcome = machine.run("");
    assert_eq!(Ending::of(&outcome), Ending::Success, "{outcome}");
    let lines: Vec<&str> = outcome.stdout.lines().collect();
    assert!(lines.contains(&&*format!("CPUs: {cpus}")), "{outcome}");
    assert!(lines.contains(&"validate: true"), "built without its walk over heaps: {outcome}");
    let name = |line: &&str| Some(line.strip_prefix("ok ")?.split_once(": ")?.0.to_owned());
    let passed: Vec<String> = lines.iter().filter_map(name).collect();
    assert_eq!(passed, CHECKS, "{outcome}");
    assert_eq!(lines.last(), Some(&"all is well"), "{outcome}");
    print!("{}", outcome.stdout);
    Verdict::Passed
}

const STILL_SERVES: &str = "the heap still serves: true";

/// What the command line asks for, and the lines that the kernel's panic ends with.
const MISTAKES: &[(&str, &[&str])] = &[
    ("panic-alloc-before-init", &["memory allocation of 4 bytes failed"]),
    ("panic-dealloc-before-init", &["the heap was used before it was given memory"]),
    ("panic-init-twice", &["the heap is initialised already", STILL_SERVES]),
    ("panic-foreign", &["not from this heap", STILL_SERVES]),
    ("panic-wild", &["wrong free of 0xdead00000000beef: not from this heap", STILL_SERVES]),
    ("panic-double-free", &["free already", STILL_SERVES]),
    ("panic-interior", &["not the start of a block", STILL_SERVES]),
    ("panic-wrong-size", &["wrong free of ", "not of that size", STILL_SERVES]),
    ("panic-wrong-realloc", &["wrong reallocation of ", STILL_SERVES]),
    ("panic-out-of-memory", &["memory allocation of 1099511627776 bytes failed", STILL_SERVES]),
    ("panic-page-fault", &["page fault at 0x123456780000"]),
    ("panic-for-no-reason", &["no mode is called panic-for-no-reason", STILL_SERVES]),
];

fn mistakes_end_in_a_panic() -> Verdict {
    let mut machine = match Machine::new(2, true) {
        Ok(machine) => machine,
        Err(reason) => return Verdict::Skipped(reason),
    };
    for (mode, words) in MISTAKES {
        let outcome = machine.run(mode);
        assert_eq!(Ending::of(&outcome), Ending::Failure, "{mode}: {outcome}");
        let panic = outcome.stdout.split_once("panicked at").map_or("", |(_, after)| after);
        for word in *words {
            assert!(panic.contains(word), "{mode}: no \"{word}\" in {outcome}");
        }
        assert!(!outcome.stdout.contains("\nok "), "{mode}: the kernel went on: {outcome}");
    }
    Verdict::Passed
}
