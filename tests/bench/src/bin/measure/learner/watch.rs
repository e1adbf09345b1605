//! A child, watched from outside while it runs: what it has resident, what its allocator's own thread
//! takes, and when it prints what.
//!
//! Resident memory is read from `/proc/PID/statm`, which disturbs nobody: `smaps_rollup` counts page
//! by page, but holds the lock meanwhile that page faults need. The former may be off by some dozen
//! pages for each CPU.

use std::fs;
use std::io::{BufRead, BufReader, Read};
use std::os::unix::process::ExitStatusExt;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::time::{Duration, Instant};

use crate::child::{LIMIT, how, last_lines};

/// Time between two looks.
const STEP: Duration = Duration::from_millis(20);
/// The name of hakmem's background thread.
const HELPER: &str = "hakmem";

/// What the background thread had done at a time.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Helper {
    /// Seconds since the start.
    pub(crate) at: f64,
    /// Seconds of CPU time.
    pub(crate) cpu: f64,
    /// Times that it went to sleep.
    pub(crate) sleeps: u64,
}

/// How a child went.
pub(crate) struct Watched {
    /// What it printed, each line with the seconds since the start.
    pub(crate) lines: Vec<(f64, String)>,
    /// KiB resident, each with the seconds since the start.
    pub(crate) resident: Vec<(f64, f64)>,
    pub(crate) helper: Vec<Helper>,
}

/// Runs a command to its end. An error says how it failed, with the end of what it printed.
pub(crate) fn run(command: &mut Command) -> Result<Watched, String> {
    let start = Instant::now();
    let mut child =
        command.stdout(Stdio::piped()).stderr(Stdio::piped()).spawn().map_err(|error| {
            format!("{} does not start: {error}", command.get_program().display())
        })?;
    let (out, mut err) = (child.stdout.take().expect("piped"), child.stderr.take().expect("piped"));
    let lines = std::thread::spawn(move || {
        let lines = BufReader::new(out).lines().map_while(Result::ok);
        lines.map(|line| (start.elapsed().as_secs_f64(), line)).collect()
    });
    let errors = std::thread::spawn(move || {
        let mut text = Vec::new();
        // What could be read is what there is to tell.
        let _ = err.read_to_end(&mut text);
        String::from_utf8_lossy(&text).into_owned()
    });
    let mut look = Look::at(child.id());
    let (mut resident, mut helper) = (Vec::new(), Vec::new());
    let mut is_killed = false;
    let status = loop {
        match child.try_wait() {
            Ok(Some(status)) => break status.into_raw(),
            Ok(None) => {}
            Err(error) => return Err(format!("it cannot be waited for: {error}")),
        }
        let at = start.elapsed();
        resident.extend(look.resident().map(|kib| (at.as_secs_f64(), kib)));
        helper.extend(look.helper(at.as_secs_f64()));
        if at > LIMIT && !is_killed {
            is_killed = child.kill().is_ok();
        }
        std::thread::sleep(STEP.saturating_sub(start.elapsed() - at));
    };
    let (lines, errors) = (lines.join(), errors.join());
    let (lines, errors) = (lines.expect("it does not fail"), errors.expect("it does not fail"));
    if status != 0 {
        return Err(format!("{}: {}", how(status), last_lines(&errors)));
    }
    Ok(Watched { lines, resident, helper })
}

/// Where a process can be looked at.
struct Look {
    folder: PathBuf,
    /// The folder of the background thread, once it was seen.
    helper: Option<PathBuf>,
    page_kib: f64,
}

impl Look {
    fn at(pid: u32) -> Self {
        // SAFETY: a plain query.
        let page = unsafe { libc::sysconf(libc::_SC_PAGESIZE) };
        let folder = Path::new("/proc").join(pid.to_string());
        Self { folder, helper: None, page_kib: page as f64 / 1024.0 }
    }

    fn resident(&self) -> Option<f64> {
        let text = fs::read_to_string(self.folder.join("statm")).ok()?;
        let pages: f64 = text.split_whitespace().nth(1)?.parse().ok()?;
        // A process that has just ended has none.
        (pages > 0.0).then_some(pages * self.page_kib)
    }

    fn helper(&mut self, at: f64) -> Option<Helper> {
        if self.helper.is_none() {
            let tasks = fs::read_dir(self.folder.join("task")).ok()?.flatten();
            let named = |path: &PathBuf| {
                fs::read_to_string(path.join("comm")).is_ok_and(|name| name.trim() == HELPER)
            };
            self.helper = tasks.map(|task| task.path()).find(named);
        }
        let folder = self.helper.as_ref()?;
        let (cpu, sleeps) = (cpu(folder)?, sleeps(folder)?);
        Some(Helper { at, cpu, sleeps })
    }
}

/// CPU seconds of a thread: in nanoseconds where the kernel counts so, else in its ticks.
fn cpu(folder: &Path) -> Option<f64> {
    let schedstat = fs::read_to_string(folder.join("schedstat")).unwrap_or_default();
    let nanos = schedstat.split_whitespace().next().and_then(|text| text.parse::<f64>().ok());
    if let Some(nanos) = nanos.filter(|&nanos| nanos > 0.0) {
        return Some(nanos / 1e9);
    }
    let stat = fs::read_to_string(folder.join("stat")).ok()?;
    let fields: Vec<&str> = stat.rsplit(')').next()?.split_whitespace().collect();
    let ticks = |field: usize| fields.get(field - 3)?.parse::<f64>().ok();
    // SAFETY: a plain query.
    let hertz = unsafe { libc::sysconf(libc::_SC_CLK_TCK) } as f64;
    Some((ticks(14)? + ticks(15)?) / hertz)
}

/// How often a thread went to sleep.
fn sleeps(folder: &Path) -> Option<u64> {
    let status = fs::read_to_string(folder.join("status")).ok()?;
    let line = status.lines().find_map(|line| line.strip_prefix("voluntary_ctxt_switches:"))?;
    line.trim().parse().ok()
}

impl Watched {
    /// The last line that it printed, as JSON.
    pub(crate) fn last(&self) -> Result<serde_json::Value, String> {
        let line = self.lines.last().map_or("", |line| line.1.as_str());
        serde_json::from_str(line)
            .map_err(|error| format!("the worker's line cannot be read: {error}"))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn shell(script: &str) -> Result<Watched, String> {
        run(Command::new("sh").args(["-c", script]))
    }

    #[test]
    fn lines_and_memory_have_their_times() {
        let watched = shell("echo one; sleep 0.1; echo two").unwrap();
        let text: Vec<&str> = watched.lines.iter().map(|line| line.1.as_str()).collect();
        assert_eq!(text, ["one", "two"]);
        assert!(watched.lines[0].0 < watched.lines[1].0);
        assert!(watched.resident.iter().any(|sample| sample.1 > 0.0));
        assert!(watched.helper.is_empty());
    }

    #[test]
    fn a_failure_tells_what_was_printed() {
        let error = shell("echo reason >&2; exit 3").err().unwrap();
        assert!(error.contains("status 3") && error.contains("reason"), "{error}");
    }
}
