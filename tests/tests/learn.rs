//! The learner in programs of C: its record, its policy's file, and what may be wrong with either.

use hakmem_tests::child::{self, Outcome};
use hakmem_tests::{artefacts, compile};
use std::fs;
use std::os::unix::fs::MetadataExt;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::time::Duration;

#[path = "learn/command_line.rs"]
mod command_line;
#[path = "learn/files.rs"]
mod files;
#[path = "learn/huge.rs"]
mod huge;
#[path = "learn/record.rs"]
mod record;
#[path = "learn/stack.rs"]
mod stack;
#[path = "learn/wrong.rs"]
mod wrong;

use record::{Record, read};

/// The cases wait for what must come true, on machines that are busy with other tests.
const LIMIT: Duration = Duration::from_secs(300);

const ALONE: (&str, &str) = ("HAKMEM_BACKGROUND", "off");

/// An empty folder of a test's own.
fn folder(name: &str) -> PathBuf {
    let folder = artefacts::scratch("learn").join(name);
    let _ = fs::remove_dir_all(&folder);
    fs::create_dir_all(&folder).expect("writable");
    folder
}

fn text(path: &Path) -> &str {
    path.to_str().expect("a path in UTF-8")
}

fn command(case: &str, settings: &[(&str, &str)]) -> Command {
    command_of("learn.c", case, settings)
}

fn command_of(source: &str, case: &str, settings: &[(&str, &str)]) -> Command {
    let mut command = child::preloaded(compile::program(source, &[]));
    command.arg(case).envs(settings.iter().copied());
    command
}

/// Runs a case to its end, which must be a good one.
fn run(case: &str, settings: &[(&str, &str)]) -> Outcome {
    done(&mut command(case, settings), &format!("{case} {settings:?}"))
}

/// Runs a command to such an end.
fn done(command: &mut Command, what: &str) -> Outcome {
    let outcome = child::run(command, LIMIT).expect_success(what);
    assert_eq!(outcome.stdout, "done\n", "{what}");
    outcome
}

fn quiet(case: &str, settings: &[(&str, &str)]) {
    let outcome = run(case, settings);
    assert_eq!(outcome.stderr, "", "{case} {settings:?}");
}

/// Runs a case whose record goes into a folder of that name.
fn recorded(name: &str, case: &str, settings: &[(&str, &str)]) -> Record {
    let log = folder(name).join("log");
    let own = [("HAKMEM_LEARN_LOG", text(&log)), ("RECORD", text(&log))];
    quiet(case, &[&own, settings].concat());
    read(&log)
}

#[test]
fn a_program_of_one_thread_makes_steps() {
    let record = recorded("alone", "some_steps", &[ALONE]);
    assert!(record.steps.len() >= 4, "{record:?}");
    assert!(record.steps.iter().any(|step| step["seen"]["faults"].as_u64() > Some(0)));
    assert_eq!(record.header["start"], "on");
}

#[test]
fn time_never_goes_back() {
    let record = recorded("time", "some_steps", &[]);
    let times: Vec<u64> =
        record.steps.iter().map(|step| step["t"].as_u64().expect("a number")).collect();
    assert!(times.is_sorted(), "{times:?}");
}

#[test]
fn an_idle_program_makes_no_steps() {
    recorded("idle", "steps_then_idle", &[]);
}

#[test]
fn a_program_that_does_little_makes_no_step() {
    let record = recorded("small", "small", &[]);
    assert!(record.steps.is_empty(), "{record:?}");
}

#[test]
fn off_is_off() {
    let log = folder("off").join("log");
    quiet("some_time", &[("HAKMEM_LEARN", "off"), ("HAKMEM_LEARN_LOG", text(&log))]);
    assert!(!log.exists());
}

#[test]
fn frozen_it_records_and_changes_nothing() {
    let record = recorded("freeze", "some_steps", &[("HAKMEM_LEARN", "freeze")]);
    assert_eq!(record.header["start"], "freeze");
    for step in &record.steps {
        assert_eq!(
            (step["policy"].to_string(), step["notes"].to_string()),
            ("{}".into(), "[]".into())
        );
    }
}

