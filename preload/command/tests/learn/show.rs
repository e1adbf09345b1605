//! The table of decisions.

use crate::story::invented;
use crate::{Scratch, hakmem};

fn shown(name: &str, log: &str) -> String {
    let log = Scratch::with(&format!("{name}.jsonl"), log);
    let outcome = hakmem(&["learn", "show", log.path()]);
    assert_eq!((outcome.status, &*outcome.err), (Some(0), ""));
    outcome.out
}

#[test]
fn every_change_is_a_row() {
    let log = invented(300);
    let text = shown("rows", &log);
    let (table, summary) = text.split_once("\n\n").expect("a summary follows the table");
    let rows: Vec<&str> = table.lines().skip(1).collect();
    let changes = log.matches("\"changed\"").count();
    assert_eq!(rows.len(), changes);
    assert!(summary.contains(&format!("{changes} changes: ")), "{summary}");
    let settled = |stays: bool| log.matches(&format!("\"stays\":{stays}")).count();
    let outcome = |word: &str| rows.iter().filter(|row| row.contains(word)).count();
    assert!(settled(true) > 0 && settled(false) > 0, "the log has both");
    assert_eq!(outcome("kept after"), settled(true));
    assert_eq!(outcome("undone after"), settled(false));
    assert!(summary.starts_with("300 steps over "), "{summary}");

    // Columns are straight: what ends at the right of its column ends under the column's name.
    let end = table.lines().next().expect("a head").find("expected").expect("the column") + 8;
    assert!(rows.iter().all(|row| row.as_bytes()[end - 1] == b'%'), "{table}");
}

/// What the summary says of the policy makes that policy.
#[test]
fn the_end_can_be_made_a_policy() {
    let text = shown("end", &invented(300));
    let end = text.lines().find_map(|line| line.strip_prefix("policy at the end: "));
    let words: Vec<&str> = end.expect("the policy is told").split(' ').collect();
    assert!(words.iter().any(|word| word.starts_with("list:")), "{words:?}");
    let file = Scratch::new("end.policy");
    let made = hakmem(&[&["policy", "make", "-o", file.path()], &words[..]].concat());
    assert_eq!((made.status, &*made.err), (Some(0), ""));
    let shown = hakmem(&["policy", "show", file.path()]).out;
    assert_eq!(shown.matches("default:").count(), words.len(), "{shown}");
}

#[test]
fn a_cut_log_is_shown_up_to_there() {
    let log = invented(20);
    let text = shown("cut-table", &log[..log.len() - 9]);
    assert!(text.contains("19 steps") && text.contains("line 21 is cut"), "{text}");
}

/// A reader that leaves early is no error.
#[test]
fn a_closed_pipe_is_no_error() {
    use std::process::{Command, Stdio};
    let log = Scratch::with("pipe.jsonl", invented(2_000));
    let mut command = Command::new(env!("CARGO_BIN_EXE_hakmem"));
    command.args(["learn", "show", log.path()]).stdout(Stdio::piped()).stderr(Stdio::piped());
    let mut child = command.spawn().expect("the command starts");
    drop(child.stdout.take());
    let output = child.wait_with_output().expect("it ends");
    assert_eq!((output.status.code(), &*output.stderr), (Some(0), &b""[..]));
}
