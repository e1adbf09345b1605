//! Running workloads and real programs under every allocator in turn.

use hakmem_bench::alloc::RustGlobal;
use hakmem_bench::workload::{Unit, Workload, catalog};
use serde_json::Value;

use crate::allocators::{self, Found, Subject};
use crate::child::{run as run_child, under};
use crate::cli::{Cli, Side, fits};
use crate::machine::Machine;
use crate::programs::{self, Program};
use crate::report::{self, Results, Row};
use crate::samples::{Sample, Samples};

/// Something to run.
pub(crate) enum Task {
    Load(Workload),
    Program(Box<dyn Program>),
}

impl Task {
    pub(crate) fn name(&self) -> &'static str {
        match self {
            Self::Load(load) => load.name,
            Self::Program(program) => program.name(),
        }
    }

    pub(crate) fn unit(&self) -> Unit {
        match self {
            Self::Load(load) => load.unit,
            Self::Program(program) => program.unit(),
        }
    }

    fn about(&self) -> &'static str {
        match self {
            Self::Load(load) => load.about,
            Self::Program(program) => program.about(),
        }
    }

    /// An error says what is not installed.
    pub(crate) fn ready(&self) -> Result<(), String> {
        match self {
            Self::Load(_) => Ok(()),
            Self::Program(program) => program.ready(),
        }
    }

    fn is_for(&self, side: Side) -> bool {
        match self {
            Self::Load(load) => !load.c_only || side == Side::Preload,
            Self::Program(_) => side == Side::Preload,
        }
    }

    pub(crate) fn run(&self, subject: &Subject, scale: f64) -> Result<Sample, String> {
        match self {
            Self::Load(load) => run_load(load, subject, scale),
            Self::Program(program) => program.run(subject, scale),
        }
    }
}

/// Every task there is.
pub(crate) fn tasks() -> Vec<Task> {
    let loads = catalog::<RustGlobal>().into_iter().map(Task::Load);
    loads.chain(programs::all().into_iter().map(Task::Program)).collect()
}

/// Prints every task.
pub(crate) fn list() {
    for task in tasks() {
        let side = if task.is_for(Side::Rust) { "" } else { " (preload side only)" };
        println!("{:<18} {:<12} {}{side}", task.name(), task.unit().label(), task.about());
    }
}

/// Runs what was asked for and prints the report; false where something failed.
pub(crate) fn run(cli: &Cli) -> Result<bool, String> {
    let tasks = chosen(&cli.only)?;
    let machine = Machine::here();
    println!("# Benchmarks\n\n{}; {}\n", machine.line(), report::how(cli));
    let mut sides = Vec::new();
    let mut good = true;
    for &side in cli.side.each() {
        let tasks: Vec<_> = tasks.iter().filter(|task| task.is_for(side)).collect();
        if tasks.is_empty() {
            continue;
        }
        let results = run_side(side, &tasks, cli)?;
        print!("{}", report::tables(&results));
        good &= results.rows.iter().flat_map(|row| &row.samples).all(|s| s.error.is_none());
        sides.push(results);
    }
    if let Some(path) = &cli.json {
        let sides: Vec<Value> = sides.iter().map(report::json).collect();
        let all = serde_json::json!({ "machine": machine.json(), "sides": sides });
        let text = serde_json::to_string_pretty(&all).map_err(|error| error.to_string())?;
        std::fs::write(path, text).map_err(|error| format!("{}: {error}", path.display()))?;
    }
    Ok(good)
}

/// The tasks that `--only` names; all without it.
pub(crate) fn chosen(only: &[String]) -> Result<Vec<Task>, String> {
    let all = tasks();
    for pattern in only {
        if !all.iter().any(|task| fits(pattern, task.name())) {
            return Err(format!("no workload is called {pattern}: see --list"));
        }
    }
    let wanted = |task: &Task| only.iter().any(|pattern| fits(pattern, task.name()));
    Ok(all.into_iter().filter(|task| only.is_empty() || wanted(task)).collect())
}

/// All rounds of one side. Within a round every task runs under each allocator before the next
/// one starts, and the allocator that goes first changes from round to round: what slows the
/// machine down for a while hits them alike.
fn run_side(side: Side, tasks: &[&Task], cli: &Cli) -> Result<Results, String> {
    eprintln!("measure: building for the {side:?} side");
    let Found { subjects, mut missing } = allocators::find(side, cli)?;
    let empty = |task: &&Task| Row {
        name: task.name(),
        unit: task.unit(),
        samples: subjects.iter().map(|_| Samples::default()).collect(),
    };
    let mut rows: Vec<Row> = tasks.iter().map(empty).collect();
    let rounds = cli.rounds();
    for round in 0..rounds {
        for (task, row) in tasks.iter().zip(&mut rows) {
            if let Err(error) = task.ready() {
                missing.push(format!("{}: {error}", task.name()));
                continue;
            }
            eprintln!("measure: round {}/{rounds}: {}", round + 1, task.name());
            for turn in 0..subjects.len() {
                let index = (turn + round) % subjects.len();
                let samples = &mut row.samples[index];
                if samples.error.is_some() {
                    continue;
                }
                match task.run(&subjects[index], cli.scale()) {
                    Ok(sample) => samples.runs.push(sample),
                    Err(error) => samples.error = Some(error),
                }
            }
        }
    }
    missing.sort();
    missing.dedup();
    rows.retain(|row| {
        row.samples.iter().any(|samples| !samples.runs.is_empty() || samples.error.is_some())
    });
    Ok(Results { side, subjects, rows, missing })
}

/// One run of a worker.
fn run_load(load: &Workload, subject: &Subject, scale: f64) -> Result<Sample, String> {
    let scale = scale.to_string();
    let ended = run_child(under(&subject.worker, subject).args([load.name, &scale]))?;
    let line: Value = serde_json::from_str(&ended.text)
        .map_err(|error| format!("the worker's line cannot be read: {error}"))?;
    let field =
        |name: &str| line[name].as_f64().ok_or_else(|| format!("the worker gave no {name}"));
    let peak_kib = field("peak_kib")?;
    if load.unit.is_time() {
        let scale = load.unit.scale();
        return Ok(Sample { value: ended.wall * scale, cpu: ended.cpu * scale, peak_kib });
    }
    let (count, wall, cpu) = (field("count")?, field("wall")?, field("cpu")?);
    let per = |seconds: f64| count / seconds.max(1e-6) / load.unit.scale();
    Ok(Sample { value: per(wall), cpu: per(cpu), peak_kib })
}
