//! Runs of the worker: every allocator in turn, each run in a process of its own.

use std::path::PathBuf;
use std::process::Command;
use std::sync::Mutex;

use hakmem_bench::kernel::NOTHING;
use serde_json::{Value, json};

use crate::child::run as run_child;
use crate::kernel::scenario::{Column, Columns, Figure, Repeat, Scenario};

/// The seed of what is played in several rounds.
const SEED: usize = 1;

/// An allocator, which has a line in every table.
#[derive(Clone, Copy)]
pub(crate) struct Line {
    pub(crate) name: &'static str,
    pub(crate) label: &'static str,
}

/// How much is run.
pub(crate) struct Plan {
    pub(crate) worker: PathBuf,
    pub(crate) rounds: usize,
    pub(crate) seeds: usize,
    pub(crate) is_quick: bool,
}

/// All runs of one column under one allocator.
#[derive(Clone, Default)]
pub(crate) struct Runs {
    /// What the worker printed.
    pub(crate) values: Vec<Value>,
    /// Why the allocator cannot take part.
    pub(crate) none: Option<String>,
    /// What should not have happened.
    pub(crate) error: Option<String>,
}

/// A table's runs.
pub(crate) struct Results {
    pub(crate) lines: Vec<Line>,
    /// For each line, those of each column.
    pub(crate) runs: Vec<Vec<Runs>>,
}

/// One run to come.
struct Job {
    line: usize,
    column: usize,
    seed: usize,
}

impl Plan {
    /// A line on how the figures are made.
    pub(crate) fn how(&self) -> String {
        let quick = if self.is_quick { "; short traces: a first look only" } else { "" };
        let Self { rounds, seeds, .. } = self;
        format!(
            "medians of {rounds} rounds (least to greatest), means and sums of {seeds} traces{quick}"
        )
    }

    /// All runs of a table. Where time is measured one runs after the other, and in each round
    /// another allocator goes first: what slows the machine down for a while hits them alike.
    pub(crate) fn run(&self, scenario: &Scenario, table: &Columns, lines: &[Line]) -> Results {
        // The trace alone says something where time is measured on one thread.
        let takes_part = |line: &&Line| scenario.figure == Figure::Rate || line.name != NOTHING;
        let lines: Vec<Line> = lines.iter().filter(takes_part).copied().collect();
        let jobs = self.jobs(scenario.repeat, table, lines.len());
        let at_once = match scenario.repeat {
            Repeat::Rounds => 1,
            Repeat::Seeds => std::thread::available_parallelism().map_or(1, usize::from),
        };
        let runs = vec![vec![Runs::default(); table.columns.len()]; lines.len()];
        let (runs, jobs) = (Mutex::new(runs), Mutex::new(jobs.into_iter()));
        eprintln!("measure: {} {}", scenario.name, table.title);
        std::thread::scope(|scope| {
            let work = || {
                loop {
                    let Some(job) = jobs.lock().unwrap().next() else { break };
                    if runs.lock().unwrap()[job.line][job.column].is_over() {
                        continue;
                    }
                    let column = &table.columns[job.column];
                    let outcome = self.play(scenario, column, lines[job.line], job.seed);
                    runs.lock().unwrap()[job.line][job.column].add(outcome);
                }
            };
            for _ in 0..at_once {
                scope.spawn(work);
            }
        });
        Results { lines, runs: runs.into_inner().unwrap() }
    }

    fn jobs(&self, repeat: Repeat, table: &Columns, lines: usize) -> Vec<Job> {
        let times = if repeat == Repeat::Rounds { self.rounds } else { self.seeds };
        let mut jobs = Vec::new();
        for round in 0..times {
            let seed = if repeat == Repeat::Rounds { SEED } else { SEED + round };
            for column in 0..table.columns.len() {
                let turns = (0..lines).map(|turn| (turn + round) % lines);
                jobs.extend(turns.map(|line| Job { line, column, seed }));
            }
        }
        jobs
    }

    /// One run.
    fn play(
        &self,
        scenario: &Scenario,
        column: &Column,
        line: Line,
        seed: usize,
    ) -> Result<Value, String> {
        let mut command = Command::new(&self.worker);
        command.args([line.name, scenario.name, &column.region.to_string(), &seed.to_string()]);
        let ended = run_child(command.args(column.args.split(' ')))?;
        serde_json::from_str(&ended.text)
            .map_err(|error| format!("the worker's line cannot be read: {error}"))
    }
}

impl Runs {
    /// Whether further runs would say nothing new.
    fn is_over(&self) -> bool {
        self.none.is_some() || self.error.is_some()
    }

    pub(crate) fn add(&mut self, outcome: Result<Value, String>) {
        match outcome {
            Ok(value) => match value["none"].as_str() {
                Some(reason) => self.none = Some(reason.to_owned()),
                None => self.values.push(value),
            },
            Err(error) => self.error = Some(error),
        }
    }
}

impl Results {
    /// The line of the allocator `name`.
    pub(crate) fn line(&self, name: &str) -> Option<usize> {
        self.lines.iter().position(|line| line.name == name)
    }

    /// A line for each allocator that failed.
    pub(crate) fn errors(&self) -> Vec<String> {
        let of = |(line, runs): (&Line, &Vec<Runs>)| {
            let error = runs.iter().find_map(|runs| runs.error.as_ref())?;
            Some(format!("**failed** under {}: {error}", line.label))
        };
        self.lines.iter().zip(&self.runs).filter_map(of).collect()
    }

    /// Every single run.
    pub(crate) fn json(&self, table: &Columns) -> Value {
        let line = |(line, runs): (&Line, &Vec<Runs>)| {
            let columns = runs.iter().zip(&table.columns).map(|(runs, column)| {
                json!({
                    "column": column.head, "args": column.args, "runs": runs.values,
                    "none": runs.none, "error": runs.error,
                })
            });
            json!({ "allocator": line.name, "columns": columns.collect::<Vec<_>>() })
        };
        let lines: Vec<Value> = self.lines.iter().zip(&self.runs).map(line).collect();
        json!({ "table": table.title, "lines": lines })
    }
}
