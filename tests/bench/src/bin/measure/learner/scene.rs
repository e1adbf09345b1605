//! The scenarios of the worker that change while they run, and what is read off them.

use hakmem_bench::memory::kib_after;
use serde_json::Value;

use crate::allocators::Subject;
use crate::child::under;
use crate::learner::statistics::{Cost, integral, mean_over_time};
use crate::learner::watch::{self, Watched};

/// One scenario.
#[derive(Clone, Copy)]
pub(crate) struct Scene {
    pub(crate) name: &'static str,
    /// The part of the report that it belongs to.
    pub(crate) part: &'static str,
    pub(crate) about: &'static str,
    /// Of its table. The first is time: a rate, or seconds.
    pub(crate) columns: &'static [&'static str],
    /// The column that stands for memory where both are weighed.
    memory: usize,
    /// Columns with an interval below the table.
    pub(crate) compared: &'static [usize],
    /// Arguments of the worker, for that part of a full run.
    args: fn(f64) -> String,
    read: fn(&Watched) -> Result<Vec<f64>, String>,
    /// KiB that must be available for a full run.
    needs_kib: f64,
}

/// The largest heap of `growth`, in MiB.
const GROWN: f64 = 2048.0;
/// What must be available for it: half as much again.
const NEEDED: f64 = GROWN * 1.5 * 1024.0;
const PHASES: &[&str] = &["M ops/s", "mean MiB", "MiB s", "peak MiB"];
const GROWTH: &[&str] = &["s", "peak MiB", "CPU s"];

#[rustfmt::skip] // a table
const SCENES: [Scene; 6] = [
    Scene {
        name: "shift", part: "phases", columns: PHASES, memory: 1, compared: &[0, 1], needs_kib: 0.0,
        about: "Two threads replace blocks at random; each 3 s the sizes change: 16 to 64 B, 200 to 1,000 B, 2 to 16 KiB, \
                24 to 256 B, of which 16, 96, 192 and 32 MiB are held.",
        args: |part| format!("shift 4 {}", 3.0 * part), read: phases,
    },
    Scene {
        name: "swap", part: "phases", columns: PHASES, memory: 1, compared: &[0, 1], needs_kib: 0.0,
        about: "One thread allocates 16 B to 4 KiB, another checks and frees, some 20 MiB behind; each 3 s they change parts.",
        args: |part| format!("swap 4 {}", 3.0 * part), read: phases,
    },
    Scene {
        name: "bursts", part: "phases", columns: PHASES, memory: 1, compared: &[0, 1], needs_kib: 0.0,
        about: "Two threads hold 192 MiB of 16 B to 8 KiB and replace them at random for 2 s, free all, and are quiet for \
                2 s; three times.",
        args: |part| format!("bursts 3 {0} {0} 192", 2.0 * part), read: phases,
    },
    Scene {
        name: "turns", part: "threads", columns: &["M ops/s", "caches MiB", "mean MiB"], memory: 2, compared: &[0, 1, 2],
        needs_kib: 0.0,
        about: "64 threads, two of them busy with bursts of up to 4,000 blocks of 16 to 512 B; the pair moves every 100 ms. \
                `caches`: resident, less what the program holds and less what was resident before the first thread, \
                as mean over time behind the first quarter.",
        args: |part| format!("turns 64 {}", 6.4 * part), read: turns,
    },
    Scene {
        name: "growth-1t", part: "growth", columns: GROWTH, memory: 1, compared: &[0, 1], needs_kib: NEEDED,
        about: "A heap of 2 GiB is built of linked objects of 16 B to 16 KiB, every byte written, on one thread.",
        args: |part| format!("growth {:.0} 1", GROWN * part), read: growth,
    },
    Scene {
        name: "growth-2t", part: "growth", columns: GROWTH, memory: 1, compared: &[0, 1], needs_kib: NEEDED,
        about: "The same in two halves, on two threads.",
        args: |part| format!("growth {:.0} 2", GROWN * part), read: growth,
    },
];

/// The phases of `shift`, each alone for as long as the whole: what a policy of its own is worth in each
/// is the most that going from one to the other can be worth.
const STAGES: [Scene; 4] = [
    stage("shift-nodes", "16 to 64 B, 16 MiB held.", |part| stage_args(part, 0)),
    stage("shift-records", "200 to 1,000 B, 96 MiB held.", |part| stage_args(part, 1)),
    stage("shift-buffers", "2 to 16 KiB, 192 MiB held.", |part| stage_args(part, 2)),
    stage("shift-strings", "24 to 256 B, 32 MiB held.", |part| stage_args(part, 3)),
];

/// As `shift` is, but for its name and arguments.
const fn stage(name: &'static str, about: &'static str, args: fn(f64) -> String) -> Scene {
    Scene { name, part: "ceiling", about, args, ..SCENES[0] }
}

fn stage_args(part: f64, first: usize) -> String {
    format!("shift 1 {} {first}", 6.0 * part)
}

/// All of them.
pub(crate) fn all() -> impl Iterator<Item = Scene> {
    SCENES.into_iter()
}

