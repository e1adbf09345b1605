//! The tables of a scenario.

use hakmem_bench::kernel::{LINKED_LIST, NOTHING, TALC};
use serde_json::Value;

use crate::kernel::runner::{Results, Runs};
use crate::kernel::scenario::{Column, Columns, Figure, Scenario};
use crate::samples::Spread;
use crate::table::{Table, number};

/// Where more requests than this part fail, a rate says nothing: there is less to do.
const FEW: f64 = 0.01;

/// A table as text, with what there is to say below it.
pub(crate) fn text(scenario: &Scenario, table: &Columns, results: &Results) -> String {
    let mut text = String::new();
    if !table.title.is_empty() {
        text += &format!("### {}\n\n", table.title);
    }
    let rows = rows(scenario.figure, table, results);
    let mut printed = Table::new(head(scenario.figure, table));
    for (line, cells) in results.lines.iter().zip(rows) {
        printed.row([line.label.to_owned()].into_iter().chain(cells).collect());
    }
    text += &printed.text();
    text += "\n";
    let notes = [results.errors(), cuts(table, results)].concat();
    for note in &notes {
        text += &format!("- {note}\n");
    }
    if notes.is_empty() { text } else { text + "\n" }
}

fn head(figure: Figure, table: &Columns) -> Vec<String> {
    let heads = || table.columns.iter().map(|column| column.head.clone());
    let mut cells = vec!["allocator".to_owned()];
    match figure {
        Figure::Rate => {
            let heads = ["M ops/s", "/linked_list_allocator", "/talc", "ns net", "talc's/net"];
            cells.extend(heads.map(str::to_owned));
        }
        Figure::Failed => cells.extend(heads().chain(["all".to_owned()])),
        Figure::Scaling => cells.extend(heads().chain(["two/one".to_owned()])),
        Figure::Nanos | Figure::Part => cells.extend(heads()),
    }
    cells
}

/// The cells of each line, its name left out.
fn rows(figure: Figure, table: &Columns, results: &Results) -> Vec<Vec<String>> {
    let of = |line: usize| {
        let runs = || results.runs[line].iter().zip(&table.columns);
        let cells = |show: &dyn Fn(&Runs, &Column) -> String| -> Vec<String> {
            runs().map(|(runs, column)| runs.cell(|runs| show(runs, column))).collect()
        };
        match figure {
            Figure::Rate => {
                let mut cells = cells(&|runs, _| runs.rate_cell());
                cells.extend([LINKED_LIST, TALC].map(|name| ratio(results, line, name)));
                let mine = net(results, line);
                cells.push(shown(mine));
                let talc = results.line(TALC).and_then(|line| net(results, line));
                cells.push(shown(mine.and_then(|mine| Some(talc? / mine))));
                cells
            }
            Figure::Nanos => cells(&|runs, column| number(runs.median(column.field))),
            Figure::Part => {
                cells(&|runs, column| format!("{:.1} %", 100.0 * runs.mean(column.field)))
            }
            Figure::Failed => {
                let mut cells = cells(&|runs, _| {
                    format!("{} of {:.1}k", runs.sum("failed"), runs.sum("requests") / 1000.0)
                });
                let all: f64 = runs().map(|(runs, _)| runs.sum("failed")).sum();
                let is_whole = runs().all(|(runs, _)| runs.is_good());
                cells.push(if is_whole { all.to_string() } else { "-".to_owned() });
                cells
            }
            Figure::Scaling => {
                let mut cells = cells(&|runs, _| runs.rate_cell());
                let rates: Option<Vec<f64>> = runs().map(|(runs, _)| runs.rate()).collect();
                cells.push(rates.map_or("-".to_owned(), |rates| number(rates[1] / rates[0])));
                cells
            }
        }
    };
    (0..results.lines.len()).map(of).collect()
}

/// A line's rate over that of the allocator `name`.
fn ratio(results: &Results, line: usize, name: &str) -> String {
    let rate = |line: usize| results.runs[line][0].rate();
    let other = results.line(name).and_then(rate);
    shown(rate(line).and_then(|mine| Some(mine / other?)))
}

/// Nanoseconds of an operation on a line, less those of the trace alone.
fn net(results: &Results, line: usize) -> Option<f64> {
    let nanos = |line: usize| Some(1e3 / results.runs[line][0].rate()?);
    let net = nanos(line)? - nanos(results.line(NOTHING)?)?;
    (net > 0.0).then_some(net)
}

fn shown(value: Option<f64>) -> String {
    value.map_or_else(|| "-".to_owned(), number)
}

/// A line for each allocator that was too slow to play a trace to its end.
fn cuts(table: &Columns, results: &Results) -> Vec<String> {
    let mut cuts = Vec::new();
    for (line, all) in results.lines.iter().zip(&results.runs) {
        for (runs, column) in all.iter().zip(&table.columns) {
            let cut = |value: &&Value| value["is_whole"] == false;
            let done =
                runs.values.iter().filter(cut).filter_map(|value| value["operations"].as_u64());
            if let Some(least) = done.min() {
                let Column { head, .. } = column;
                cuts.push(format!("{}, {head}: cut short after {least} operations", line.label));
            }
        }
    }
    cuts
}

