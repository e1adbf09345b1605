//! `hakmem learn show`: what was decided, as a table.

use super::decisions::{Decision, Decisions};
use super::log::{Fault, Log, Step};
use super::names::{Named, value};
use hakmem_core::CLASSES;
use hakmem_core::learn::{Lever, Phase};
use hakmem_core::policy::Policy;
use std::fmt::Write;
use std::io::BufRead;

const HEAD: [&str; 10] =
    ["time", "lever", "class", "from", "", "to", "reason", "expected", "realised", "outcome"];
/// Whether a column begins at its left; numbers end at its right.
const LEFT: [bool; 10] = [false, true, false, false, true, true, true, false, false, true];

/// The table, and a summary.
pub(super) fn show<R: BufRead>(mut log: Log<R>) -> Result<String, Fault> {
    let mut decisions = Decisions::default();
    let mut summary = Summary::default();
    for step in log.by_ref() {
        let step = step?;
        decisions.take(&step);
        summary.take(step);
    }
    let first = summary.first;
    let rows = decisions.all.iter().map(|decision| row(decision, first, &log.header.sizes));
    let rows: Vec<[String; 10]> = rows.collect();
    let mut text = if rows.is_empty() { "no decisions\n".into() } else { table(&rows) };
    text.push('\n');
    summary.write(&mut text, &decisions, &log);
    Ok(text)
}

fn row(decision: &Decision, first: u64, sizes: &[u32; CLASSES]) -> [String; 10] {
    let Decision { at, change, settled } = *decision;
    let (realised, outcome) = match settled {
        Some((when, verdict)) => {
            let outcome = if verdict.stays { "kept" } else { "undone" };
            let after = when.saturating_sub(at);
            (percent(verdict.realised), format!("{outcome} after {}", seconds(after)))
        }
        None => (String::new(), String::new()),
    };
    [
        seconds(at.saturating_sub(first)),
        change.lever.name().into(),
        change.class.map_or(String::new(), |class| sizes[usize::from(class)].to_string()),
        value(change.lever, change.from),
        "->".into(),
        value(change.lever, change.to),
        change.reason.name().into(),
        percent(change.expected),
        realised,
        outcome,
    ]
}

fn table(rows: &[[String; 10]]) -> String {
    let head = HEAD.map(String::from);
    let all = || [&head].into_iter().chain(rows);
    let widths: [usize; 10] =
        std::array::from_fn(|column| all().map(|row| row[column].len()).max().unwrap_or(0));
    let mut text = String::new();
    for row in all() {
        let mut line = String::new();
        for ((cell, width), left) in row.iter().zip(widths).zip(LEFT) {
            let _ = if left {
                write!(line, "{cell:<width$}  ")
            } else {
                write!(line, "{cell:>width$}  ")
            };
        }
        text.push_str(line.trim_end());
        text.push('\n');
    }
    text
}

/// Milliseconds.
pub(super) fn seconds(ms: u64) -> String {
    format!("{}.{} s", ms / 1000, ms % 1000 / 100)
}

/// Millionths.
pub(super) fn percent(millionths: i32) -> String {
    format!("{:+.4} %", f64::from(millionths) / 10_000.0)
}

/// What all steps come to.
#[derive(Default)]
struct Summary {
    steps: usize,
    /// When the first and the last were.
    first: u64,
    last: Option<Step>,
    /// Milliseconds in each phase.
    phases: [u64; 3],
}

impl Summary {
    fn take(&mut self, step: Step) {
        self.steps += 1;
        match &self.last {
            None => self.first = step.now,
            Some(last) => {
                self.phases[last.phase as usize] += step.now.saturating_sub(last.now);
            }
        }
        self.last = Some(step);
    }

    fn write<R: BufRead>(&self, text: &mut String, decisions: &Decisions, log: &Log<R>) {
        let (end, policy) = match &self.last {
            Some(last) => (last.now, last.policy),
            None => (self.first, log.header.policy),
        };
        let span = seconds(end.saturating_sub(self.first));
        let _ = writeln!(text, "{} over {span}", counted(self.steps, "step"));
        let (kept, undone) = decisions.kept_and_undone();
        let changes = counted(decisions.all.len(), "change");
        let _ = writeln!(text, "{changes}: {kept} tried and kept, {undone} tried and undone");
        let phases = [Phase::Learn, Phase::Canary, Phase::Frozen]
            .map(|phase| format!("{} {}", phase.name(), seconds(self.phases[phase as usize])));
        let _ = writeln!(text, "{}", phases.join(", "));
        let moved = moved(&log.header.policy, &policy, &log.header.sizes);
        let moved = if moved.is_empty() { "as it began".into() } else { moved.join(" ") };
        let _ = writeln!(text, "policy at the end: {moved}");
        if let Some(line) = log.cut() {
            let _ = writeln!(text, "line {line} is cut: the log ends before it");
        }
    }
}

/// `1 step`, `2 steps`.
pub(super) fn counted(number: usize, what: &str) -> String {
    format!("{number} {what}{}", if number == 1 { "" } else { "s" })
}

/// The numbers that differ, as `hakmem policy make` takes them.
pub(super) fn moved(from: &Policy, to: &Policy, sizes: &[u32; CLASSES]) -> Vec<String> {
    let mut moved = Vec::new();
    for ((size, from), to) in sizes.iter().zip(from.lists).zip(to.lists) {
        if from != to {
            moved.push(format!("list:{size}={to}"));
        }
    }
    let mut number = |name: &str, from: u32, to: u32| {
        if from != to {
            moved.push(format!("{name}={to}"));
        }
    };
    number("growth", from.growth, to.growth);
    number("sharers", from.sharers, to.sharers);
    number("batch", from.batch, to.batch);
    number("decay", from.decay, to.decay);
    number("kept", from.kept, to.kept);
    if from.fresh != to.fresh {
        moved.push(format!("fresh={}", value(Lever::Fresh, to.fresh as u32)));
    }
    moved
}
