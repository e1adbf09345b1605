//! `cargo verify`: builds what the tests need, runs the suites, adds up.

mod cargo;
mod demo;
mod machines;
mod sanitizers;
mod suites;
mod tally;

pub(crate) use demo::demo;

use crate::USAGE;
use cargo::Cargo;
use hakmem_tests::artefacts;
use machines::Machine;
use std::process::{Command, Stdio};
use std::time::Instant;
use suites::{SUITES, Suite};
use tally::Tally;

/// The artefacts that the tests of whole programs start.
pub(crate) const LIBRARY_AND_COMMAND: &[&str] =
    &["build", "--release", "-p", "hakmem-preload", "-p", "hakmem-command"];
const EXAMPLES: &[&str] = &["build", "--release", "-p", "hakmem-tests", "--examples"];

struct Options {
    suites: Vec<&'static Suite>,
    list: bool,
    install: bool,
    sanitizers: bool,
    machines: Vec<&'static Machine>,
}

fn parse(arguments: &[String]) -> Result<Options, String> {
    let mut options = Options {
        suites: SUITES.iter().collect(),
        list: false,
        install: true,
        sanitizers: false,
        machines: Vec::new(),
    };
    let mut arguments = arguments.iter();
    while let Some(argument) = arguments.next() {
        match argument.as_str() {
            "--only" => {
                let names = arguments.next().ok_or("--only needs the name of a suite\n")?;
                options.suites = names.split(',').map(suite).collect::<Result<_, _>>()?;
            }
            "--list" => options.list = true,
            "--no-install" => options.install = false,
            "--machines" => {
                let names = arguments.next().ok_or("--machines needs names\n")?;
                options.machines = machines::parse(names)?;
            }
            "--sanitizers" => options.sanitizers = true,
            "--help" | "-h" => return Err(USAGE.to_owned()),
            other => return Err(format!("unknown option {other}\n{USAGE}")),
        }
    }
    Ok(options)
}

fn suite(name: &str) -> Result<&'static Suite, String> {
    let found = SUITES.iter().find(|suite| suite.name == name);
    found.ok_or_else(|| format!("no suite is called {name}: see `cargo verify --list`\n"))
}

/// Runs the suites that the arguments ask for; whether all tests passed.
///
/// # Errors
/// A message about wrong arguments.
pub(crate) fn verify(arguments: &[String]) -> Result<bool, String> {
    let options = parse(arguments)?;
    if options.list {
        for suite in SUITES {
            println!("{:12} {}", suite.name, suite.about);
        }
        return Ok(true);
    }
    let results = if options.sanitizers {
        sanitizers::run()
    } else if options.machines.is_empty() {
        run(&options)
    } else {
        machines::run(&options.machines)
    };
    Ok(report(&results))
}

/// What one suite came to, and the seconds it took.
type SuiteResult = (String, Tally, f64);

fn run(options: &Options) -> Vec<SuiteResult> {
    let mut results = Vec::new();
    if options.suites.iter().any(|suite| suite.whole_programs) {
        if options.install {
            install();
        }
        for arguments in [LIBRARY_AND_COMMAND, EXAMPLES] {
            let (built, seconds) = timed("build", || Cargo::new().succeeds(arguments));
            if !built {
                results.push(("build".to_owned(), Tally::one_failure(), seconds));
            }
        }
    }
    for suite in &options.suites {
        let (tally, seconds) = timed(suite.name, || suite.run());
        println!("{}: {tally}", suite.name);
        results.push((suite.name.to_owned(), tally, seconds));
    }
    results
}

fn timed<T>(name: &str, action: impl FnOnce() -> T) -> (T, f64) {
    println!("\n=== {name}");
    let start = Instant::now();
    let result = action();
    (result, start.elapsed().as_secs_f64())
}

/// Installs the programs that tests use. What stays missing is skipped by its test.
fn install() {
    println!("\n=== programs that the tests use");
    let script = artefacts::workspace().join("tests/install.sh");
    match Command::new("bash").arg(script).stdin(Stdio::null()).status() {
        Ok(status) if status.success() => {}
        Ok(status) => println!("not all programs could be installed ({status})"),
        Err(error) => println!("no program could be installed: {error}"),
    }
}

/// Prints the table of suites and the one line that ends a run; whether all tests passed.
fn report(results: &[SuiteResult]) -> bool {
    println!("\n=== all suites");
    let mut total = Tally::default();
    for (name, tally, seconds) in results {
        println!("{name:16} {tally}, {seconds:.0} s");
        total = total + *tally;
    }
    println!("{total}");
    total.failed == 0
}
