//! redis-server under redis-benchmark, over a Unix socket.

use std::process::Command;

use hakmem_bench::workload::Unit;

use crate::allocators::Subject;
use crate::child::run;
use crate::programs::{Program, installed};
use crate::samples::Sample;
use crate::server::Server;

/// Requests of each kind in a full run.
const REQUESTS: f64 = 300_000.0;
/// The kinds of requests, as redis-benchmark names its tests.
const TESTS: &str = "set,get,lpush,lpop,sadd,hset,zadd,mset";

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
        let server = Server::start(subject, &[], &[])?;
        let requests = (REQUESTS * scale) as u64;
        let mut command = Command::new(installed("redis-benchmark", "redis-tools")?);
        command.arg("-s").arg(server.socket());
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