impl Runs {
    fn is_good(&self) -> bool {
        self.none.is_none() && self.error.is_none() && !self.values.is_empty()
    }

    /// What `show` makes of the runs, or why there are none.
    fn cell(&self, show: impl Fn(&Self) -> String) -> String {
        match self {
            Self { none: Some(reason), .. } => reason.clone(),
            runs if runs.is_good() => show(runs),
            _ => "-".to_owned(),
        }
    }

    fn all(&self, field: &str) -> impl Iterator<Item = f64> {
        self.values.iter().filter_map(move |value| value[field].as_f64())
    }

    fn sum(&self, field: &str) -> f64 {
        self.all(field).sum()
    }

    fn mean(&self, field: &str) -> f64 {
        self.sum(field) / self.values.len() as f64
    }

    fn median(&self, field: &str) -> f64 {
        Spread::of(self.all(field)).map_or(f64::NAN, |spread| spread.median)
    }

    /// Million operations a second.
    fn rates(&self) -> Option<Spread> {
        let pairs = self.all("operations").zip(self.all("seconds"));
        Spread::of(pairs.map(|(operations, seconds)| operations / seconds / 1e6))
    }

    /// The part of the requests that failed.
    fn failed(&self) -> f64 {
        self.sum("failed") / self.sum("requests").max(1.0)
    }

    /// The median rate, unless too much failed.
    fn rate(&self) -> Option<f64> {
        let rates = self.rates().filter(|_| self.is_good() && self.failed() <= FEW);
        rates.map(|spread| spread.median)
    }

    fn rate_cell(&self) -> String {
        match (self.failed(), self.rates()) {
            (failed, _) if failed > FEW => format!("{:.0} % fail", 100.0 * failed),
            (_, Some(Spread { median, least, greatest })) => {
                format!("{} ({}-{})", number(median), number(least), number(greatest))
            }
            _ => "-".to_owned(),
        }
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;
    use crate::kernel::runner::Line;
    use crate::kernel::scenario::SCENARIOS;

    fn runs(values: &[Value]) -> Runs {
        let mut runs = Runs::default();
        for value in values {
            runs.add(Ok(value.clone()));
        }
        runs
    }

    /// The table, each run of blanks one.
    fn table(name: &str, all: Vec<Vec<Runs>>) -> String {
        let scenario = SCENARIOS.iter().find(|scenario| scenario.name == name).unwrap();
        let mut columns = (scenario.tables)(true).remove(0);
        columns.columns.truncate(all[0].len());
        let line = |name| Line { name, label: name };
        let lines = [LINKED_LIST, TALC, "ours", NOTHING].into_iter().take(all.len());
        let lines = lines.map(line).collect();
        let text = text(scenario, &columns, &Results { lines, runs: all });
        text.split_whitespace().collect::<Vec<_>>().join(" ")
    }

    fn rate(operations: u64, failed: u64) -> Value {
        json!({
            "operations": operations, "seconds": 1.0, "failed": failed, "requests": 1000,
            "is_whole": true,
        })
    }

    #[test]
    fn rates_are_compared() {
        let one = |values: &[Value]| vec![runs(values)];
        let slow = json!({ "operations": 500_000, "seconds": 1.0, "is_whole": false });
        let mega = 1_000_000;
        let ours = [rate(2 * mega, 0), rate(4 * mega, 10), rate(3 * mega, 0)];
        let trace = one(&[rate(4 * mega, 0)]);
        let text = table("speed", vec![one(&[slow]), one(&[rate(mega, 0)]), one(&ours), trace]);
        assert!(text.contains("| ours | 3.00 (2.00-4.00) | 6.00 | 3.00 | 83.3 | 9.00 |"), "{text}");
        assert!(
            text.contains("- linked-list, 64 MiB: cut short after 500000 operations"),
            "{text}"
        );
    }

    #[test]
    fn who_fails_has_no_rate_and_who_cannot_says_why() {
        let none = json!({ "none": "too small" });
        let of = |value| vec![runs(&[value])];
        let text = table("speed", vec![of(rate(1, 0)), of(rate(9, 200)), of(none)]);
        assert!(text.contains("| talc | 20 % fail | - | - | - | - |"), "{text}");
        assert!(text.contains("| ours | too small | - | - | - | - |"), "{text}");
    }

    #[test]
    fn failures_are_summed() {
        let failed = |count| json!({ "failed": count, "requests": 1000 });
        let of = |counts: [u64; 2]| vec![runs(&counts.map(failed)); 2];
        let text = table("churn", vec![of([1, 2]), of([0, 0]), of([5, 5])]);
        assert!(text.contains("| linked-list | 3 of 2.0k | 3 of 2.0k | 6 |"), "{text}");
    }

    #[test]
    fn two_threads_are_compared_with_one() {
        let of = |two| vec![runs(&[rate(1_000_000, 0)]), runs(&[rate(two, 0)])];
        let text = table("threads", vec![of(500_000), of(500_000), of(1_900_000)]);
        assert!(text.contains("| ours | 1.00 (1.00-1.00) | 1.90 (1.90-1.90) | 1.90 |"), "{text}");
    }
}
