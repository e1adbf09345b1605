//! The suites of `cargo verify`.

use super::cargo::Cargo;
use super::tally::Tally;

/// A group of tests that is run and counted as one.
pub(crate) struct Suite {
    pub(crate) name: &'static str,
    pub(crate) about: &'static str,
    /// Calls of cargo that build what its tests start. Where there are any, the tests also use programs
    /// that may have to be installed.
    pub(crate) builds: &'static [&'static [&'static str]],
    kind: Kind,
}

enum Kind {
    /// Calls of `cargo test`, with these arguments.
    Plain(&'static [&'static [&'static str]]),
    /// The same under loom.
    Loom(&'static [&'static [&'static str]]),
}

const fn plain(
    name: &'static str,
    about: &'static str,
    calls: &'static [&'static [&'static str]],
) -> Suite {
    Suite { name, about, builds: &[], kind: Kind::Plain(calls) }
}

const fn programs(
    name: &'static str,
    about: &'static str,
    calls: &'static [&'static [&'static str]],
) -> Suite {
    Suite { name, about, builds: WHOLE_PROGRAMS, kind: Kind::Plain(calls) }
}

/// The artefacts that the tests of whole programs start.
pub(crate) const LIBRARY_AND_COMMAND: &[&str] =
    &["build", "--release", "-p", "hakmem-preload", "-p", "hakmem-command"];
const EXAMPLES: &[&str] = &["build", "--release", "-p", "hakmem-tests", "--examples"];
const WHOLE_PROGRAMS: &[&[&str]] = &[LIBRARY_AND_COMMAND, EXAMPLES];

const KERNEL: &[&[&str]] = &[
    &["build", "-p", "hakmem-kernel", "--features", "validate"],
    &["build", "--release", "-p", "hakmem-kernel", "--features", "validate"],
];

const SHOW: &[&str] = &["-p", "hakmem-tests", "--test", "hot_paths", "--", "--show-output"];

/// In the order they run: what is quick and what explains other failures comes first.
pub(crate) const SUITES: &[Suite] = &[
    plain("tidy", "house rules of the source", &[&["-p", "hakmem-tests", "--test", "tidy"]]),
    plain("runner", "this runner's own tests", &[&["-p", "hakmem-tests", "--lib", "--bins"]]),
    plain(
        "core",
        "unit, property and random-action tests of hakmem-core, debug and release",
        &[&["-p", "hakmem-core"], &["--release", "-p", "hakmem-core"]],
    ),
    plain("host", "pages, options, thread exit and fork", &[&["-p", "hakmem-host"]]),
    plain(
        "adapter",
        "hakmem as the global allocator, debug and release",
        &[
            &["-p", "hakmem", "--features", "allocator-api2"],
            &["--release", "-p", "hakmem", "--features", "allocator-api2"],
        ],
    ),
    plain(
        "bench",
        "the benchmarks' own tests: statistics, tables, and each scenario on a small scale",
        &[&["--release", "-p", "hakmem-bench"]],
    ),
    plain(
        "command",
        "the hakmem command: its parts, and logs, pictures and policies as users give them",
        &[&["-p", "hakmem-command"]],
    ),
    Suite {
        name: "loom",
        about: "every interleaving of the lock-free parts, at a tiny geometry",
        builds: &[],
        kind: Kind::Loom(&[&["--release", "-p", "hakmem-core", "--lib", "models"]]),
    },
    programs(
        "c-surface",
        "every C function and C++ operator",
        &[&["-p", "hakmem-tests", "--test", "c_surface"]],
    ),
    programs(
        "misuse",
        "what bad input gets, in child processes",
        &[&["-p", "hakmem-tests", "--test", "misuse"]],
    ),
    programs(
        "limits",
        "limits on memory, and the program's word before a refusal",
        &[&["-p", "hakmem-tests", "--test", "limits"]],
    ),
    programs(
        "life-cycle",
        "start, exit, threads, fork, crashes, the hakmem command",
        &[&["-p", "hakmem-tests", "--test", "life_cycle"]],
    ),
    programs(
        "background",
        "the thread that gives memory back",
        &[&["-p", "hakmem-tests", "--test", "background"]],
    ),
    programs(
        "learn",
        "the learner in programs: its record, its policy's file, and what may be wrong with either",
        &[&["-p", "hakmem-tests", "--test", "learn"]],
    ),
    programs(
        "address-space",
        "programs that are short of addresses, of data or of mappings",
        &[&["-p", "hakmem-tests", "--test", "address_space"]],
    ),
    programs(
        "stress",
        "threads that pass blocks to each other",
        &[&["-p", "hakmem-tests", "--test", "stress"]],
    ),
    Suite {
        name: "kernel",
        about: "a kernel that boots: several CPUs, interrupts, little memory",
        builds: KERNEL,
        kind: Kind::Plain(&[&["-p", "hakmem-tests", "--test", "kernel"]]),
    },
    programs("hot-paths", "the length of the hot paths, by single steps", &[SHOW]),
    programs(
        "programs",
        "CPython, redis, sqlite3, g++, git and perl, with and without hakmem",
        &[&["-p", "hakmem-tests", "--test", "programs"]],
    ),
];

impl Suite {
    pub(crate) fn run(&self) -> Tally {
        if self.name == "hot-paths" && !cfg!(target_arch = "x86_64") {
            println!("skipped: instructions are counted on x86-64 only");
            return Tally::one_skipped();
        }
        match self.kind {
            Kind::Plain(calls) => sum(calls, Cargo::new),
            Kind::Loom(calls) => sum(calls, || {
                let cargo = Cargo::new().flags("--cfg loom", "loom");
                // Without a bound on preemptions a model may take hours.
                cargo.variable("LOOM_MAX_PREEMPTIONS", "3")
            }),
        }
    }
}

fn sum(calls: &[&[&str]], cargo: impl Fn() -> Cargo) -> Tally {
    calls.iter().map(|call| cargo().tests(call)).fold(Tally::default(), |a, b| a + b)
}
