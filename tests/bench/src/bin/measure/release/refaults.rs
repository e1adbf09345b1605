//! Refaults: what it costs to give pages back that are wanted again soon after.

use std::process::Command;
use std::time::Duration;

use crate::child::run as run_child;
use crate::programs::{compile, installed};
use crate::release::scenario::{Case, Contender, Field, Figure, Figures, Scenario};
use crate::release::workers::complaints;
use crate::server::Server;

pub(crate) struct Refaults;

/// Bytes of a value in redis.
const VALUE: &str = "1000";
/// How long redis stays empty: long enough for memory to be given back.
const PAUSE: Duration = Duration::from_secs(1);

impl Scenario for Refaults {
    fn name(&self) -> &'static str {
        "refaults"
    }

    fn about(&self) -> &'static str {
        "Programs that take again what they freed, with memory given back as usual and never. Page faults that \
         needed no disk; seconds; CPU seconds."
    }

    fn field(&self) -> Field {
        Field::Release
    }

    fn is_timed(&self) -> bool {
        true
    }

    fn ratio(&self) -> Option<&'static str> {
        Some("on/off")
    }

    fn ready(&self) -> Result<(), String> {
        installed("redis-server", "redis-server")?;
        installed("redis-benchmark", "redis-tools")?;
        installed("g++", "g++").map(drop)
    }

    fn cases(&self, quick: bool) -> Vec<Case> {
        let (fills, sets) = if quick { (3, 100_000) } else { (5, 300_000) };
        let label = format!("redis: {sets} keys set, then FLUSHALL and 1 s, {fills} times");
        vec![
            Case::new(&label, &format!("redis {fills} {sets}")),
            Case::new("g++ -O2 on programs/templates.cpp", "compile"),
        ]
    }

    fn run(&self, case: &Case, contender: &Contender) -> Result<Figures, String> {
        match case.args.as_slice() {
            [_, fills, sets] => redis(contender, fills.parse().unwrap_or(1), sets),
            _ => compilation(contender),
        }
    }
}

fn figures(faults: f64, wall: f64, cpu: f64) -> Vec<Figure> {
    vec![Figure::new("faults", faults), Figure::new("s", wall), Figure::new("CPU s", cpu)]
}

fn compilation(contender: &Contender) -> Result<Figures, String> {
    let ended = run_child(&mut contender.set(compile::command(contender.subject)?))?;
    let mut notes: Vec<String> =
        complaints(&ended.errors).map(|note| format!("{}: {note}", contender.label)).collect();
    notes.dedup();
    Ok(Figures { figures: figures(ended.minor_faults as f64, ended.wall, ended.cpu), notes })
}

/// The time is that of redis-benchmark, without the pauses; the rest is the server's.
fn redis(contender: &Contender, fills: u32, sets: &str) -> Result<Figures, String> {
    let server = Server::start(contender.subject, &contender.environment, &[])?;
    let (faults, cpu) = (server.minor_faults()?, server.cpu_seconds()?);
    let mut wall = 0.0;
    for _ in 0..fills {
        let mut command = Command::new(installed("redis-benchmark", "redis-tools")?);
        command.arg("-s").arg(server.socket()).args(["-t", "set", "-n", sets, "-r", sets]);
        wall += run_child(command.args(["-d", VALUE, "-P", "16", "-c", "20", "-q"]))?.wall;
        server.check()?;
        server.order("FLUSHALL SYNC")?;
        std::thread::sleep(PAUSE);
    }
    let (faults, cpu) = (server.minor_faults()? - faults, server.cpu_seconds()? - cpu);
    Ok(Figures { figures: figures(faults, wall, cpu), notes: Vec::new() })
}
