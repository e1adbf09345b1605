//! The tables and the JSON file.

use hakmem_bench::workload::Unit;
use serde_json::{Value, json};

use crate::allocators::{OURS, Subject};
use crate::cli::{Cli, Side};
use crate::samples::{Sample, Samples, Spread, geometric_mean};
use crate::table::{Table, number};

/// What one side gave.
pub(crate) struct Results {
    pub(crate) side: Side,
    pub(crate) subjects: Vec<Subject>,
    pub(crate) rows: Vec<Row>,
    /// Peers and real programs that are not there.
    pub(crate) missing: Vec<String>,
}

/// A workload under every allocator.
pub(crate) struct Row {
    pub(crate) name: &'static str,
    pub(crate) unit: Unit,
    /// One for each of the side's allocators.
    pub(crate) samples: Vec<Samples>,
}

/// A line on how the figures were made.
pub(crate) fn how(cli: &Cli) -> String {
    let quick = if cli.quick { ", a fifth of the work: a first look only" } else { "" };
    format!("medians of {} rounds (least to greatest){quick}", cli.rounds())
}

/// A side's three tables: speed, CPU efficiency, memory.
pub(crate) fn tables(results: &Results) -> String {
    let title = match results.side {
        Side::Rust => "Rust: as #[global_allocator]",
        _ => "C: preloaded",
    };
    let mut text = format!("## {title}\n\n");
    for subject in &results.subjects {
        text += &format!("- {}: {}\n", subject.name, subject.version);
    }
    for line in &results.missing {
        text += &format!("- not run: {line}\n");
    }
    let ours = results.subjects.iter().position(|subject| subject.name == OURS);

    text += "\n### Speed\n\nMore is better, but for times (ms, s). The ratio is hakmem's speed over the best \
             peer's: above 1, hakmem is faster.\n\n";
    text += &speed(results, ours, |sample| sample.value, true);

    text += "\n### CPU efficiency\n\nThe same per second of CPU time, user and system (for times: the CPU \
             time).\n\n";
    text += &speed(results, ours, |sample| sample.cpu, false);

    text += "\n### Peak memory\n\nResident set in MiB; less is better. The ratios are hakmem's over \
             mimalloc's and over the least of the peers'.\n\n";
    text += &memory(results, ours);
    text += &failures(results);
    text + "\n"
}

fn head(results: &Results, first: &[&str], last: &[&str]) -> Table {
    let names = results.subjects.iter().map(|subject| subject.name.as_str());
    let cells = first.iter().copied().chain(names).chain(last.iter().copied());
    Table::new(cells.map(str::to_owned).collect())
}

fn speed(
    results: &Results,
    ours: Option<usize>,
    column: fn(&Sample) -> f64,
    spread: bool,
) -> String {
    let mut table = head(results, &["workload", "unit"], &["hakmem/best", "best peer"]);
    let mut ratios = Vec::new();
    for row in &results.rows {
        let spreads: Vec<_> = row.samples.iter().map(|samples| samples.spread(column)).collect();
        let best = best_peer(&spreads, ours, row.unit.is_time());
        let mut cells = vec![row.name.to_owned(), unit(row.unit, spread)];
        cells.extend(spreads.iter().map(|value| cell(*value, spread)));
        match (ours.and_then(|index| spreads[index]), best) {
            (Some(mine), Some((peer, theirs))) => {
                let ratio =
                    if row.unit.is_time() { theirs / mine.median } else { mine.median / theirs };
                ratios.push(ratio);
                cells.push(format!("{ratio:.2}"));
                cells.push(results.subjects[peer].name.clone());
            }
            _ => cells.extend(["-".to_owned(), "-".to_owned()]),
        }
        table.row(cells);
    }
    let mean = geometric_mean(&ratios);
    let mean = mean.map_or(String::new(), |mean| {
        format!("\nGeometric mean of hakmem/best over {} workloads: {mean:.2}.\n", ratios.len())
    });
    table.text() + &mean
}

fn unit(unit: Unit, wall: bool) -> String {
    if wall || unit.is_time() {
        unit.label().to_owned()
    } else {
        unit.label().replace("/s", "/CPU s")
    }
}

fn cell(value: Option<Spread>, spread: bool) -> String {
    match value {
        None => "-".to_owned(),
        Some(Spread { median, least, greatest }) if spread => {
            format!("{} ({}-{})", number(median), number(least), number(greatest))
        }
        Some(Spread { median, .. }) => number(median),
    }
}

/// Index and median of the best allocator that is not ours.
fn best_peer(spreads: &[Option<Spread>], ours: Option<usize>, less: bool) -> Option<(usize, f64)> {
    let peers = spreads.iter().enumerate().filter(|(index, _)| Some(*index) != ours);
    let medians = peers.filter_map(|(index, spread)| Some((index, (*spread)?.median)));
    let order = |a: &(usize, f64), b: &(usize, f64)| a.1.total_cmp(&b.1);
    if less { medians.min_by(order) } else { medians.max_by(order) }
}

fn memory(results: &Results, ours: Option<usize>) -> String {
    let mut table = head(results, &["workload"], &["hakmem/mimalloc", "hakmem/least"]);
    let mimalloc = results.subjects.iter().position(|subject| subject.name == "mimalloc");
    for row in &results.rows {
        let column = |sample: &Sample| sample.peak_kib / 1024.0;
        let spreads: Vec<_> = row.samples.iter().map(|samples| samples.spread(column)).collect();
        let mut cells = vec![row.name.to_owned()];
        cells.extend(spreads.iter().map(|value| cell(*value, false)));
        let mine = ours.and_then(|index| spreads[index]);
        let theirs = mimalloc.and_then(|index| spreads[index]).map(|spread| spread.median);
        let least = best_peer(&spreads, ours, true).map(|(_, least)| least);
        for other in [theirs, least] {
            cells.push(match (mine, other) {
                (Some(mine), Some(other)) => format!("{:.2}", mine.median / other),
                _ => "-".to_owned(),
            });
        }
        table.row(cells);
    }
    table.text()
}

fn failures(results: &Results) -> String {
    let mut text = String::new();
    for row in &results.rows {
        for (samples, subject) in row.samples.iter().zip(&results.subjects) {
            if let Some(error) = &samples.error {
                text += &format!("- **{} failed** under {}: {error}\n", row.name, subject.name);
            }
        }
    }
    if text.is_empty() { text } else { format!("\n### Failures\n\n{text}") }
}

/// Every sample of a side.
pub(crate) fn json(results: &Results) -> Value {
    let workloads: Vec<Value> = results
        .rows
        .iter()
        .map(|row| {
            let runs = row.samples.iter().zip(&results.subjects).map(|(samples, subject)| {
                let values = |column: fn(&Sample) -> f64| -> Vec<f64> { samples.runs.iter().map(column).collect() };
                json!({
                    "allocator": subject.name,
                    "values": values(|sample| sample.value),
                    "cpu": values(|sample| sample.cpu),
                    "peak_kib": values(|sample| sample.peak_kib),
                    "error": samples.error,
                })
            });
            json!({ "workload": row.name, "unit": row.unit.label(), "runs": runs.collect::<Vec<_>>() })
        })
        .collect();
    let allocators: Vec<Value> = results
        .subjects
        .iter()
        .map(|subject| json!({ "name": subject.name, "version": subject.version }))
        .collect();
    let side = format!("{:?}", results.side).to_lowercase();
    json!({ "side": side, "allocators": allocators, "workloads": workloads })
}
