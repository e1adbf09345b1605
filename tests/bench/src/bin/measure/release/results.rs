//! The tables of a scenario, and its part of the JSON file.

use std::collections::BTreeSet;

use serde_json::{Value, json};

use crate::release::scenario::{Figure, Figures};
use crate::samples::Spread;
use crate::table::{Table, number};

/// All runs of one contender.
#[derive(Default)]
pub(crate) struct Runs {
    pub(crate) label: String,
    pub(crate) is_main: bool,
    runs: Vec<Vec<Figure>>,
    /// Why it was given up.
    pub(crate) error: Option<String>,
}

/// A case under every contender.
pub(crate) struct Results {
    pub(crate) case: String,
    pub(crate) ratio: Option<&'static str>,
    pub(crate) rows: Vec<Runs>,
    notes: BTreeSet<String>,
}

impl Runs {
    pub(crate) fn new(label: &str, is_main: bool) -> Self {
        Self { label: label.to_owned(), is_main, ..Self::default() }
    }

    /// The median of one figure.
    fn median(&self, table: &str, column: &str) -> Option<f64> {
        if self.error.is_some() {
            return None;
        }
        let all = self.runs.iter().flatten();
        let wanted = all.filter(|figure| figure.table == table && figure.column == column);
        Spread::of(wanted.map(|figure| figure.value)).map(|spread| spread.median)
    }
}

impl Results {
    pub(crate) fn new(case: &str, ratio: Option<&'static str>, rows: Vec<Runs>) -> Self {
        Self { case: case.to_owned(), ratio, rows, notes: BTreeSet::new() }
    }

    /// Takes up what a run of the contender `row` gave.
    pub(crate) fn add(&mut self, row: usize, outcome: Result<Figures, String>) {
        match outcome {
            Ok(Figures { figures, notes }) => {
                self.rows[row].runs.push(figures);
                self.notes.extend(notes);
            }
            Err(error) => self.rows[row].error = Some(error),
        }
    }

    pub(crate) fn is_good(&self) -> bool {
        self.rows.iter().all(|row| row.error.is_none())
    }

    /// The tables, and what there is to say below them.
    pub(crate) fn text(&self) -> String {
        let mut text = String::new();
        if !self.case.is_empty() {
            text += &format!("### {}\n\n", self.case);
        }
        for (table, columns) in self.tables() {
            if !table.is_empty() {
                text += &format!("{table}:\n\n");
            }
            text += &self.table(table, &columns);
            text += "\n";
        }
        for row in &self.rows {
            if let Some(error) = &row.error {
                text += &format!("- **failed** under {}: {error}\n", row.label);
            }
        }
        for note in &self.notes {
            text += &format!("- {note}\n");
        }
        if self.notes.is_empty() && self.is_good() { text } else { text + "\n" }
    }

    /// The names of the tables with their columns, in the order of the first run that went well.
    fn tables(&self) -> Vec<(&'static str, Vec<String>)> {
        let mut tables: Vec<(&'static str, Vec<String>)> = Vec::new();
        for figure in self.rows.iter().find_map(|row| row.runs.first()).into_iter().flatten() {
            let column = figure.column.clone();
            match tables.iter_mut().find(|(name, _)| *name == figure.table) {
                Some((_, columns)) => columns.push(column),
                None => tables.push((figure.table, vec![column])),
            }
        }
        tables
    }

    fn table(&self, name: &str, columns: &[String]) -> String {
        let head = ["allocator".to_owned()].into_iter().chain(columns.iter().cloned());
        let mut table = Table::new(head.collect());
        let shown = |value: Option<f64>| value.map_or_else(|| "-".to_owned(), number);
        for row in &self.rows {
            let cells = columns.iter().map(|column| shown(row.median(name, column)));
            table.row([row.label.clone()].into_iter().chain(cells).collect());
        }
        if let Some(label) = self.ratio {
            let cells = columns.iter().map(|column| shown(self.ratio_of(name, column)));
            table.row([label.to_owned()].into_iter().chain(cells).collect());
        }
        table.text()
    }

    /// The main contender's figure over the least of the others'.
    fn ratio_of(&self, table: &str, column: &str) -> Option<f64> {
        let of = |main: bool| self.rows.iter().filter(move |row| row.is_main == main);
        let mine = of(true).find_map(|row| row.median(table, column))?;
        let least = of(false).filter_map(|row| row.median(table, column)).min_by(f64::total_cmp)?;
        (least > 0.0).then_some(mine / least)
    }

    /// Every single run.
    pub(crate) fn json(&self) -> Value {
        let rows = self.rows.iter().map(|row| {
            let runs = row.runs.iter().map(|figures| {
                let figures = figures.iter().map(|figure| {
                    json!({ "table": figure.table, "column": figure.column, "value": figure.value })
                });
                figures.collect::<Vec<_>>()
            });
            json!({ "allocator": row.label, "runs": runs.collect::<Vec<_>>(), "error": row.error })
        });
        json!({ "case": self.case, "rows": rows.collect::<Vec<_>>(), "notes": self.notes })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn run(values: [f64; 2]) -> Result<Figures, String> {
        let figures = [("0 s", values[0]), ("1 s", values[1])];
        let figures = figures.map(|(column, value)| Figure::new(column, value)).into();
        Ok(Figures { figures, notes: vec!["a note".to_owned()] })
    }

    fn results() -> Results {
        let rows = vec![Runs::new("ours", true), Runs::new("one", false), Runs::new("two", false)];
        let mut results = Results::new("a case", Some("ours/best"), rows);
        for values in [[10.0, 4.0], [30.0, 4.0], [20.0, 4.0]] {
            results.add(0, run(values));
        }
        results.add(1, run([40.0, 2.0]));
        results.add(2, run([80.0, 1.0]));
        results
    }

    #[test]
    fn tables_hold_medians_and_the_ratio() {
        let text = "### a case\n\n\
                    | allocator |   0 s |  1 s |\n\
                    | --------- | ----: | ---: |\n\
                    | ours      |  20.0 | 4.00 |\n\
                    | one       |  40.0 | 2.00 |\n\
                    | two       |  80.0 | 1.00 |\n\
                    | ours/best | 0.500 | 4.00 |\n\n\
                    - a note\n\n";
        assert_eq!(results().text(), text);
    }

    #[test]
    fn a_failure_is_told_and_counts_for_nothing() {
        let mut results = results();
        results.add(2, Err("it died".to_owned()));
        assert!(!results.is_good());
        let text = results.text();
        assert!(text.contains("**failed** under two: it died"), "{text}");
        assert_eq!(results.ratio_of("", "1 s"), Some(2.0));
    }

    #[test]
    fn figures_of_one_run_may_fill_several_tables() {
        let figure = |table, value| Figure { table, column: "p50".to_owned(), value };
        let figures = vec![figure("malloc", 1.0), figure("free", 2.0)];
        let mut results = Results::new("", None, vec![Runs::new("ours", true)]);
        results.add(0, Ok(Figures { figures, notes: Vec::new() }));
        let text = results.text();
        assert!(text.starts_with("malloc:\n\n|"), "{text}");
        assert!(text.contains("\nfree:\n\n|"), "{text}");
    }
}
