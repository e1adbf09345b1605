//! Each lever held fast alone: what the learner would be worth without it.

use hakmem_core::learn::Lever;
use serde_json::{Value, json};

use crate::learner::Session;
use crate::learner::load::Load;
use crate::learner::rounds::{Entry, Grid};
use crate::learner::scene;
use crate::learner::statistics::{Cost, percent};
use crate::suite;
use crate::table::Table;

/// Workloads beside the scenarios, most of them with several threads.
const TASKS: &str = "mix-2t,larson,handover-1+1,lifo-10k";
/// The part of their length that scenarios run.
const PART: f64 = 0.5;

/// The tables, and all figures.
pub(crate) fn run(session: &Session) -> Result<(String, Value), String> {
    let rounds = session.args.rounds(1, 2);
    let part = session.args.part();
    let tasks: Vec<String> = TASKS.split(',').map(str::to_owned).collect();
    let tasks = suite::chosen(&tasks)?.into_iter().map(Load::Task);
    let scenes = scene::all().filter(|scene| scene.name != "growth-2t").map(Load::Scene);
    let lines = Lever::ALL.map(Lever::whole).map(|lever| {
        let variables = [("HAKMEM_LEARN", "on"), ("HAKMEM_LEARN_FIXED", lever)];
        session.field.hakmem(&format!("without {lever}"), &variables)
    });
    let subjects = || [session.field.on()].into_iter().chain(lines.clone());
    let mut text = String::new();
    let mut grids = Vec::new();
    for load in scenes.chain(tasks) {
        let part = if matches!(load, Load::Scene(_)) { part * PART } else { part };
        if let Err(error) = load.ready(part) {
            text += &format!("- not run: {}: {error}\n", load.name());
            continue;
        }
        let off = session.field.usual()?;
        let entries: Vec<Entry> = subjects().chain([off]).map(Entry::always).collect();
        let grid = Grid::measure(load.name(), &["time", "memory"], &entries, rounds, |subject| {
            load.run(subject, part).map(|Cost { time, memory }| vec![time, memory])
        });
        session.failed(!grid.is_good());
        text += &grid.failures();
        grids.push((load.name(), grid));
    }
    let names: Vec<String> = lines.iter().map(|line| line.name.clone()).collect();
    let names: Vec<&str> = names.iter().map(String::as_str).chain(["default"]).collect();
    for (what, column) in [("Time", 0), ("Memory", 1)] {
        text += &format!("\n{what}, % more (+) or less (-) than with all levers:\n\n");
        text += &table(&grids, &names, column);
    }
    let json: Vec<Value> = grids.iter().map(|(name, grid)| grid.json(name)).collect();
    Ok((text + "\n", json!(json)))
}

/// A line for each that lacks something; a star where the interval has no zero in it.
fn table(grids: &[(&str, Grid)], names: &[&str], column: usize) -> String {
    let head = [""].into_iter().chain(grids.iter().map(|grid| grid.0));
    let mut table = Table::new(head.map(str::to_owned).collect());
    for name in names {
        let cells = grids.iter().map(|(_, grid)| {
            let ratio = grid.log_ratio(name, "on", column).map_or("-".to_owned(), percent);
            let is_clear =
                grid.compare(name, "on", column).is_some_and(|interval| interval.is_clear());
            if is_clear { ratio + "*" } else { ratio }
        });
        table.row([(*name).to_owned()].into_iter().chain(cells).collect());
    }
    table.text()
}
