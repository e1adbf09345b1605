//! Runs a child process to its end and keeps all it said.

use crate::artefacts;
use std::ffi::OsStr;
use std::io::Read;
use std::os::unix::process::{CommandExt, ExitStatusExt};
use std::path::Path;
use std::process::{Child, Command, ExitStatus, Stdio};
use std::thread;
use std::time::{Duration, Instant};

/// How a child ended.
#[derive(Debug)]
pub struct Outcome {
    /// Exit code or signal.
    pub status: ExitStatus,
    /// All of its standard output.
    pub stdout: String,
    /// All of its standard error.
    pub stderr: String,
    /// Whether it was killed because it did not come to an end.
    pub hung: bool,
}

impl Outcome {
    /// The signal that ended the child, if one did.
    pub fn signal(&self) -> Option<i32> {
        self.status.signal()
    }

    /// The lines that hakmem wrote to standard error.
    pub fn messages(&self) -> Vec<&str> {
        let own = |line: &&str| line.starts_with("hakmem: ");
        self.stderr.lines().filter(own).collect()
    }

    /// # Panics
    /// Unless the child ended with exit code 0.
    pub fn expect_success(self, what: &str) -> Self {
        assert!(self.status.success() && !self.hung, "{what}: {self}");
        self
    }
}

impl std::fmt::Display for Outcome {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let hung = if self.hung { " (hung, killed)" } else { "" };
        writeln!(f, "{}{hung}", self.status)?;
        writeln!(f, "--- stdout\n{}", tail(&self.stdout))?;
        write!(f, "--- stderr\n{}", tail(&self.stderr))
    }
}

/// The end of a long text, which is where programs say what went wrong.
fn tail(text: &str) -> &str {
    let mut from = text.len().saturating_sub(4_000);
    while !text.is_char_boundary(from) {
        from += 1;
    }
    &text[from..]
}

/// A command with a clean environment: nothing preloaded, no `HAKMEM_` variable set, no input,
/// messages in English.
pub fn plain(program: impl AsRef<OsStr>) -> Command {
    let mut command = Command::new(program);
    for (name, _) in std::env::vars_os() {
        let name_text = name.to_string_lossy();
        if name_text.starts_with("HAKMEM_") || name_text == "LD_PRELOAD" {
            command.env_remove(&name);
        }
    }
    command.env("LC_ALL", "C").stdin(Stdio::null());
    command
}

/// What `HAKMEM_BACKGROUND` is to be where a test does not care: to run all tests with and without the
/// thread. As for `artefacts`' variable, the name begins otherwise.
const BACKGROUND: &str = "PRELOAD_BACKGROUND_UNDER_TEST";

/// The same with the library under test preloaded.
pub fn preloaded(program: impl AsRef<OsStr>) -> Command {
    let mut command = plain(program);
    command.env("LD_PRELOAD", artefacts::library());
    if let Some(background) = std::env::var_os(BACKGROUND) {
        command.env("HAKMEM_BACKGROUND", background);
    }
    command
}

/// Runs `command` to its end; one that has not ended after `limit` is killed with all its
/// children, which guards against a hang and is no measurement.
///
/// # Panics
/// When the command cannot be started.
pub fn run(command: &mut Command, limit: Duration) -> Outcome {
    command.stdout(Stdio::piped()).stderr(Stdio::piped()).process_group(0);
    let mut child =
        command.spawn().unwrap_or_else(|e| panic!("cannot run {}: {e}", shown(command)));
    let stdout = reader(child.stdout.take());
    let stderr = reader(child.stderr.take());
    let (status, hung) = wait(&mut child, limit);
    Outcome {
        status,
        stdout: stdout.join().unwrap_or_default(),
        stderr: stderr.join().unwrap_or_default(),
        hung,
    }
}

/// [`run`] with a limit that suits a small test program.
///
/// # Panics
/// When the command cannot be started.
pub fn run_small(command: &mut Command) -> Outcome {
    run(command, Duration::from_secs(120))
}

fn shown(command: &Command) -> String {
    Path::new(command.get_program()).display().to_string()
}

fn reader(pipe: Option<impl Read + Send + 'static>) -> thread::JoinHandle<String> {
    thread::spawn(move || {
        let mut bytes = Vec::new();
        if let Some(mut pipe) = pipe {
            // A pipe that breaks has said all it had to say.
            let _ = pipe.read_to_end(&mut bytes);
        }
        String::from_utf8_lossy(&bytes).into_owned()
    })
}

fn wait(child: &mut Child, limit: Duration) -> (ExitStatus, bool) {
    let deadline = Instant::now() + limit;
    let mut pause = Duration::from_millis(1);
    loop {
        if let Some(status) = child.try_wait().expect("a child can be waited for") {
            return (status, false);
        }
        if Instant::now() > deadline {
            // SAFETY: the child leads a process group of its own and was not waited for yet.
            unsafe { libc::kill(-(child.id() as i32), libc::SIGKILL) };
            return (child.wait().expect("a killed child ends"), true);
        }
        thread::sleep(pause);
        pause = (pause * 2).min(Duration::from_millis(50));
    }
}
