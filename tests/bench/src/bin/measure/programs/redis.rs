//! redis-server under redis-benchmark, over a Unix socket.

use std::fs;
use std::io::{Read, Write};
use std::os::unix::net::UnixStream;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

use hakmem_bench::memory::kib_after;
use hakmem_bench::workload::Unit;

use crate::allocators::Subject;
use crate::child::{run, under};
use crate::programs::{Program, installed};
use crate::samples::Sample;

/// Requests of each kind in a full run.
const REQUESTS: f64 = 300_000.0;
/// The kinds of requests, as redis-benchmark names its tests.
const TESTS: &str = "set,get,lpush,lpop,sadd,hset,zadd,mset";
/// How long the server may take to answer for the first time.
const PATIENCE: Duration = Duration::from_secs(10);

pub(crate) struct Redis;

impl Program for Redis {
    fn name(&self) -> &'static str {
        "redis"
    }

    fn about(&self) -> &'static str {
        "redis-server under redis-benchmark: 8 commands, 20 clients, pipelines of 16"
    }

    fn unit(&self) -> Unit {
        Unit::KiloRequests
    }

    fn ready(&self) -> Result<(), String> {
        installed("redis-server", "redis-server")?;
        installed("redis-benchmark", "redis-tools").map(drop)
    }

    fn run(&self, subject: &Subject, scale: f64) -> Result<Sample, String> {
        let mut server = Server::start(subject)?;
        let requests = (REQUESTS * scale) as u64;
        let mut command = Command::new(installed("redis-benchmark", "redis-tools")?);
        command.arg("-s").arg(&server.socket);
        command.args(["-t", TESTS, "-n", &requests.to_string(), "-r", "100000", "-d", "64"]);
        let before = server.cpu_seconds()?;
        let ended = run(command.args(["-P", "16", "-c", "20", "-q", "--csv"]))?;
        let cpu = server.cpu_seconds()? - before;
        let (done, wall) = total(&ended.text, requests as f64)?;
        let peak_kib = server.peak_kib()?;
        server.check()?;
        let scale = self.unit().scale();
        Ok(Sample { value: done / wall / scale, cpu: done / cpu.max(1e-3) / scale, peak_kib })
    }
}

/// All requests, and the seconds they took: redis-benchmark prints requests a second of each test.
fn total(csv: &str, requests: f64) -> Result<(f64, f64), String> {
    let rate = |line: &str| line.split(',').nth(1)?.trim_matches('"').parse::<f64>().ok();
    let rates: Vec<f64> = csv.lines().filter_map(rate).collect();
    if rates.len() < TESTS.split(',').count() {
        return Err(format!("redis-benchmark printed {} results", rates.len()));
    }
    let seconds = rates.iter().map(|rate| requests / rate).sum();
    Ok((requests * rates.len() as f64, seconds))
}

/// A running server in a folder of its own; dropping it ends both.
struct Server {
    child: Child,
    folder: PathBuf,
    socket: PathBuf,
}

impl Server {
    fn start(subject: &Subject) -> Result<Self, String> {
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

    /// The first line of the answer to an inline command.
    fn ask(&self, command: &str) -> std::io::Result<String> {
        let mut stream = UnixStream::connect(&self.socket)?;
        stream.set_read_timeout(Some(PATIENCE))?;
        stream.write_all(format!("{command}\r\n").as_bytes())?;
        let mut answer = [0; 64];
        let length = stream.read(&mut answer)?;
        Ok(String::from_utf8_lossy(&answer[..length]).trim().to_owned())
    }

    /// Whether the data that the benchmark left can be read.
    fn check(&mut self) -> Result<(), String> {
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

    fn peak_kib(&self) -> Result<f64, String> {
        let status = self.proc("status")?;
        kib_after(&status, "VmHWM:").map(|kib| kib as f64).ok_or_else(|| "no VmHWM".to_owned())
    }

    /// CPU time of the server so far, user and system.
    fn cpu_seconds(&self) -> Result<f64, String> {
        let stat = self.proc("stat")?;
        let after_name = stat.rsplit(')').next().unwrap_or_default();
        // Fields 14 and 15 of the line; the name is the second.
        let ticks = after_name.split_whitespace().skip(11).take(2);
        let ticks: f64 = ticks.filter_map(|field| field.parse::<f64>().ok()).sum();
        // SAFETY: a plain query.
        Ok(ticks / unsafe { libc::sysconf(libc::_SC_CLK_TCK) } as f64)
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
        let _ = fs::remove_dir_all(&self.folder);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn adds_up_the_tests() {
        let line = |name: &str| format!("\"{name}\",\"200.00\",\"0.1\"\n");
        let text: String = TESTS.split(',').map(line).collect();
        let (done, seconds) = total(&format!("\"test\",\"rps\"\n{text}"), 100.0).unwrap();
        assert!((done - 800.0).abs() < 1e-9 && (seconds - 4.0).abs() < 1e-9);
        assert!(total("\"test\",\"rps\"\n", 100.0).is_err());
    }
}
