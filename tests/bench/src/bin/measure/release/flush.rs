//! redis-server filled, then emptied: what a program with a heap of many sizes still has resident.

use std::time::{Duration, Instant};

use crate::programs::installed;
use crate::release::scenario::{Case, Contender, Field, Figure, Figures, Scenario};
use crate::server::Server;

pub(crate) struct Flush;

/// Bytes of the values, each a third of all memory.
const VALUES: [usize; 3] = [64, 512, 4096];
/// Bytes that a key, its entry and its value's header take, about.
const ENTRY: usize = 120;
/// Seconds after the flush.
const SECONDS: [u64; 5] = [0, 1, 2, 5, 10];

impl Scenario for Flush {
    fn name(&self) -> &'static str {
        "redis"
    }

    fn about(&self) -> &'static str {
        "redis-server filled with values of 64, 512 and 4,096 B, then FLUSHALL. MiB so many seconds after, as the \
         kernel counts and as the server says (used_memory_rss)."
    }

    fn field(&self) -> Field {
        Field::All
    }

    fn ready(&self) -> Result<(), String> {
        installed("redis-server", "redis-server").map(drop)
    }

    fn cases(&self, quick: bool) -> Vec<Case> {
        let mib = if quick { 200 } else { 1024 };
        vec![Case::new(&format!("about {mib} MiB"), &mib.to_string())]
    }

    fn run(&self, case: &Case, contender: &Contender) -> Result<Figures, String> {
        let mib: usize = case.args[0].parse().map_err(|_| "the size is a number")?;
        let options = ["--enable-debug-command", "yes"];
        let server = Server::start(contender.subject, &contender.environment, &options)?;
        let (kernel, own) = ("by the kernel", "used_memory_rss");
        let mut figures = Vec::new();
        let mut sample = |column: &str| {
            let column = column.to_owned();
            let value = server.resident_kib()? / 1024.0;
            figures.push(Figure { table: kernel, column: column.clone(), value });
            let value = server.memory(own)? / 1_048_576.0;
            figures.push(Figure { table: own, column, value });
            Ok::<_, String>(())
        };
        sample("before")?;
        for value in VALUES {
            let count = (mib << 20) / VALUES.len() / (value + ENTRY);
            server.order(&format!("DEBUG POPULATE {count} size{value} {value}"))?;
        }
        // The server looks at its resident set ten times a second.
        std::thread::sleep(Duration::from_millis(300));
        sample("filled")?;
        server.check()?;
        server.order("FLUSHALL SYNC")?;
        let start = Instant::now();
        for second in SECONDS {
            std::thread::sleep(Duration::from_secs(second).saturating_sub(start.elapsed()));
            sample(&format!("{second} s"))?;
        }
        Ok(Figures { figures, notes: Vec::new() })
    }
}
