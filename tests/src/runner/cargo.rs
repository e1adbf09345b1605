//! Calls cargo for its builds and tests.

use super::tally::{Reader, Tally};
use hakmem_tests::artefacts;
use std::env;
use std::ffi::{OsStr, OsString};
use std::io::{BufRead, BufReader};
use std::process::{Command, ExitStatus, Stdio};

/// One call of cargo in the workspace.
pub(crate) struct Cargo {
    command: Command,
}

impl Cargo {
    /// The cargo that started this runner, with the same target directory.
    pub(crate) fn new() -> Self {
        let cargo = env::var_os("CARGO").unwrap_or_else(|| OsString::from("cargo"));
        Self::of(Command::new(cargo))
    }

    /// The nightly cargo, through rustup.
    pub(crate) fn nightly() -> Self {
        let mut command = Command::new("rustup");
        command.args(["run", "nightly", "cargo"]);
        // These name the stable compiler.
        command.env_remove("RUSTC").env_remove("RUSTDOC").env_remove("RUSTUP_TOOLCHAIN");
        Self::of(command)
    }

    fn of(mut command: Command) -> Self {
        command
            .current_dir(artefacts::workspace())
            .env("CARGO_TARGET_DIR", artefacts::target_dir())
            .env("CARGO_TERM_COLOR", "never")
            .stdin(Stdio::null());
        Self { command }
    }

    /// Adds to the flags of rustc, and builds into a directory `name` of its own, since other
    /// flags would make everything else build anew.
    pub(crate) fn flags(mut self, flags: &str, name: &str) -> Self {
        let before = env::var("RUSTFLAGS").unwrap_or_default();
        self.command.env("RUSTFLAGS", format!("{before} {flags}").trim());
        self.command.env("CARGO_TARGET_DIR", artefacts::target_dir().join(name));
        self
    }

    /// Sets a variable.
    pub(crate) fn set(mut self, name: &str, value: impl AsRef<OsStr>) -> Self {
        self.command.env(name, value);
        self
    }

    /// Sets a variable, unless the user has set it.
    pub(crate) fn variable(mut self, name: &str, value: &str) -> Self {
        if env::var_os(name).is_none() {
            self.command.env(name, value);
        }
        self
    }

    /// Runs it, and says whether it succeeded.
    pub(crate) fn succeeds(mut self, arguments: &[&str]) -> bool {
        println!("$ cargo {}", arguments.join(" "));
        match self.command.args(arguments).status() {
            Ok(status) => status.success(),
            Err(error) => {
                println!("cargo cannot be started: {error}");
                false
            }
        }
    }

    /// Runs `cargo test` with more arguments; prints its output and counts its tests.
    pub(crate) fn tests(mut self, arguments: &[&str]) -> Tally {
        println!("$ cargo test {}", arguments.join(" "));
        self.command.args(["test", "--no-fail-fast"]).args(arguments);
        let mut reader = Reader::default();
        match self.lines(|line| reader.line(line)) {
            Ok(status) => reader.finish(status.success()),
            Err(error) => {
                println!("cargo cannot be started: {error}");
                Tally::one_failure()
            }
        }
    }

    /// Prints each line of the output as it comes, and hands it on.
    fn lines(&mut self, mut each: impl FnMut(&str)) -> std::io::Result<ExitStatus> {
        let mut child = self.command.stdout(Stdio::piped()).spawn()?;
        if let Some(stdout) = child.stdout.take() {
            for line in BufReader::new(stdout).split(b'\n') {
                let line = String::from_utf8_lossy(&line?).into_owned();
                println!("{line}");
                each(&line);
            }
        }
        child.wait()
    }
}
