//! Rounds: every contender in turn, again and again, and what came of it.
//!
//! In a round the contenders run one after another, and the next round has them in reverse, one place
//! on: what slows the machine down for a while hits them alike, and nobody always follows the same one.

use serde_json::{Value, json};

use crate::allocators::Subject;
use crate::learner::statistics::Interval;
use crate::samples::Spread;
use crate::table::{Table, number};

/// Who runs, and in every how many-th round.
pub(crate) struct Entry {
    pub(crate) subject: Subject,
    pub(crate) every: usize,
}

impl Entry {
    pub(crate) fn always(subject: Subject) -> Self {
        Self { subject, every: 1 }
    }
}

/// A contender's runs.
struct Row {
    label: String,
    /// Its figures in each round that it took part in.
    runs: Vec<Option<Vec<f64>>>,
    /// Why it was given up.
    error: Option<String>,
}

/// All of them; a figure for each column.
pub(crate) struct Grid {
    columns: Vec<String>,
    rows: Vec<Row>,
}

impl Grid {
    pub(crate) fn new(columns: &[&str], labels: impl IntoIterator<Item = String>) -> Self {
        let row = |label| Row { label, runs: Vec::new(), error: None };
        let columns = columns.iter().map(|&column| column.to_owned()).collect();
        Self { columns, rows: labels.into_iter().map(row).collect() }
    }

    /// Runs so many rounds.
    pub(crate) fn measure(
        what: &str,
        columns: &[&str],
        entries: &[Entry],
        rounds: usize,
        run: impl Fn(&Subject) -> Result<Vec<f64>, String>,
    ) -> Self {
        let labels = entries.iter().map(|entry| entry.subject.name.clone());
        let mut grid = Self::new(columns, labels);
        for round in 0..rounds {
            eprintln!("measure: round {}/{rounds}: {what}", round + 1);
            for index in order(entries, round) {
                if grid.rows[index].error.is_none() {
                    grid.add(index, round, run(&entries[index].subject));
                }
            }
        }
        grid
    }

    /// Takes up what the contender `row` gave in a round.
    pub(crate) fn add(&mut self, row: usize, round: usize, outcome: Result<Vec<f64>, String>) {
        let row = &mut self.rows[row];
        match outcome {
            Ok(figures) => {
                row.runs.resize(round, None);
                row.runs.push(Some(figures));
            }
            Err(error) => row.error = Some(error),
        }
    }

    fn row(&self, label: &str) -> Option<&Row> {
        self.rows.iter().find(|row| row.label == label && row.error.is_none())
    }

    pub(crate) fn median(&self, label: &str, column: usize) -> Option<f64> {
        let figures = self.row(label)?.runs.iter().flatten().map(|figures| figures[column]);
        Spread::of(figures).map(|spread| spread.median)
    }

    /// One's figure over the other's, of the rounds that both took part in.
    pub(crate) fn compare(&self, one: &str, other: &str, column: usize) -> Option<Interval> {
        Interval::of_ratios(self.pairs(one, other, column)?)
    }

    /// The same where one round is enough: the mean logarithm.
    pub(crate) fn log_ratio(&self, one: &str, other: &str, column: usize) -> Option<f64> {
        let logs = self.pairs(one, other, column)?.map(|(one, other)| (one / other).ln());
        let logs: Vec<f64> = logs.filter(|log| log.is_finite()).collect();
        (!logs.is_empty()).then(|| logs.iter().sum::<f64>() / logs.len() as f64)
    }

    /// The median of the ratios: one run that was disturbed does not move it.
    pub(crate) fn median_ratio(&self, one: &str, other: &str, column: usize) -> Option<f64> {
        let ratios = self.pairs(one, other, column)?.map(|(one, other)| one / other);
        Spread::of(ratios).map(|spread| spread.median).filter(|ratio| ratio.is_finite())
    }

    fn pairs(
        &self,
        one: &str,
        other: &str,
        column: usize,
    ) -> Option<impl Iterator<Item = (f64, f64)>> {
        let (one, other) = (self.row(one)?, self.row(other)?);
        let pairs = one.runs.iter().zip(&other.runs);
        Some(
            pairs.filter_map(move |(one, other)| {
                Some((one.as_ref()?[column], other.as_ref()?[column]))
            }),
        )
    }

    pub(crate) fn is_good(&self) -> bool {
        self.rows.iter().all(|row| row.error.is_none())
    }