#[test]
fn the_user_s_numbers_stay() {
    let settings = [("HAKMEM_DECAY", "123"), ("HAKMEM_LEARN_FIXED", "fresh,lists")];
    let record = recorded("fixed", "some_steps", &settings);
    assert_eq!(record.header["fixed"].to_string(), r#"["lists","decay","fresh"]"#);
    assert_eq!(record.header["policy"]["decay"], 123);
    for step in &record.steps {
        for name in ["lists", "decay", "fresh"] {
            assert!(step["policy"].get(name).is_none(), "{step}");
        }
    }
}

/// A policy as it is after a program has come to rest, as the text of its file.
fn settled(folder: &Path) -> String {
    let policy = folder.join("policy");
    command_line::hakmem(&["policy", "make", "-o", text(&policy)]);
    fs::read_to_string(policy).expect("a policy")
}

/// The lines of a policy's file with another sum: FNV-1a of all before.
fn summed(lines: &str) -> String {
    let body = lines.rsplit_once("sum ").expect("a sum").0;
    let sum = body.bytes().fold(0xcbf2_9ce4_8422_2325_u64, |sum, byte| {
        (sum ^ u64::from(byte)).wrapping_mul(0x0100_0000_01b3)
    });
    format!("{body}sum {sum:016x}\n")
}

/// The number behind a word that begins a line.
fn number(policy: &str, name: &str) -> u64 {
    let line = policy.lines().find_map(|line| line.strip_prefix(&format!("{name} ")));
    line.and_then(|number| number.parse().ok()).expect("a line of that name")
}

#[test]
fn what_is_learned_is_written_once_it_rests() {
    let folder = folder("rest");
    let (policy, log) = (folder.join("policy"), folder.join("log"));
    let settings = [
        ("HAKMEM_POLICY", text(&policy)),
        ("HAKMEM_LEARN_LOG", text(&log)),
        ("RECORD", text(&log)),
        ("HAKMEM_BACKGROUND", "on"),
    ];
    // It has seen next to nothing.
    quiet("some_steps", &settings);
    let record = read(&log);
    let rests = |record: &Record| record.steps.iter().any(|step| step["phase"] == "frozen");
    assert!(rests(&record) || !policy.exists());
    quiet("until_rest", &settings);
    assert!(rests(&read(&log)));
    let names = fs::read_dir(&folder).expect("readable").count();
    assert_eq!(names, 2, "something was left beside the policy");
    let policy = fs::read_to_string(policy).expect("a policy");
    assert_eq!(summed(&policy), policy);
}

#[test]
fn a_heap_at_rest_keeps_no_learner_from_it() {
    let log = folder("computes").join("log");
    let log = text(&log);
    let own = [("HAKMEM_LEARN_LOG", log), ("RECORD", log), ("HAKMEM_BACKGROUND", "on")];
    // Rounds that come this often end after six seconds.
    quiet("computes", &[&own[..], &[("HAKMEM_DECAY", "125")]].concat());
}

#[test]
fn what_is_learned_is_where_the_next_start_begins() {
    let folder = folder("warm");
    let policy = settled(&folder);
    assert_eq!(summed(&policy), policy);
    // So that it is none that it would have begun with.
    let old = format!("kept {}\n", number(&policy, "kept"));
    let changed = summed(&policy.replace(&old, "kept 5678\n").replace("list 8 64", "list 8 48"));
    fs::write(folder.join("policy"), &changed).expect("writable");

    let log = folder.join("again");
    let (file, record) = (folder.join("policy"), text(&log));
    let settings =
        [("HAKMEM_POLICY", text(&file)), ("HAKMEM_LEARN_LOG", record), ("RECORD", record)];
    for (learn, steps) in [("freeze", "some_steps"), ("on", "some_steps")] {
        quiet(steps, &[&settings[..], &[("HAKMEM_LEARN", learn)]].concat());
        let header = read(&log).header;
        assert_eq!(header["settled"], true);
        assert_eq!(header["policy"]["kept"], 5678);
        assert_eq!(header["policy"]["lists"][0], 48);
        let now = fs::read_to_string(&file).expect("a policy");
        assert_eq!(number(&now, "kept"), 5678);
        assert!(learn == "on" || now == changed, "what is frozen is not written");
    }
}

#[test]
fn what_the_user_fixed_is_not_written() {
    let folder = folder("not-written");
    let policy = settled(&folder);
    let decay = number(&policy, "decay");
    let (file, log) = (folder.join("policy"), folder.join("again"));
    let settings = [
        ("HAKMEM_POLICY", text(&file)),
        ("HAKMEM_LEARN_LOG", text(&log)),
        ("RECORD", text(&log)),
        ("HAKMEM_DECAY", "77"),
    ];
    quiet("some_steps", &settings);
    assert_eq!(read(&log).header["policy"]["decay"], 77);
    assert_eq!(number(&fs::read_to_string(&file).expect("a policy"), "decay"), decay);
}

#[test]
fn children_write_no_file_of_their_parent() {
    recorded("fork", "a_fork", &[ALONE]);
    recorded("fork-thread", "a_fork", &[("HAKMEM_BACKGROUND", "on")]);
    recorded("vfork", "a_vfork", &[ALONE]);
    let folder = folder("fork-policy");
    settled(&folder);
    let policy = folder.join("policy");
    // What is written is another file.
    let inode = || fs::metadata(&policy).expect("there").ino();
    let before = inode();
    recorded("fork-end", "an_end_in_a_child", &[ALONE, ("HAKMEM_POLICY", text(&policy))]);
    assert_eq!(inode(), before);
    recorded("no-fork-end", "some_steps", &[ALONE, ("HAKMEM_POLICY", text(&policy))]);
    assert_ne!(inode(), before);
}

#[test]
fn each_process_may_have_a_record_of_its_own() {
    let folder = folder("own");
    // The parent's steps cannot be counted by a name that it does not know.
    let log = folder.join("%p.log");
    let mut command = child::preloaded("sh");
    let program = compile::program("learn.c", &[]);
    command.env("HAKMEM_LEARN_LOG", text(&log)).env("PROGRAM", &program);
    let script = "RECORD=\"$DIR/$$.log\"; export RECORD; exec \"$PROGRAM\" an_end_in_a_child";
    command.env("DIR", &folder).args(["-c", script]);
    let outcome = child::run(&mut command, LIMIT).expect_success("own records");
    assert_eq!(outcome.stderr, "");
    let logs: Vec<PathBuf> = fs::read_dir(&folder)
        .expect("readable")
        .map(|entry| entry.expect("an entry").path())
        .collect();
    assert_eq!(logs.len(), 2, "{logs:?}");
    for log in logs {
        assert!(!read(&log).steps.is_empty(), "{}", log.display());
    }
}

#[test]
fn the_table_has_a_line_about_it() {
    let log = folder("table").join("log");
    let own = [("HAKMEM_LEARN_LOG", text(&log)), ("RECORD", text(&log)), ("HAKMEM_STATS", "1")];
    let outcome = run("some_steps", &own);
    let line = outcome.stderr.lines().find(|line| line.starts_with("  learner "));
    let line = line.unwrap_or_else(|| panic!("no line: {outcome}"));
    let steps = line.split("steps ").nth(1).and_then(|rest| rest.split(' ').next());
    assert_eq!(steps.and_then(|steps| steps.parse().ok()), Some(read(&log).steps.len()), "{line}");
    let outcome = run("small", &[("HAKMEM_STATS", "1"), ("HAKMEM_LEARN", "off")]);
    assert!(outcome.stderr.contains("\n  learner off  steps 0 "), "{outcome}");
}
