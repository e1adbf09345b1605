//! Replays: the same to the last bit, or the first line that differs.

use crate::story::{Story, invented, lived};
use crate::{Outcome, Scratch, hakmem};
use hakmem_core::learn::{Counters, Decisions, Fixed, Phase, Start, State, step};
use hakmem_core::policy::Policy;

const FREEZE: Start = Start {
    freeze: true,
    settled: false,
    fixed: Fixed { lists: false, sharers: false, decay: false, fresh: false },
};

fn replayed(name: &str, log: &str) -> Outcome {
    let log = Scratch::with(&format!("{name}.jsonl"), log);
    hakmem(&["learn", "replay", log.path()])
}

fn same(name: &str, log: &str) -> String {
    let Outcome { status, out, err } = replayed(name, log);
    assert_eq!((status, &*err), (Some(0), ""), "{name}: {out}");
    assert!(out.contains("every decision the same"), "{name}: {out}");
    out
}

#[test]
fn what_the_learner_did_it_does_again() {
    let fixed = Fixed { lists: true, decay: true, ..Fixed::default() };
    let starts = [
        ("on", Start::default()),
        ("freeze", FREEZE),
        ("settled", Start { settled: true, ..Start::default() }),
        ("fixed", Start { fixed, ..Start::default() }),
    ];
    for (name, start) in starts {
        let policy = Policy { decay: 1000, ..Policy::DEFAULT };
        let out = same(name, &lived(2_000, policy, start));
        assert!(out.starts_with("2000 steps, "), "{name}: {out}");
        // Or nothing would be compared.
        assert_eq!(out.contains(" 0 changes"), name == "freeze", "{name}: {out}");
    }
}

/// A program that gives the heap another policy makes the learner begin anew, in the same log.
#[test]
fn a_learner_that_begins_anew_does_so_again() {
    let first = lived(300, Policy::DEFAULT, Start::default());
    let fixed = Fixed { decay: true, ..Fixed::default() };
    let policy = Policy { decay: 2000, ..Policy::DEFAULT };
    let second = lived(500, policy, Start { fixed, ..Start::default() });
    let out = same("anew", &(first.clone() + &second));
    assert!(out.starts_with("800 steps, "), "{out}");
    // Another beginning than the one that was: the steps differ.
    let header = first.lines().next().expect("a header").to_owned() + "\n";
    let steps = second.split_once('\n').expect("steps behind the header").1;
    let outcome = replayed("anew-wrong", &(first.clone() + &header + steps));
    assert_eq!(outcome.status, Some(1), "{}", outcome.out);
}

#[test]
fn counters_may_be_anything() {
    let mut story = Story::new(Policy::DEFAULT, Start::default());
    let mut state = State::new();
    state.begin(&Policy::DEFAULT, Start::default());
    for number in 0..400 {
        let all = [u64::MAX, 0, story.random(1 << 40)][number % 3];
        story.pass(50, &[(number % 41, all >> 20), (40, 5)]);
        story.now = if number % 50 == 9 { all } else { story.now.wrapping_add(100) };
        story.seen = Counters { mapped: all, in_use: all / 2, missed: all, ..story.seen };
        let decisions = step(&mut state, &story.seen, story.now);
        story.tell(&decisions);
    }
    same("anything", &story.log);
}

