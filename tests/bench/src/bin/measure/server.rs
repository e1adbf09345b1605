//! A redis-server of one's own, under an allocator.

use std::fs;
use std::io::{Read, Write};
use std::os::unix::net::UnixStream;
use std::path::{Path, PathBuf};
use std::process::{Child, Stdio};
use std::time::{Duration, Instant};

use hakmem_bench::memory::kib_after;

use crate::allocators::Subject;
use crate::child::under;
use crate::programs::installed;

/// How long the server may take to start, and to answer.
const PATIENCE: Duration = Duration::from_secs(30);

/// A running server in a folder of its own; dropping it ends both.
pub(crate) struct Server {
    child: Child,
    folder: PathBuf,
    socket: PathBuf,
}

impl Server {
    /// Starts a server under an allocator, with further variables and options, and waits for it.
    pub(crate) fn start(
        subject: &Subject,
        environment: &[(&str, &str)],
        options: &[&str],
    ) -> Result<Self, String> {
        let folder = std::env::temp_dir().join(format!("hakmem-redis-{}", std::process::id()));
        fs::create_dir_all(&folder).map_err(|error| format!("{}: {error}", folder.display()))?;
        let socket = folder.join("socket");
        let mut command = under(installed("redis-server", "redis-server")?, subject);
        if subject.preload.is_none() {
            // Debian links the server to jemalloc: glibc's malloc must be put before that.
            command.env("LD_PRELOAD", "libc.so.6");
        }
        command.args(["--port", "0", "--save", "", "--appendonly", "no", "--daemonize", "no"]);
        command.arg("--unixsocket").arg(&socket).arg("--dir").arg(&folder);
        command.args(options).envs(environment.iter().copied());
        let child = command.stdout(Stdio::null()).stderr(Stdio::null()).spawn();
        let child = child.map_err(|error| format!("redis-server does not start: {error}"))?;
        let server = Self { child, folder, socket };
        let start = Instant::now();
        while server.ask("PING").is_err() {
            if start.elapsed() > PATIENCE {
                return Err("redis-server does not answer".to_owned());
            }
            std::thread::sleep(Duration::from_millis(10));
        }
        Ok(server)
    }

    /// The socket to talk to it.
    pub(crate) fn socket(&self) -> &Path {
        &self.socket
    }

    /// The answer to an inline command, as far as it comes in one piece: errors and what is short.
    pub(crate) fn ask(&self, command: &str) -> std::io::Result<String> {
        let mut stream = UnixStream::connect(&self.socket)?;
        stream.set_read_timeout(Some(PATIENCE))?;
        stream.write_all(format!("{command}\r\n").as_bytes())?;
        let mut answer = [0; 8192];
        let length = stream.read(&mut answer)?;
        Ok(String::from_utf8_lossy(&answer[..length]).trim().to_owned())
    }

    /// Runs a command that must answer OK.
    pub(crate) fn order(&self, command: &str) -> Result<(), String> {
        match self.ask(command) {
            Ok(answer) if answer == "+OK" => Ok(()),
            Ok(answer) => Err(format!("redis-server, {command}: {answer}")),
            Err(error) => Err(format!("redis-server, {command}: {error}")),
        }
    }

    /// A number of bytes from `INFO memory`.
    pub(crate) fn memory(&self, field: &str) -> Result<f64, String> {
        let text =
            self.ask("INFO memory").map_err(|error| format!("redis-server died: {error}"))?;
        let value = |line: &str| line.strip_prefix(field)?.strip_prefix(':')?.trim().parse().ok();
        text.lines().find_map(value).ok_or_else(|| format!("redis-server told no {field}"))
    }

    /// Whether the data that the benchmark left can be read.
    pub(crate) fn check(&self) -> Result<(), String> {
        let size = self.ask("DBSIZE").map_err(|error| format!("redis-server died: {error}"))?;
        match size.trim_start_matches(':').parse::<u64>() {
            Ok(1..) => Ok(()),
            _ => Err(format!("redis-server has no data: {size}")),
        }
    }

    fn proc(&self, file: &str) -> Result<String, String> {
        let path = Path::new("/proc").join(self.child.id().to_string()).join(file);
        fs::read_to_string(&path).map_err(|error| format!("redis-server died: {error}"))
    }

    pub(crate) fn peak_kib(&self) -> Result<f64, String> {
        let status = self.proc("status")?;
        kib_after(&status, "VmHWM:").map(|kib| kib as f64).ok_or_else(|| "no VmHWM".to_owned())
    }

    /// The resident set now, in KiB, counted page by page.
    pub(crate) fn resident_kib(&self) -> Result<f64, String> {
        let rollup = self.proc("smaps_rollup")?;
        kib_after(&rollup, "Rss:").map(|kib| kib as f64).ok_or_else(|| "no Rss".to_owned())
    }

    /// CPU time of the server so far, user and system.
    pub(crate) fn cpu_seconds(&self) -> Result<f64, String> {
        let ticks = self.stat(14)? + self.stat(15)?;
        // SAFETY: a plain query.
        Ok(ticks / unsafe { libc::sysconf(libc::_SC_CLK_TCK) } as f64)
    }

    /// Page faults of the server so far that needed no disk.
    pub(crate) fn minor_faults(&self) -> Result<f64, String> {
        self.stat(10)
    }

    /// A field of `/proc/PID/stat`, counted from 1 as its manual does.
    fn stat(&self, field: usize) -> Result<f64, String> {
        let stat = self.proc("stat")?;
        // The name is the second field, in parentheses, and may hold anything.
        let after_name = stat.rsplit(')').next().unwrap_or_default();
        let text = after_name.split_whitespace().nth(field - 3);
        text.and_then(|text| text.parse().ok()).ok_or_else(|| "no stat of redis-server".to_owned())
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
        let _ = fs::remove_dir_all(&self.folder);
    }
}