    /// A line for each contender that failed.
    pub(crate) fn failures(&self) -> String {
        let failed = self.rows.iter().filter_map(|row| Some((&row.label, row.error.as_ref()?)));
        failed.map(|(label, error)| format!("- **failed** under {label}: {error}\n")).collect()
    }

    /// The medians.
    pub(crate) fn text(&self) -> String {
        let head = ["allocator".to_owned()].into_iter().chain(self.columns.iter().cloned());
        let mut table = Table::new(head.collect());
        for row in &self.rows {
            let cell = |column| self.median(&row.label, column);
            let cells = (0..self.columns.len()).map(|column| shown(cell(column)));
            table.row([row.label.clone()].into_iter().chain(cells).collect());
        }
        table.text()
    }

    pub(crate) fn json(&self, name: &str) -> Value {
        let row =
            |row: &Row| json!({ "allocator": row.label, "runs": row.runs, "error": row.error });
        let rows: Vec<Value> = self.rows.iter().map(row).collect();
        json!({ "name": name, "columns": self.columns, "rows": rows })
    }
}

/// A figure, or that there is none.
pub(crate) fn shown(value: Option<f64>) -> String {
    value.map_or_else(|| "-".to_owned(), number)
}

/// Who runs in a round, in order.
fn order(entries: &[Entry], round: usize) -> Vec<usize> {
    let all = 0..entries.len();
    let mut order: Vec<usize> =
        all.filter(|&index| round.is_multiple_of(entries[index].every)).collect();
    if !order.is_empty() {
        let places = round / 2 % order.len();
        order.rotate_left(places);
    }
    if round % 2 == 1 {
        order.reverse();
    }
    order
}

#[cfg(test)]
mod tests {
    use super::*;

    fn entries(every: [usize; 3]) -> Vec<Entry> {
        let subject = |name: usize| Subject {
            name: name.to_string(),
            worker: "worker".into(),
            preload: None,
            environment: Vec::new(),
            version: String::new(),
        };
        let entry = |(name, every)| Entry { subject: subject(name), every };
        every.into_iter().enumerate().map(entry).collect()
    }

    #[test]
    fn nobody_is_always_first() {
        let entries = entries([1, 1, 1]);
        let first = |place| (0..6).filter(|&round| order(&entries, round)[0] == place).count();
        assert!((0..3).all(|place| first(place) == 2), "{:?}", [0, 1, 2].map(first));
        let before = |round| order(&entries, round).iter().position(|&index| index == 0);
        let ahead = (0..6).filter(|&round| before(round) < Some(1)).count();
        assert_eq!(ahead, 2);
    }

    #[test]
    fn some_run_in_some_rounds_only() {
        let entries = entries([1, 1, 4]);
        let with = (0..20).filter(|&round| order(&entries, round).contains(&2)).count();
        assert_eq!(with, 5);
        let run = |subject: &Subject| Ok(vec![subject.name.parse::<f64>().unwrap() + 1.0]);
        let grid = Grid::measure("a test", &["n"], &entries, 5, run);
        assert_eq!(grid.median("2", 0), Some(3.0));
        let pairs: Vec<_> = grid.pairs("1", "2", 0).unwrap().collect();
        assert_eq!(pairs, [(2.0, 3.0), (2.0, 3.0)]);
    }

    #[test]
    fn one_disturbed_run_does_not_move_the_median() {
        let mut grid = Grid::new(&["s"], ["on".to_owned(), "static".to_owned()]);
        for (round, figure) in [2.0, 90.0, 2.2].into_iter().enumerate() {
            grid.add(0, round, Ok(vec![figure]));
            grid.add(1, round, Ok(vec![2.0]));
        }
        assert!((grid.median_ratio("on", "static", 0).unwrap() - 1.1).abs() < 1e-12);
        assert!(grid.log_ratio("on", "static", 0).unwrap() > 1.0);
    }

    #[test]
    fn failures_are_told_and_count_for_nothing() {
        let mut grid = Grid::new(&["s"], ["on".to_owned(), "static".to_owned()]);
        grid.add(0, 0, Ok(vec![2.0]));
        grid.add(1, 0, Ok(vec![1.0]));
        assert!((grid.log_ratio("on", "static", 0).unwrap() - 2.0_f64.ln()).abs() < 1e-12);
        assert_eq!(grid.compare("on", "static", 0), None);
        grid.add(1, 1, Err("it died".to_owned()));
        assert!(!grid.is_good() && grid.failures().contains("it died"));
        assert_eq!(grid.log_ratio("on", "static", 0), None);
        assert!(grid.text().contains("| static    |    - |"), "{}", grid.text());
    }
}
