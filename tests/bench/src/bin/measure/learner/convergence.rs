//! How long it takes until the policy is what it will be, cold and from a policy that was saved.

use std::ffi::OsString;
use std::fs;
use std::path::Path;

use serde_json::{Value, json};

use crate::allocators::Subject;
use crate::learner::Session;
use crate::learner::log::{Log, Numbers};
use crate::learner::rounds::shown;
use crate::samples::Spread;
use crate::suite::{self, Task};
use crate::table::Table;

/// Workloads of a second or so, which run that many times as long.
const TASKS: [&str; 3] = ["larson", "mix-2t", "handover-1+1"];
const LONGER: f64 = 6.0;

/// What the record of a run says.
struct Run {
    steps: usize,
    changes: usize,
    learned: f64,
    all: f64,
    frozen: Option<f64>,
}

/// The table, and all figures.
pub(crate) fn run(session: &Session) -> Result<(String, Value), String> {
    let rounds = session.args.rounds(3, 2);
    let head = [
        "workload",
        "start",
        "steps",
        "changes",
        "lists and decay, s",
        "all numbers, s",
        "frozen, s",
    ];
    let mut table = Table::new(head.map(str::to_owned).into());
    let mut failures = String::new();
    let mut json = Vec::new();
    for task in suite::chosen(&TASKS.map(str::to_owned))? {
        let (mut cold, mut warm) = (Vec::new(), Vec::new());
        for round in 0..rounds {
            eprintln!("measure: round {}/{rounds}: convergence of {}", round + 1, task.name());
            match pair(session, &task) {
                Ok((first, second)) => {
                    cold.push(first);
                    warm.push(second);
                }
                Err(error) => failures += &format!("- **failed**: {}: {error}\n", task.name()),
            }
        }
        for (start, runs) in [("cold", &cold), ("warm", &warm)] {
            table.row(
                [task.name().to_owned(), start.to_owned()].into_iter().chain(cells(runs)).collect(),
            );
            let runs = runs.iter().map(|run| {
                json!({
                    "steps": run.steps, "changes": run.changes, "learned": run.learned, "all": run.all,
                    "frozen": run.frozen,
                })
            });
            json.push(json!({ "workload": task.name(), "start": start, "runs": runs.collect::<Vec<_>>() }));
        }
    }
    session.failed(!failures.is_empty());
    let failures = if failures.is_empty() { failures } else { format!("\n{failures}") };
    Ok((format!("{}{failures}\n", table.text()), Value::Array(json)))
}

/// The medians of some runs.
fn cells(runs: &[Run]) -> Vec<String> {
    let median = |figure: &dyn Fn(&Run) -> Option<f64>| {
        shown(Spread::of(runs.iter().filter_map(figure)).map(|spread| spread.median))
    };
    vec![
        median(&|run| Some(run.steps as f64)),
        median(&|run| Some(run.changes as f64)),
        median(&|run| Some(run.learned)),
        median(&|run| Some(run.all)),
        median(&|run| run.frozen),
    ]
}

/// A cold run, which saves its policy, and one that starts with it.
fn pair(session: &Session, task: &Task) -> Result<(Run, Run), String> {
    let folder = &session.field.folder;
    let [policy, log] = ["learned.policy", "learned.log"].map(|name| folder.join(name));
    // Whether there was one does not matter.
    let _ = fs::remove_file(&policy);
    let mut subject = session.field.on();
    subject.environment.push(("HAKMEM_POLICY", OsString::from(&policy)));
    subject.environment.push(("HAKMEM_LEARN_LOG", OsString::from(&log)));
    let part = session.args.part() * LONGER;
    let cold = one(task, &subject, &log, part)?;
    if !policy.exists() {
        return Err("the program saved no policy when it ended".to_owned());
    }
    Ok((cold, one(task, &subject, &log, part)?))
}

fn one(task: &Task, subject: &Subject, log: &Path, part: f64) -> Result<Run, String> {
    let _ = fs::remove_file(log);
    task.run(subject, part)?;
    let text = fs::read_to_string(log).map_err(|error| format!("there is no record: {error}"))?;
    let log = Log::of(&text)?;
    Ok(Run {
        steps: log.steps.len(),
        changes: log.changes(),
        learned: log.settled(Numbers::is_near_in_what_is_learned),
        all: log.settled(Numbers::is_near),
        frozen: log.reached("frozen"),
    })
}
