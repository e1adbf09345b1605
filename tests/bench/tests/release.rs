//! Each scenario of `worker release`, small, on the system's allocator: it ends well, and prints the
//! samples that `measure release` reads.

use std::process::{Command, Output};

use serde_json::Value;

fn worker(args: &str) -> Output {
    let mut command = Command::new(env!("CARGO_BIN_EXE_worker-system"));
    command.arg("release").args(args.split_whitespace());
    command.output().expect("the worker starts")
}

fn lines(args: &str) -> Vec<Value> {
    let output = worker(args);
    assert!(output.status.success(), "{args}: {}", String::from_utf8_lossy(&output.stderr));
    let text = String::from_utf8(output.stdout).expect("JSON is UTF-8");
    text.lines().map(|line| serde_json::from_str(line).expect("every line is JSON")).collect()
}

/// The names of the samples, each of which has something resident.
fn samples(args: &str) -> Vec<String> {
    let name = |line: &Value| {
        assert!(line["rss_kib"].as_u64().expect("a number") > 0, "{line}");
        line["sample"].as_str().expect("a name").to_owned()
    };
    lines(args).iter().map(name).collect()
}

#[test]
fn burst() {
    assert_eq!(samples("burst 4 1 0"), ["before", "0 s"]);
    assert_eq!(samples("burst 4 3 0,1"), ["before", "0 s", "1 s"]);
}

#[test]
fn survivors_are_live() {
    for choice in ["random", "runs"] {
        let lines = lines(&format!("survivors 8 100 {choice} 0"));
        let live = lines[1]["live"].as_u64().expect("a number");
        assert!(live > 0 && live < 4 << 20, "{choice}: {live}");
        assert!(lines[1]["bookkeeping_kib"].as_u64() > Some(0), "{choice}");
    }
}

#[test]
fn idle_threads() {
    assert_eq!(samples("idle-threads 10 1 0"), ["before", "0 s"]);
}

#[test]
fn phases() {
    let names = ["before", "64 B", "1 KiB", "24 KiB", "200 KiB", "peak", "end"];
    assert_eq!(samples("phases 2"), names);
}

#[test]
fn producer_knows_its_peak() {
    let lines = lines("producer 1");
    assert_eq!(lines.last().expect("samples")["sample"], "largest");
    assert!(lines[1]["live"].as_u64() > Some(0));
}

#[test]
fn threads_and_forks() {
    let names = ["before", "first tenth", "end"];
    assert_eq!(samples("threads 200"), names);
    assert_eq!(samples("forks 20"), names);
}

#[test]
fn stalls_are_in_order() {
    let lines = lines("stalls 1");
    for call in ["malloc", "free"] {
        let of = lines.iter().filter(|line| line["call"] == call);
        let nanos: Vec<f64> = of.map(|line| line["ns"].as_f64().expect("a number")).collect();
        assert_eq!(nanos.len(), 5, "{call}");
        assert!(nanos.is_sorted(), "{call}: {nanos:?}");
    }
}

#[test]
fn what_cannot_be_understood_is_refused() {
    for args in ["", "nothing", "burst", "burst 4", "burst 4 1 2,1", "survivors 4 10 some 0"] {
        assert_eq!(worker(args).status.code(), Some(2), "{args}");
    }
}
