//! Each scenario of `worker-kernel`, small, on each allocator: it ends well, prints what `measure
//! kernel` reads, and nobody cheats.

use std::process::{Command, Output};

use hakmem_bench::kernel::{NOTHING, contestants};
use serde_json::Value;

const SMALL: usize = 8 << 10;
const MIDDLE: usize = 1 << 20;
/// Large enough for everybody.
const LARGE: usize = 16 << 20;

fn worker(name: &str, args: &str) -> Output {
    let mut command = Command::new(env!("CARGO_BIN_EXE_worker-kernel"));
    command.arg(name).args(args.split_whitespace());
    command.output().expect("the worker starts")
}

fn line(name: &str, args: &str) -> Value {
    let output = worker(name, args);
    let errors = String::from_utf8_lossy(&output.stderr);
    assert!(output.status.success(), "{name} {args}: {errors}");
    serde_json::from_slice(&output.stdout).expect("the line is JSON")
}

fn number(line: &Value, field: &str) -> f64 {
    line[field].as_f64().unwrap_or_else(|| panic!("no {field} in {line}"))
}

/// Those that allocate.
fn names() -> Vec<&'static str> {
    let mut names: Vec<_> = contestants().map(|one| one.name).collect();
    names.retain(|name| *name != NOTHING);
    names.dedup();
    names
}

/// Blocks are aligned, apart, inside the region and keep their bytes, and a heap whose blocks are
/// all freed takes the same again. Who cannot take a region says so.
#[test]
fn nobody_cheats() {
    for name in names() {
        for (region, operations) in [(SMALL, 5_000), (MIDDLE, 20_000), (LARGE, 20_000)] {
            for seed in 1..4 {
                let line = line(name, &format!("check {region} {seed} {operations}"));
                let Some(failed) = line["failed"].as_array() else {
                    assert!(line["none"].is_string() && region < LARGE, "{name}: {line}");
                    continue;
                };
                assert_eq!(failed.len(), 2);
            }
        }
    }
}

#[test]
fn timed_scenarios_print_what_is_read() {
    for name in names() {
        let speed = line(name, &format!("speed {LARGE} 1 100000 {MIDDLE}"));
        assert!(number(&speed, "seconds") > 0.0 && number(&speed, "operations") > 0.0, "{name}");
        assert!(number(&speed, "requests") > number(&speed, "failed"), "{name}: {speed}");
        let worst = line(name, &format!("worst {LARGE} 1 3000 2"));
        assert!(number(&worst, "alloc_or_free_ns") > 0.0, "{name}: {worst}");
        assert!(number(&worst, "resize_ns") > 0.0, "{name}: {worst}");
        for threads in 1..3 {
            let both = line(name, &format!("threads {LARGE} 1 2000 {threads}"));
            assert_eq!(number(&both, "operations"), 2000.0 * f64::from(threads), "{name}");
            assert!(number(&both, "failed") < number(&both, "requests") / 10.0, "{name}: {both}");
        }
    }
}

#[test]
fn a_region_fills_up_and_no_further() {
    for name in names() {
        for how in ["growing", "aged"] {
            let line = line(name, &format!("fill {LARGE} 1 {how}"));
            let part = number(&line, "part");
            assert!(part > 0.0 && part < 1.0, "{name}, {how}: {line}");
        }
    }
}

#[test]
fn failures_are_a_part_of_the_requests() {
    for name in names() {
        let line = line(name, &format!("churn {LARGE} 1 1000"));
        assert!(number(&line, "failed") < number(&line, "requests"), "{name}: {line}");
    }
}

/// A seed gives the same figures again, for they hang on nothing else.
#[test]
fn seeds_repeat() {
    let run = |seed| line("talc", &format!("churn {SMALL} {seed} 5000"));
    assert_eq!(run(1), run(1));
    assert_ne!(run(1), run(2));
}

#[test]
fn what_cannot_be_understood_is_refused() {
    for args in
        ["", "speed", "speed 8192 1 1", "fill 8192 1", "fill 8192 1 some", "nothing 8192 1 1"]
    {
        assert_eq!(worker("talc", args).status.code(), Some(2), "{args}");
    }
    assert_eq!(worker("nobody", "churn 8192 1 1").status.code(), Some(2));
}
