//! What the learner itself takes: CPU time and wake-ups of the background thread, which runs it, while
//! the program is busy and while it is idle.

use std::ffi::OsString;
use std::fs;

use serde_json::Value;

use crate::allocators::Subject;
use crate::child::under;
use crate::learner::Session;
use crate::learner::log::Log;
use crate::learner::rounds::{Entry, Grid};
use crate::learner::watch::{self, Helper, Watched};

const COLUMNS: [&str; 6] = [
    "busy, % of a core",
    "wake-ups/s",
    "idle, % of a core",
    "wake-ups/s, first half",
    "wake-ups/s, second half",
    "steps",
];
/// Seconds of work, and of rest behind it.
const BUSY: f64 = 4.0;
const IDLE: f64 = 10.0;

/// The table, and all figures.
pub(crate) fn run(session: &Session) -> Result<(String, Value), String> {
    let rounds = session.args.rounds(3, 2);
    let log = session.field.folder.join("cost.log");
    let part = session.args.part();
    let thread = ("HAKMEM_BACKGROUND", "on");
    let hakmem = |name, learn| session.field.hakmem(name, &[thread, ("HAKMEM_LEARN", learn)]);
    let mut logged = hakmem("on, with a record", "on");
    logged.environment.push(("HAKMEM_LEARN_LOG", OsString::from(&log)));
    let entries = [hakmem("off", "off"), hakmem("on", "on"), logged].map(Entry::always);
    let grid = Grid::measure("cost", &COLUMNS, &entries, rounds, |subject| {
        // Whether there was one does not matter.
        let _ = fs::remove_file(&log);
        let mut figures = figures(&run_once(subject, part)?)?;
        let steps = fs::read_to_string(&log).ok().map(|text| Log::of(&text)).transpose()?;
        figures.push(steps.map_or(f64::NAN, |log| log.steps.len() as f64));
        Ok(figures)
    });
    session.failed(!grid.is_good());
    let above = grid.median("on", 0).zip(grid.median("off", 0)).map(|(on, off)| on - off);
    let above = above.map_or(String::new(), |above| {
        format!(
            "\n- the learner alone, on less off: {above:.3} % of a core while the program is busy\n"
        )
    });
    let text = grid.text().replace("NaN", "  -");
    Ok((format!("{text}{above}{}\n", grid.failures()), grid.json("cost")))
}

fn run_once(subject: &Subject, part: f64) -> Result<Watched, String> {
    let mut command = under(&subject.worker, subject);
    let args = format!("bursts 1 {} {} 64", BUSY * part, IDLE * part);
    watch::run(command.arg("learner").args(args.split_whitespace()))
}

/// All but the steps.
fn figures(watched: &Watched) -> Result<Vec<f64>, String> {
    let begins = |phase: &str| {
        let line = watched.lines.iter().find(|line| line.1.contains(phase));
        line.map(|line| line.0).ok_or_else(|| format!("the worker told of no {phase}"))
    };
    let (busy, idle) = (begins("burst")?, begins("quiet")?);
    let end = watched.lines.last().map_or(idle, |line| line.0);
    let half = f64::midpoint(idle, end);
    let during = |from, to| {
        rates(&watched.helper, from, to)
            .ok_or_else(|| "no background thread was seen for long enough".to_owned())
    };
    let (work, rest) = (during(busy, idle)?, during(idle, end)?);
    let (first, second) = (during(idle, half)?, during(half, end)?);
    Ok(vec![work.0 * 100.0, work.1, rest.0 * 100.0, first.1, second.1])
}

/// The part of a core that the thread took, and its wake-ups a second, between two times.
fn rates(helper: &[Helper], from: f64, to: f64) -> Option<(f64, f64)> {
    let within: Vec<&Helper> =
        helper.iter().filter(|sample| (from..=to).contains(&sample.at)).collect();
    let (first, last) = (within.first()?, within.last()?);
    let length = last.at - first.at;
    let wakes = last.sleeps.saturating_sub(first.sleeps) as f64;
    (length > 0.0).then(|| ((last.cpu - first.cpu) / length, wakes / length))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn busy_and_idle_are_told_apart() {
        let sample = |at, cpu, sleeps| Helper { at, cpu, sleeps };
        let helper = vec![
            sample(1.0, 0.0, 0),
            sample(3.0, 0.02, 20),
            sample(3.1, 0.02, 20),
            sample(5.0, 0.021, 24),
            sample(5.2, 0.021, 24),
            sample(7.0, 0.021, 24),
        ];
        let line = |at, text: &str| (at, text.to_owned());
        let lines = vec![
            line(0.9, r#"{"phase":"burst"}"#),
            line(3.05, r#"{"phase":"quiet"}"#),
            line(7.1, "{}"),
        ];
        let watched = Watched { lines, resident: Vec::new(), helper };
        let figures = figures(&watched).unwrap();
        let near = |one: f64, other: f64| (one - other).abs() < 1e-6;
        assert!(near(figures[0], 1.0) && near(figures[1], 10.0), "{figures:?}");
        assert!(near(figures[2], 0.1 / 3.9) && near(figures[4], 0.0), "{figures:?}");
        assert!(figures[3] > 2.0 && figures[3] < 2.2, "{figures:?}");
        assert_eq!(rates(&watched.helper, 8.0, 9.0), None);
    }
}
