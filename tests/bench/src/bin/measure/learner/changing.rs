//! The scenarios that change while they run: phases, many threads of which few are busy, growth.

use serde_json::{Value, json};

use crate::learner::Session;
use crate::learner::rounds::Grid;
use crate::learner::scene::{self, Scene};
use crate::learner::statistics::Interval;

/// The tables of one part, and all figures.
pub(crate) fn run(session: &Session, part: &str) -> Result<(String, Value), String> {
    let rounds = session.args.rounds(if part == "growth" { 5 } else { 3 }, 2);
    let length = session.args.part();
    let mut text = String::new();
    let mut parts = Vec::new();
    for scene in scene::all().chain(scene::stages()).filter(|scene| scene.part == part) {
        text += &format!("### {}\n\n{}\n\n", scene.name, scene.about);
        if let Err(error) = scene.ready(length) {
            text += &format!("- not run: {error}\n\n");
            continue;
        }
        let mut entries = session.hakmems(scene.name)?;
        // A round of phases takes minutes.
        let takes_minutes = matches!(part, "phases" | "ceiling");
        entries.extend(session.others(if takes_minutes { rounds } else { 1 })?);
        let grid = Grid::measure(scene.name, scene.columns, &entries, rounds, |subject| {
            scene.run(subject, length)
        });
        session.failed(!grid.is_good());
        text += &format!("{}\n{}{}\n", grid.text(), compared(&scene, &grid), grid.failures());
        let oracle = session.sweep.best(Some(scene.name)).text();
        text += &format!("- the oracle's policy: {oracle}\n\n");
        parts.push(json!({ "oracle": oracle, "runs": grid.json(scene.name) }));
    }
    Ok((text, Value::Array(parts)))
}

/// A line for each thing that the learner is compared with, and what the oracle is worth.
fn compared(scene: &Scene, grid: &Grid) -> String {
    let mut text = String::new();
    let pairs = [("on", "static"), ("on", "oracle"), ("on", "default"), ("oracle", "static")];
    for (one, other) in pairs {
        let words: Vec<String> = scene
            .compared
            .iter()
            .filter_map(|&column| {
                let interval = grid.compare(one, other, column)?;
                Some(format!("{} {}", scene.columns[column], Interval::text(interval)))
            })
            .collect();
        if !words.is_empty() {
            text += &format!("- {one} over {other}, %: {}\n", words.join("; "));
        }
    }
    text
}
