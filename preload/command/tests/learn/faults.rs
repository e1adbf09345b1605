//! What is no log, or not all of one.

use crate::story::lived;
use crate::{Outcome, Scratch, hakmem};
use hakmem_core::learn::Start;
use hakmem_core::policy::Policy;

/// What each command says of a log that it cannot read.
fn refused(name: &str, log: impl AsRef<[u8]>) -> String {
    let log = Scratch::with(&format!("{name}.jsonl"), log);
    let picture = Scratch::new(&format!("{name}-none.svg"));
    let mut said = Vec::new();
    for words in [
        &["learn", "replay", log.path()][..],
        &["learn", "show", log.path()],
        &["learn", "plot", log.path(), "-o", picture.path()],
    ] {
        let Outcome { status, out, err } = hakmem(words);
        assert_eq!((status, &*out), (Some(2), ""), "{name}: {err}");
        said.push(err);
    }
    assert!(!picture.0.exists(), "{name}: there is a picture");
    assert!(said.windows(2).all(|pair| pair[0] == pair[1]), "{name}: {said:?}");
    let begin = format!("hakmem: {}: ", log.path());
    let reason = said[0].strip_prefix(&begin).unwrap_or_else(|| panic!("{name}: {}", said[0]));
    reason.trim_end().to_owned()
}

#[test]
fn other_files_are_refused() {
    let log = lived(3, Policy::DEFAULT, Start::default());
    let starts = |name: &str, log: &str, begin: &str| {
        let said = refused(name, log);
        assert!(said.starts_with(begin), "{name}: {said}");
    };
    starts("empty", "", "line 1: the log is empty");
    starts("text", "Hello.\nHello?\n", "line 1: this is no log of hakmem's learner");
    starts("json", "{\"a\":1}\n", "line 1: this is no log of hakmem's learner");
    starts("array", "[1,2]\n", "line 1: this is no log of hakmem's learner");
    starts("half-header", &log[..40], "line 1: the log ends in it");
    let other = log.replacen("\"learn\"", "\"stats\"", 1);
    starts("other-kind", &other, "line 1: this is a log of stats");
    let newer = log.replacen("\"version\":1", "\"version\":2", 1);
    starts("other-version", &newer, "line 1: a log of version 2, not 1");
    // Whatever else such a version has.
    starts(
        "newer",
        "{\"hakmem\":\"learn\",\"version\":9,\"x\":[]}\n",
        "line 1: a log of version 9",
    );
    let fewer = log.replacen("\"classes\":[8,", "\"classes\":[", 1);
    starts("other-classes", &fewer, "line 1: 40 classes");
    let start = log.replacen("\"start\":\"on\"", "\"start\":\"off\"", 1);
    starts("other-start", &start, "line 1: \"off\" is no way to start");
    let missing = Scratch::new("missing.jsonl");
    let outcome = hakmem(&["learn", "show", missing.path()]);
    assert_eq!(outcome.status, Some(2));
    assert!(outcome.err.contains(missing.path()), "{}", outcome.err);
}

#[test]
fn a_bad_line_is_named() {
    let log = lived(5, Policy::DEFAULT, Start::default());
    let lines: Vec<&str> = log.lines().collect();
    let with = |line: &str| {
        let mut lines = lines.clone();
        lines[3] = line;
        lines.join("\n") + "\n"
    };
    let good = lines[3];
    let note = |note: &str| {
        let (before, rest) = good.split_once("\"notes\":[").expect("there are notes");
        let (_, after) = rest.split_once(']').expect("they end");
        format!("{before}\"notes\":[{note}]{after}")
    };
    let change = r#"{"changed":"list","class":48,"from":1,"to":2,"reason":"gain","expected":3}"#;
    let cases = [
        ("garbage", "garbage".to_owned(), "expected value"),
        ("half", good[..good.len() / 2].to_owned(), "EOF"),
        ("blank", String::new(), "EOF"),
        ("twice", good.repeat(2), "trailing characters"),
        ("phase", good.replacen("\"phase\":\"", "\"phase\":\"x", 1), "is no phase"),
        ("minus", good.replacen("\"t\":", "\"t\":-", 1), "invalid value"),
        ("unknown", good.replacen("\"t\":", "\"u\":1,\"t\":", 1), "unknown field `u`"),
        ("lost", good.replacen("\"pause\":", "\"paused\":", 1), "unknown field `paused`"),
        ("class", good.replacen("\"classes\":[[", "\"classes\":[[99,1,1,1],[", 1), "no class 99"),
        ("note", note("{\"changed\":\"list\"}"), "did not match"),
        ("size", note(&change.replacen("48", "49", 1)), "no class has blocks of 49 bytes"),
    ];
    for (name, line, reason) in cases {
        assert_ne!(line, good, "{name}");
        let said = refused(&format!("line-{name}"), with(&line));
        assert!(said.starts_with("line 4: "), "{name}: {said}");
        assert!(said.contains(reason), "{name}: {said}");
    }
    let said = refused("line-endless", with(&"9".repeat(1 << 20)));
    assert_eq!(said, "line 4: longer than 64 KiB");
    let mut bytes = with("").into_bytes();
    bytes.extend([0xff, 0xfe, b'\n']);
    assert!(refused("bytes", bytes).starts_with("line 4: "));
}

#[test]
fn a_picture_needs_time() {
    for steps in [0, 1] {
        let log = lived(steps, Policy::DEFAULT, Start::default());
        let log = Scratch::with(&format!("short-{steps}.jsonl"), log);
        let picture = Scratch::new(&format!("short-{steps}.svg"));
        let outcome = hakmem(&["learn", "plot", log.path(), "-o", picture.path()]);
        assert_eq!(outcome.status, Some(2));
        assert!(outcome.err.contains("nothing to draw"), "{}", outcome.err);
        assert!(!picture.0.exists());
        let shown = hakmem(&["learn", "show", log.path()]);
        assert_eq!((shown.status, &*shown.err), (Some(0), ""));
    }
}

#[test]
fn a_picture_that_cannot_be_written_is_an_error() {
    let log = Scratch::with("unwritten.jsonl", lived(9, Policy::DEFAULT, Start::default()));
    let outcome = hakmem(&["learn", "plot", log.path(), "-o", "/no/such/folder/out.svg"]);
    assert_eq!(outcome.status, Some(2));
    assert!(outcome.err.contains("/no/such/folder/out.svg"), "{}", outcome.err);
}
