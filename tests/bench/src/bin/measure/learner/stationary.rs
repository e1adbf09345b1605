//! Workloads that stay as they are: what the learner costs there, and how much of what a policy made
//! for the workload would gain it finds.

use serde_json::{Value, json};

use crate::allocators::Subject;
use crate::learner::Session;
use crate::learner::load::run_task;
use crate::learner::rounds::{Grid, shown};
use crate::learner::statistics::{Interval, percent, share};
use crate::suite::Task;
use crate::table::Table;

/// How far behind the learner may be, as a part.
const BEHIND: f64 = 0.02;
/// An advantage of the oracle that is worth reaching, as a part.
const WORTH: f64 = 0.05;
/// The others run in every so many-th round.
const SELDOM: usize = 4;

const TIME: usize = 0;
const MEMORY: usize = 1;
const COLUMNS: [&str; 2] = ["time", "MiB"];

/// A workload's runs.
struct Measured<'a> {
    task: &'a Task,
    grid: Grid,
    /// The oracle's policy, where it is not the static one.
    oracle: Option<String>,
}

/// The tables, and all figures.
pub(crate) fn run(session: &Session) -> Result<(String, Value), String> {
    let rounds = session.args.rounds(20, 2);
    let mut all = Vec::new();
    let mut text = String::new();
    for task in &session.tasks {
        if let Err(error) = task.ready() {
            text += &format!("- not run: {}: {error}\n", task.name());
            continue;
        }
        let best = session.sweep.best(Some(task.name()));
        let oracle = (best != session.fixed).then(|| best.text());
        let mut entries = session.hakmems(task.name())?;
        entries.extend(session.others(SELDOM)?);
        let part = session.args.part();
        let run = |subject: &Subject| {
            let cost = run_task(task, subject, part)?;
            Ok(vec![cost.time, cost.memory])
        };
        let grid = Grid::measure(task.name(), &COLUMNS, &entries, rounds, run);
        all.push(Measured { task, grid, oracle });
    }
    let names = names(session);
    text += &pairs(&all);
    text += &format!(
        "\nSpeed in each workload's unit, medians; more is better, but for times (ms, s).\n\n{}",
        medians(&all, &names, |measured, name| {
            let time = measured.grid.median(name, TIME)?;
            Some(if measured.task.unit().is_time() { time } else { 1.0 / time })
        })
    );
    text += &format!(
        "\nPeak resident MiB, medians; less is better.\n\n{}\n",
        medians(&all, &names, |measured, name| measured.grid.median(name, MEMORY))
    );
    let failures: String = all.iter().map(|one| one.grid.failures()).collect();
    session.failed(!failures.is_empty());
    let json: Vec<Value> = all
        .iter()
        .map(|one| json!({ "oracle": one.oracle, "runs": one.grid.json(one.task.name()) }))
        .collect();
    Ok((text + &failures, Value::Array(json)))
}

/// Who may have a column.
fn names(session: &Session) -> Vec<String> {
    let own = ["on", "static", "oracle", "default"].map(str::to_owned);
    own.into_iter().chain(session.field.peers().iter().map(|peer| peer.name.clone())).collect()
}

/// The learner against the static policy, and against the oracle.
fn pairs(all: &[Measured]) -> String {
    let head = [
        "workload",
        "time on/static, %",
        "≤ 2 %",
        "memory on/static, %",
        "≤ 2 %",
        "oracle/static, %",
        "share",
        "oracle",
    ];
    let mut table = Table::new(head.map(str::to_owned).into());
    for Measured { task, grid, oracle } in all {
        let mut cells = vec![task.name().to_owned()];
        for column in [TIME, MEMORY] {
            let interval = grid.compare("on", "static", column);
            cells.push(interval.map_or("-".to_owned(), Interval::text));
            let answer = interval.map(|interval| interval.is_within(BEHIND).text());
            cells.push(answer.unwrap_or("-").to_owned());
        }
        let both = |one| {
            Some(grid.log_ratio(one, "static", TIME)? + grid.log_ratio(one, "static", MEMORY)?)
        };
        let (on, best) = (both("on"), both("oracle"));
        cells.push(best.map_or("-".to_owned(), percent));
        let reached = on.zip(best).and_then(|(on, best)| share(-on, -best, WORTH));
        cells.push(reached.map_or("-".to_owned(), |share| format!("{share:.2}")));
        cells.push(oracle.clone().unwrap_or("as `static`".to_owned()));
        table.row(cells);
    }
    table.text()
}

fn medians(
    all: &[Measured],
    names: &[String],
    figure: impl Fn(&Measured, &str) -> Option<f64>,
) -> String {
    let head = ["workload", "unit"].into_iter().chain(names.iter().map(String::as_str));
    let mut table = Table::new(head.map(str::to_owned).collect());
    for measured in all {
        let unit = measured.task.unit().label().to_owned();
        let cells = names.iter().map(|name| shown(figure(measured, name)));
        table.row([measured.task.name().to_owned(), unit].into_iter().chain(cells).collect());
    }
    table.text()
}