/// Phases of one of them, alone.
pub(crate) fn stages() -> impl Iterator<Item = Scene> {
    STAGES.into_iter()
}

impl Scene {
    /// One run, of that part of a full one: a figure for each column.
    pub(crate) fn run(&self, subject: &Subject, part: f64) -> Result<Vec<f64>, String> {
        let mut command = under(&subject.worker, subject);
        command.arg("learner").args((self.args)(part).split_whitespace());
        (self.read)(&watch::run(&mut command)?)
    }

    /// Whether the first column is a rate, of which more is better.
    pub(crate) fn is_rate(&self) -> bool {
        self.columns[0].ends_with("/s")
    }

    /// What a run's figures come to.
    pub(crate) fn cost(&self, figures: &[f64]) -> Cost {
        let time = if self.is_rate() { 1.0 / figures[0] } else { figures[0] };
        Cost { time, memory: figures[self.memory] }
    }

    /// An error where there is too little memory for that part of a full run.
    pub(crate) fn ready(&self, part: f64) -> Result<(), String> {
        let text = std::fs::read_to_string("/proc/meminfo").unwrap_or_default();
        let available = kib_after(&text, "MemAvailable:").map_or(f64::MAX, |kib| kib as f64);
        let needed = self.needs_kib * part;
        if available >= needed {
            return Ok(());
        }
        let [needed, available] = [needed, available].map(|kib| kib / 1024.0);
        Err(format!("it needs {needed:.0} MiB of memory, and {available:.0} MiB are available"))
    }
}

fn field(line: &Value, name: &str) -> Result<f64, String> {
    line[name].as_f64().ok_or_else(|| format!("the worker gave no {name}"))
}

/// Million operations a second.
fn rate(line: &Value) -> Result<f64, String> {
    Ok(field(line, "count")? / field(line, "wall")?.max(1e-6) / 1e6)
}

fn phases(watched: &Watched) -> Result<Vec<f64>, String> {
    let line = watched.last()?;
    let book = field(&line, "bookkeeping_kib")?;
    let mib = |&(at, kib): &(f64, f64)| (at, (kib - book).max(0.0) / 1024.0);
    let samples: Vec<(f64, f64)> = watched.resident.iter().map(mib).collect();
    let mean = mean_over_time(&samples).ok_or("it ended before it was looked at")?;
    let peak = samples.iter().map(|sample| sample.1).fold(0.0, f64::max);
    Ok(vec![rate(&line)?, mean, integral(&samples), peak])
}

fn turns(watched: &Watched) -> Result<Vec<f64>, String> {
    let line = watched.last()?;
    let mib = |name| field(&line, name).map(|kib| kib / 1024.0);
    Ok(vec![rate(&line)?, mib("caches_kib")?, mib("rss_kib")?])
}

fn growth(watched: &Watched) -> Result<Vec<f64>, String> {
    let line = watched.last()?;
    Ok(vec![field(&line, "wall")?, field(&line, "peak_kib")? / 1024.0, field(&line, "cpu")?])
}

#[cfg(test)]
mod tests {
    use super::*;

    fn watched(line: &str, resident: &[(f64, f64)]) -> Watched {
        let lines = vec![(0.0, "{}".to_owned()), (9.0, line.to_owned())];
        let resident = resident.to_vec();
        Watched { lines, resident, helper: Vec::new() }
    }

    #[test]
    fn phases_leave_the_bookkeeping_out() {
        let line = r#"{"count":4000000,"wall":2.0,"cpu":1.0,"bookkeeping_kib":1024}"#;
        let figures = phases(&watched(line, &[(0.0, 512.0), (1.0, 3072.0), (3.0, 3072.0)]));
        // 0, then 2 MiB from second 1 on.
        let [ops, mean, integral, peak] = figures.unwrap()[..] else { panic!("four columns") };
        assert_eq!((ops, integral, peak), (2.0, 5.0, 2.0));
        assert!((mean - 5.0 / 3.0).abs() < 1e-12);
        assert!(phases(&watched(line, &[])).is_err());
        assert!(phases(&watched("{}", &[(0.0, 1.0)])).is_err());
    }

    #[test]
    fn every_scene_weighs_a_time_and_a_memory() {
        for scene in all().chain(stages()) {
            let figures: Vec<f64> =
                (0..scene.columns.len()).map(|index| index as f64 + 2.0).collect();
            let cost = scene.cost(&figures);
            assert_eq!(cost.time, if scene.is_rate() { 0.5 } else { 2.0 }, "{}", scene.name);
            assert!(scene.columns[scene.memory].ends_with("MiB"), "{}", scene.name);
            assert!(scene.compared.iter().all(|&column| column < figures.len()));
        }
    }

    #[test]
    fn stages_are_the_phases_of_shift() {
        for (place, stage) in stages().enumerate() {
            assert!((stage.args)(0.5).ends_with(&format!(" {place}")), "{}", stage.name);
        }
    }

    #[test]
    fn a_heap_that_does_not_fit_is_not_built() {
        let scene = all().find(|scene| scene.part == "growth").unwrap();
        assert!(scene.ready(1e6).is_err());
        assert!(scene.ready(0.0).is_ok());
    }
}
