//! Each scenario of `worker learner`, small, on the system's allocator: it ends well, and prints what
//! `measure learner` reads.

use std::process::{Command, Output};

use serde_json::Value;

fn worker(args: &str) -> Output {
    let mut command = Command::new(env!("CARGO_BIN_EXE_worker-system"));
    command.arg("learner").args(args.split_whitespace());
    command.output().expect("the worker starts")
}

/// All lines; the last one tells what was done.
fn lines(args: &str) -> Vec<Value> {
    let output = worker(args);
    assert!(output.status.success(), "{args}: {}", String::from_utf8_lossy(&output.stderr));
    let text = String::from_utf8(output.stdout).expect("JSON is UTF-8");
    let lines: Vec<Value> =
        text.lines().map(|line| serde_json::from_str(line).expect("every line is JSON")).collect();
    let last = lines.last().expect("there is one");
    for name in ["count", "wall", "cpu"] {
        assert!(number(last, name) > 0.0, "{name} in {last}");
    }
    assert!(number(last, "bookkeeping_kib") >= 0.0, "{last}");
    lines
}

fn number(line: &Value, field: &str) -> f64 {
    line[field].as_f64().unwrap_or_else(|| panic!("no {field} in {line}"))
}

#[test]
fn phases_last_as_long_as_told() {
    for args in ["shift 4 0.05", "swap 4 0.05"] {
        let wall = number(&lines(args)[0], "wall");
        assert!(wall >= 0.2, "{args}: {wall}");
    }
}

#[test]
fn bursts_tell_when_they_begin_and_end() {
    let lines = lines("bursts 2 0.05 0.01 16");
    let phases: Vec<&str> = lines.iter().filter_map(|line| line["phase"].as_str()).collect();
    assert_eq!(phases, ["burst", "quiet", "burst", "quiet"]);
    assert!(number(lines.last().unwrap(), "wall") >= 0.1);
}

#[test]
fn turns_know_what_is_held() {
    let line = &lines("turns 6 0.35")[0];
    let [resident, held, caches] =
        ["rss_kib", "held_kib", "caches_kib"].map(|name| number(line, name));
    assert!(held > 0.0 && held < resident && caches < resident - held, "{line}");
}

#[test]
fn a_grown_heap_is_all_resident() {
    for args in ["growth 32 1", "growth 32 2"] {
        assert!(number(&lines(args)[0], "peak_kib") > 32.0 * 1024.0, "{args}");
    }
}

#[test]
fn what_cannot_be_understood_is_refused() {
    for args in ["", "nothing", "shift", "shift 0 1", "swap 2 -1", "bursts 1 1 1", "growth 1 none"]
    {
        assert_eq!(worker(args).status.code(), Some(2), "{args}");
    }
}