/// Each kind of thing that is compared, altered in one line.
#[test]
fn one_number_that_differs_is_found() {
    let log = lived(600, Policy::DEFAULT, Start::default());
    let lines: Vec<&str> = log.lines().collect();
    let note = r#""changed":"list""#;
    let at = lines.iter().position(|line| line.contains(note)).expect("a list is changed");
    let altered = |from: &str, to: &str| {
        let mut lines = lines.clone();
        let line = lines[at].replacen(from, to, 1);
        assert_ne!(line, lines[at], "{from} is not in it");
        lines[at] = &line;
        lines.join("\n") + "\n"
    };
    let number_behind = |key: &str| {
        let rest = &lines[at][lines[at].find(key).expect("the key is there")..];
        let digits = rest[key.len()..].split(|c: char| !c.is_ascii_digit()).next();
        format!("{key}{}", digits.expect("a number follows"))
    };
    let list = number_behind("\"policy\":{\"lists\":[[") + ",";
    let cases = [
        ("policy", number_behind(&list)),
        ("pause", number_behind("\"pause\":")),
        ("notes", number_behind("\"expected\":")),
        ("notes", number_behind("\"to\":")),
    ];
    for (index, (what, number)) in cases.into_iter().enumerate() {
        let other = format!("{number}1");
        let outcome = replayed(&format!("altered-{index}"), &altered(&number, &other));
        assert_eq!((outcome.status, &*outcome.err), (Some(1), ""), "{number}: {}", outcome.out);
        let begin = format!("line {}, at ", at + 1);
        assert!(outcome.out.starts_with(&begin), "{number}: {}", outcome.out);
        assert!(outcome.out.contains(&format!("  {what} ")), "{number}: {}", outcome.out);
        assert_eq!(outcome.out.matches("log:").count(), 1, "{number}: {}", outcome.out);
    }
    let name = r#""phase":"canary""#;
    let outcome = replayed("altered-phase", &altered(name, r#""phase":"frozen""#));
    assert_eq!(outcome.status, Some(1), "{outcome:?}");
    assert!(outcome.out.contains("log:    frozen"), "{}", outcome.out);
    assert!(outcome.out.contains("replay: canary"), "{}", outcome.out);
}

#[test]
fn decisions_that_nobody_made_differ_at_once() {
    let log = invented(100);
    let first =
        log.lines().position(|line| line.contains("\"changed\"")).expect("there is a change");
    let outcome = replayed("invented", &log);
    assert_eq!((outcome.status, &*outcome.err), (Some(1), ""), "{}", outcome.out);
    assert!(outcome.out.starts_with(&format!("line {}, at ", first + 1)), "{}", outcome.out);
    assert!(outcome.out.contains("replay: none"), "{}", outcome.out);
}

#[test]
fn a_log_that_was_cut_is_replayed_up_to_there() {
    let log = lived(50, Policy::DEFAULT, Start::default());
    let last = log.trim_end().rfind('\n').expect("there are lines") + 1;
    for end in [last + 1, last + 40, log.len() - 2] {
        let out = same(&format!("cut-{end}"), &log[..end]);
        assert!(out.starts_with("49 steps"), "{out}");
        assert!(out.contains("line 51 is cut"), "{out}");
    }
    // Only the end of its line is missing: nothing is lost.
    for end in [last, log.len() - 1] {
        let out = same(&format!("whole-{end}"), &log[..end]);
        assert!(!out.contains("cut"), "{out}");
    }
}

#[test]
fn fixed_levers_decide_otherwise() {
    let log = lived(600, Policy::DEFAULT, Start::default());
    let file = Scratch::with("what-if.jsonl", &log);
    let as_it_was = hakmem(&["learn", "replay", "--fix", "", file.path()]);
    assert_eq!(as_it_was.status, Some(0), "{}", as_it_was.err);
    assert!(as_it_was.out.ends_with("600 steps: 0 of them decided otherwise\n"));
    let fixed = hakmem(&["learn", "replay", "--fix", "lists,decay", file.path()]);
    assert_eq!(fixed.status, Some(0), "{}", fixed.err);
    assert!(!fixed.out.contains(": 0 of them"), "{}", fixed.out);
    let unknown = hakmem(&["learn", "replay", "--fix", "speed", file.path()]);
    assert_eq!(unknown.status, Some(2));
    assert!(unknown.err.contains("none of lists, sharers, decay, fresh"), "{}", unknown.err);
}

#[test]
fn one_step_is_enough_to_differ() {
    let mut story = Story::new(Policy::DEFAULT, Start::default());
    let notes = [None; Decisions::NOTES];
    let (policy, phase) = (Policy::DEFAULT, Phase::Frozen);
    story.tell(&Decisions { policy, phase, notes, pause: 1 });
    let outcome = replayed("phase", &story.log);
    assert_eq!(outcome.status, Some(1), "{outcome:?}");
    assert!(outcome.out.contains("pause"), "{}", outcome.out);
}
