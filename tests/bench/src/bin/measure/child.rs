//! Child processes, timed and with the kernel's account of them.

use std::io::Read;
use std::process::{Command, Stdio};
use std::sync::mpsc;
use std::time::{Duration, Instant};

use hakmem_bench::clock::duration;

use crate::allocators::Subject;

/// A child that runs longer is killed.
pub(crate) const LIMIT: Duration = Duration::from_secs(180);

/// How a child went.
pub(crate) struct Ended {
    /// What it wrote to its standard output.
    pub(crate) text: String,
    /// What it wrote to its standard error.
    pub(crate) errors: String,
    /// Seconds from start to exit.
    pub(crate) wall: f64,
    /// Seconds of CPU time, user and system, of it and its own children.
    pub(crate) cpu: f64,
    /// The largest resident set of it or one of its children, in KiB. Never less than this
    /// process's own peak, which `exec` does not reset: use it for programs well above that.
    pub(crate) peak_kib: u64,
    /// Page faults that needed no disk, of it and its own children.
    pub(crate) minor_faults: u64,
}

/// A command that runs under an allocator.
pub(crate) fn under(program: impl AsRef<std::ffi::OsStr>, subject: &Subject) -> Command {
    let mut command = Command::new(program);
    match &subject.preload {
        Some(library) => command.env("LD_PRELOAD", library),
        None => command.env_remove("LD_PRELOAD"),
    };
    command.envs(subject.environment.iter().map(|(name, value)| (name, value)));
    command
}

/// Runs a command to its end. An error says how it failed, with the end of what it printed.
pub(crate) fn run(command: &mut Command) -> Result<Ended, String> {
    let start = Instant::now();
    let mut child =
        command.stdout(Stdio::piped()).stderr(Stdio::piped()).spawn().map_err(|error| {
            format!("{} does not start: {error}", command.get_program().display())
        })?;
    let pid = child.id() as libc::pid_t;
    let (done, watch) = mpsc::channel::<()>();
    let watchdog = std::thread::spawn(move || {
        if watch.recv_timeout(LIMIT) == Err(mpsc::RecvTimeoutError::Timeout) {
            // SAFETY: a plain system call; the child is not reaped before the channel is closed.
            unsafe { libc::kill(pid, libc::SIGKILL) };
        }
    });
    let mut text = String::new();
    let read = child.stdout.take().expect("piped").read_to_string(&mut text);
    let mut errors = String::new();
    let read = read.and(child.stderr.take().expect("piped").read_to_string(&mut errors));
    // SAFETY: all-zero bytes are a valid rusage; the child is ours, and nobody else waits for it.
    let (status, usage) = unsafe {
        let mut usage: libc::rusage = core::mem::zeroed();
        let mut status = 0;
        while libc::wait4(pid, &raw mut status, 0, &raw mut usage) == -1 {}
        (status, usage)
    };
    let wall = start.elapsed().as_secs_f64();
    drop(done);
    watchdog.join().expect("the watchdog does not panic");
    if status != 0 {
        return Err(format!("{}: {}", how(status), last_lines(&errors)));
    }
    read.map_err(|error| format!("its output cannot be read: {error}"))?;
    let cpu = duration(usage.ru_utime) + duration(usage.ru_stime);
    Ok(Ended {
        text,
        errors,
        wall,
        cpu: cpu.as_secs_f64(),
        peak_kib: usage.ru_maxrss as u64,
        minor_faults: usage.ru_minflt as u64,
    })
}

/// A wait status in words.
pub(crate) fn how(status: i32) -> String {
    if libc::WIFSIGNALED(status) {
        format!("killed by signal {}", libc::WTERMSIG(status))
    } else {
        format!("ended with status {}", libc::WEXITSTATUS(status))
    }
}

pub(crate) fn last_lines(text: &str) -> String {
    let lines: Vec<_> = text.trim().lines().collect();
    lines[lines.len().saturating_sub(4)..].join(" / ")
}
