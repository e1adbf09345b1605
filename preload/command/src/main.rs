//! The `hakmem` command: runs a program with hakmem as its allocator, and shows what it learned there.
//!
//! ```text
//!   hakmem run [--stats] [--] PROGRAM [ARGS]
//!     library.rs   where libhakmem.so is
//!     program.rs   where PROGRAM is, and whether the dynamic linker will preload anything into it
//!     exec         with LD_PRELOAD
//!   hakmem learn show|replay|plot LOG
//!     learn        the logs that HAKMEM_LEARN_LOG names
//!   hakmem policy show|make FILE
//!     policy       the files that HAKMEM_POLICY names
//! ```

#![forbid(unsafe_code)]

mod learn;
mod library;
mod policy;
mod program;

use clap::{Parser, Subcommand};
use std::ffi::OsString;
use std::io::{ErrorKind, Write};
use std::os::unix::process::CommandExt;
use std::path::{Path, PathBuf};
use std::process::{Command, ExitCode};

/// Runs programs with the hakmem memory allocator.
#[derive(Parser)]
#[command(name = "hakmem", version)]
struct Arguments {
    #[command(subcommand)]
    action: Action,
}

#[derive(Subcommand)]
enum Action {
    /// Run a program with hakmem as its allocator
    #[command(after_help = "Exit status: the program's own; 125 where hakmem itself is at fault, \
        126 where the program cannot run with it, 127 where there is no such program.")]
    Run {
        /// Print a table of the heap's counters when the program ends
        #[arg(long)]
        stats: bool,
        /// The program, a path or a name to look for in PATH, and its arguments
        // One list for both: from the first word on that is no option, all belongs to the program.
        #[arg(required = true, trailing_var_arg = true, value_names = ["PROGRAM", "ARGS"])]
        words: Vec<OsString>,
    },
    /// Show, replay or draw what the learner did
    #[command(
        subcommand,
        after_help = "Exit status: 1 where a replay decides otherwise, 2 where \
        the log cannot be read."
    )]
    Learn(learn::Action),
    /// Show or make a policy's file
    #[command(subcommand)]
    Policy(policy::Action),
}

/// What a command has to say that did not run a program.
struct Answer {
    status: u8,
    /// For standard output.
    text: String,
}

impl Answer {
    /// All went well.
    fn good(text: String) -> Self {
        Self { status: 0, text }
    }
}

/// Why the program did not run, or no answer was found.
#[derive(Debug, PartialEq, Eq)]
struct Refusal {
    /// The exit status, in the way of shells and of `env`.
    status: u8,
    /// What to tell the user, after `hakmem: `.
    reason: String,
}

impl Refusal {
    /// hakmem itself is incomplete or misconfigured.
    fn ours(reason: String) -> Self {
        Self { status: 125, reason }
    }

    /// The program is there but cannot run, or not with hakmem.
    fn not_runnable(reason: String) -> Self {
        Self { status: 126, reason }
    }

    fn not_found(reason: String) -> Self {
        Self { status: 127, reason }
    }

    /// What the user gave is not what was asked for.
    fn bad_input(reason: String) -> Self {
        Self { status: 2, reason }
    }
}

fn main() -> ExitCode {
    let answer = match Arguments::parse().action {
        Action::Run { stats, words } => Err(run(stats, &words)),
        Action::Learn(action) => learn::run(&action),
        Action::Policy(action) => policy::run(&action),
    };
    match answer.and_then(print) {
        Ok(status) => ExitCode::from(status),
        Err(refusal) => {
            eprintln!("hakmem: {}", refusal.reason);
            ExitCode::from(refusal.status)
        }
    }
}

fn print(answer: Answer) -> Result<u8, Refusal> {
    let mut output = std::io::stdout().lock();
    match output.write_all(answer.text.as_bytes()).and_then(|()| output.flush()) {
        // Who closed the pipe has read enough.
        Err(error) if error.kind() != ErrorKind::BrokenPipe => {
            Err(Refusal::bad_input(format!("standard output: {error}")))
        }
        _ => Ok(answer.status),
    }
}

/// Writes a file whole, or leaves what was there.
fn write_file(path: &Path, contents: &[u8]) -> Result<(), Refusal> {
    let fault = |error| Refusal::bad_input(format!("{}: {error}", path.display()));
    // What is no file, such as /dev/stdout, cannot be replaced.
    if path.metadata().is_ok_and(|there| !there.is_file()) {
        return std::fs::write(path, contents).map_err(fault);
    }
    let mut beside = path.as_os_str().to_owned();
    beside.push(format!(".{}", std::process::id()));
    let beside = PathBuf::from(beside);
    let written = std::fs::write(&beside, contents).and_then(|()| std::fs::rename(&beside, path));
    if written.is_err() {
        let _ = std::fs::remove_file(&beside);
    }
    written.map_err(fault)
}

/// Becomes the program; returns only if it cannot.
fn run(stats: bool, words: &[OsString]) -> Refusal {
    let [name, args @ ..] = words else {
        return Refusal::not_found("no program is named".into());
    };
    let ready = || {
        let library = library::find()?;
        let preload = library::preload(&library, std::env::var_os("LD_PRELOAD").as_deref())?;
        let path = program::find(name, std::env::var_os("PATH").as_deref())?;
        program::check(&path, &library)?;
        Ok((preload, path))
    };
    let (preload, path) = match ready() {
        Ok(found) => found,
        Err(refusal) => return refusal,
    };
    let mut command = Command::new(&path);
    command.arg0(name).args(args).env("LD_PRELOAD", preload);
    if stats {
        command.env("HAKMEM_STATS", "1");
    }
    let error = command.exec();
    Refusal::not_runnable(format!("{}: {error}", path.display()))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn parse(words: &[&str]) -> Result<(bool, Vec<OsString>), clap::Error> {
        let words = ["hakmem"].iter().chain(words);
        match Arguments::try_parse_from(words)?.action {
            Action::Run { stats, words } => Ok((stats, words)),
            _ => panic!("another command"),
        }
    }

    #[test]
    fn what_follows_the_program_is_its_own() {
        let (stats, words) = parse(&["run", "ls", "--stats", "-l", "--", "x"]).unwrap();
        assert!(!stats);
        assert_eq!(words, ["ls", "--stats", "-l", "--", "x"]);
    }

    #[test]
    fn options_come_before_the_program() {
        assert_eq!(
            parse(&["run", "--stats", "ls", "-l"]).unwrap(),
            (true, vec!["ls".into(), "-l".into()])
        );
        let (stats, words) = parse(&["run", "--stats", "--", "ls", "-l"]).unwrap();
        assert!(stats);
        assert_eq!(words, ["ls", "-l"]);
        assert_eq!(parse(&["run", "--", "--odd"]).unwrap().1, ["--odd"]);
    }

    #[test]
    fn a_program_is_needed() {
        assert!(parse(&["run"]).is_err());
        assert!(parse(&["run", "--no-such-option", "ls"]).is_err());
        assert!(parse(&[]).is_err());
    }
}
