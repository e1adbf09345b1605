//! redis-server under redis-benchmark: pipelined, many clients, two I/O threads (more than there
//! are cores would only spin); data put in before is read back afterwards.

use crate::Verdict;
use crate::both::{LIMIT, assert_mapped, installed};
use hakmem_tests::child::{self, Outcome};
use std::fmt::Write;
use std::fs::{self, File};
use std::path::PathBuf;
use std::process::{Child, Command, Stdio};
use std::thread;
use std::time::Duration;

const KEYS: usize = 8_000;

/// A server of our own, on a socket in a directory of its own; nothing is kept on disk.
struct Server {
    process: Child,
    dir: PathBuf,
}

impl Server {
    fn start(mut command: Command, name: &str) -> Self {
        // A socket's path must be short, which a target directory's may not be.
        let dir = std::env::temp_dir().join(format!("hakmem-{name}-{}", std::process::id()));
        fs::create_dir_all(&dir).expect("the temporary directory is writable");
        let log = File::create(dir.join("log")).expect("the directory was just made");
        command
            .args(["--port", "0", "--save", "", "--appendonly", "no", "--io-threads", "2"])
            .args(["--io-threads-do-reads", "yes", "--unixsocket"])
            .arg(dir.join("socket"))
            .arg("--dir")
            .arg(&dir)
            .stdout(Stdio::from(log.try_clone().expect("a file can be opened twice")))
            .stderr(Stdio::from(log));
        let process = command.spawn().expect("redis-server can be started");
        let server = Self { process, dir };
        let answers = || server.client("redis-cli", &["PING"]).stdout == "PONG\n";
        let up = (0..600).any(|_| {
            thread::sleep(Duration::from_millis(50));
            answers()
        });
        assert!(up, "redis-server does not answer:\n{}", server.log());
        server
    }

    fn log(&self) -> String {
        fs::read_to_string(self.dir.join("log")).unwrap_or_default()
    }

    fn command(&self, program: &str) -> Command {
        let mut command = child::plain(program);
        command.arg("-s").arg(self.dir.join("socket"));
        command
    }

    fn client(&self, program: &str, arguments: &[&str]) -> Outcome {
        child::run(self.command(program).args(arguments), LIMIT)
    }

    /// Sends commands, one a line, and gives the answers.
    fn send(&self, commands: &str) -> String {
        let path = self.dir.join("commands");
        fs::write(&path, commands).expect("the directory is writable");
        let input = File::open(&path).expect("just written");
        let outcome = child::run(self.command("redis-cli").stdin(input), LIMIT);
        outcome.expect_success("redis-cli").stdout
    }

    fn stop(mut self) {
        self.client("redis-cli", &["SHUTDOWN", "NOSAVE"]);
        let status = self.process.wait().expect("a child can be waited for");
        assert!(status.success(), "redis-server ended with {status}:\n{}", self.log());
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        // Only of use where a check failed: a server that has ended cannot be killed.
        let _ = self.process.kill();
        let _ = self.process.wait();
        let _ = fs::remove_dir_all(&self.dir);
    }
}

/// Writes to strings, hashes, lists, sets and sorted sets, with much growing and deleting.
fn writes() -> String {
    let mut text = String::new();
    for i in 0..KEYS {
        let long = "v".repeat(i % 700);
        // Writing to a string does not fail.
        let _ = writeln!(text, "SET own:{i} {i}-{long}");
        let _ = writeln!(text, "APPEND own:{} more-{i}", i * 7 % KEYS);
        let _ = writeln!(text, "HSET own-hash:{} field{i} {i}{long}", i % 50);
        let _ = writeln!(text, "RPUSH own-list:{} {i}{long}", i % 20);
        let _ = writeln!(text, "SADD own-set:{} member{i}", i % 10);
        let _ = writeln!(text, "ZADD own-order:{} {i} member{i}", i % 10);
        if i % 3 == 0 {
            let _ = writeln!(text, "DEL own:{}", i / 2);
            let _ = writeln!(text, "LPOP own-list:{}", i % 20);
            let _ = writeln!(text, "HDEL own-hash:{} field{}", i / 2 % 50, i / 2);
        }
    }
    text
}

/// Reads all of it back, in an order that does not depend on chance.
fn reads() -> String {
    let mut text = String::new();
    for i in 0..KEYS {
        let _ = writeln!(text, "GET own:{i}");
        let _ = writeln!(text, "HGET own-hash:{} field{i}", i % 50);
    }
    for i in 0..20 {
        let _ = writeln!(text, "LRANGE own-list:{i} 0 -1");
    }
    for i in 0..10 {
        let _ = writeln!(text, "SCARD own-set:{i}");
        let _ = writeln!(text, "SORT own-set:{i} ALPHA");
        let _ = writeln!(text, "ZRANGE own-order:{i} 0 -1");
    }
    text
}

/// Runs server and load; gives what reading everything back printed.
fn session(command: Command, preloaded: bool) -> String {
    let server = Server::start(command, if preloaded { "with" } else { "without" });
    if preloaded {
        let maps = fs::read_to_string(format!("/proc/{}/maps", server.process.id()));
        assert_mapped(&maps.expect("a process has maps"));
    }
    let written = server.send(&writes());
    let load = "set,get,incr,lpush,rpush,lpop,sadd,hset,spop,zadd,lrange_100,mset";
    let benchmark = |more: &[&str]| {
        let common = ["-q", "-t", load, "-r", "20000"];
        let outcome = server.client("redis-benchmark", &[&common, more].concat());
        outcome.expect_success("redis-benchmark");
    };
    benchmark(&["-P", "32", "-c", "50", "-d", "300", "-n", "20000"]);
    benchmark(&["-P", "8", "-c", "20", "-d", "6000", "-n", "3000"]);
    let read = server.send(&reads());
    let integrity = server.send("DBSIZE\nFLUSHALL\nDBSIZE\n");
    assert!(integrity.ends_with("OK\n0\n"), "{integrity}");
    server.stop();
    written + &read
}

pub(crate) fn benchmark_and_data() -> Verdict {
    for program in ["redis-benchmark", "redis-cli"] {
        if let Err(reason) = installed(program) {
            return Verdict::Skipped(reason);
        }
    }
    match installed("redis-server") {
        Err(reason) => Verdict::Skipped(reason),
        Ok(redis) => {
            let with = session(child::preloaded(&redis), true);
            let without = session(child::plain(&redis), false);
            assert!(with.len() > 1_000_000, "the data is missing: {} bytes", with.len());
            let differ = with.lines().zip(without.lines()).find(|(a, b)| a != b);
            assert!(with == without, "the data differs: {differ:?}");
            Verdict::Passed
        }
    }
}
