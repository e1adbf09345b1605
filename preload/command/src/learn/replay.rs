//! `hakmem learn replay`: whether the learner decides now as it did then.
//!
//! A log holds all that each step was given. So a learner that begins by the header and steps by the
//! lines must come to the phase, notes, policy and pause of each of them, bit by bit.

use super::log::{Fault, Log, Step};
use super::names::{Named, value};
use super::show::{counted, moved, percent, seconds};
use crate::Answer;
use hakmem_core::learn::{Decisions, Fixed, Note, Start, State, step};
use hakmem_core::policy::Policy;
use std::fmt::Write;
use std::io::BufRead;

/// Steps that are told of in full where levers are fixed.
const TOLD: usize = 20;

/// Replays a log up to the first step that differs.
pub(super) fn replay<R: BufRead>(mut log: Log<R>) -> Result<Answer, Fault> {
    let mut state = begin(&log, log.header.start.fixed)?;
    let mut first = None;
    let (mut steps, mut changes) = (0, 0);
    for logged in log.by_ref() {
        let logged = logged?;
        let first = *first.get_or_insert(logged.now);
        begin_anew(&mut state, &logged, None);
        let replayed = step(&mut state, &logged.seen, logged.now);
        if !is_same(&logged, &replayed) {
            let text = difference(&logged, &replayed, first);
            return Ok(Answer { status: 1, text });
        }
        steps += 1;
        changes += logged.notes.iter().filter(|note| matches!(note, Note::Changed(_))).count();
    }
    let (steps, changes) = (counted(steps, "step"), counted(changes, "change"));
    let mut text = format!("{steps}, {changes}: every decision the same\n");
    if let Some(line) = log.cut() {
        let _ = writeln!(text, "line {line} is cut: replayed up to there");
    }
    Ok(Answer::good(text))
}

/// Replays a log with other levers fixed, and tells what would have been decided otherwise. What was
/// seen stays as it was: this shows what a learner makes of the same sights, not what a program would
/// have done.
pub(super) fn what_if<R: BufRead>(mut log: Log<R>, fixed: Fixed) -> Result<Answer, Fault> {
    let mut state = begin(&log, fixed)?;
    let mut first = None;
    let (mut steps, mut others) = (0, 0);
    let mut text = String::new();
    for logged in log.by_ref() {
        let logged = logged?;
        let first = *first.get_or_insert(logged.now);
        begin_anew(&mut state, &logged, Some(fixed));
        let replayed = step(&mut state, &logged.seen, logged.now);
        steps += 1;
        if logged.notes != notes(&replayed) {
            others += 1;
            if others <= TOLD {
                text += &difference(&logged, &replayed, first);
            }
        }
    }
    if others > TOLD {
        let _ = writeln!(text, "... and {} more", others - TOLD);
    }
    let _ = writeln!(text, "{}: {others} of them decided otherwise", counted(steps, "step"));
    Ok(Answer::good(text))
}

fn begin<R>(log: &Log<R>, fixed: Fixed) -> Result<State, Fault> {
    if log.header.sizes != Policy::SIZES {
        return Err(Fault::of_all("a log of other size classes than this build has"));
    }
    let mut start = log.header.start;
    start.fixed = fixed;
    let mut state = State::new();
    state.begin(&log.header.policy, start);
    Ok(state)
}

/// Begins anew where the log does, with other levers fixed if so told.
fn begin_anew(state: &mut State, logged: &Step, fixed: Option<Fixed>) {
    if let Some((start, policy)) = &logged.anew {
        state.begin(policy, Start { fixed: fixed.unwrap_or(start.fixed), ..*start });
    }
}

fn is_same(logged: &Step, replayed: &Decisions) -> bool {
    logged.phase == replayed.phase
        && logged.notes == notes(replayed)
        && logged.policy == replayed.policy
        && logged.pause == replayed.pause
}

/// The notes up to the first that is none.
fn notes(decisions: &Decisions) -> Vec<Note> {
    decisions.notes.iter().map_while(|note| *note).collect()
}

/// Both sides of what differs.
fn difference(logged: &Step, replayed: &Decisions, first: u64) -> String {
    let at = seconds(logged.now.saturating_sub(first));
    let mut text = format!("line {}, at {at}: log and replay differ\n", logged.line);
    let mut both = |what: &str, log: String, replay: String| {
        if log != replay {
            let _ = writeln!(text, "  {what:<7} log:    {log}\n  {:<7} replay: {replay}", "");
        }
    };
    both("phase", logged.phase.name().into(), replayed.phase.name().into());
    both("notes", told(&logged.notes), told(&notes(replayed)));
    let policies = |from: &Policy, to: &Policy| moved(from, to, &Policy::SIZES).join(" ");
    // What one has otherwise than the other.
    both(
        "policy",
        policies(&replayed.policy, &logged.policy),
        policies(&logged.policy, &replayed.policy),
    );
    both("pause", format!("{} ms", logged.pause), format!("{} ms", replayed.pause));
    text
}

fn told(notes: &[Note]) -> String {
    let told: Vec<String> = notes.iter().map(note).collect();
    if told.is_empty() { "none".into() } else { told.join("; ") }
}

fn note(note: &Note) -> String {
    let of = |class: Option<u8>| {
        let size = class.and_then(|class| Policy::SIZES.get(usize::from(class)));
        size.map_or(String::new(), |size| format!(":{size}"))
    };
    match note {
        Note::Changed(change) => format!(
            "{}{} {} -> {} ({}, expected {})",
            change.lever.name(),
            of(change.class),
            value(change.lever, change.from),
            value(change.lever, change.to),
            change.reason.name(),
            percent(change.expected),
        ),
        Note::Settled(verdict) => format!(
            "{}{} {} (expected {}, realised {})",
            verdict.lever.name(),
            of(verdict.class),
            if verdict.stays { "kept" } else { "undone" },
            percent(verdict.expected),
            percent(verdict.realised),
        ),
    }
}
