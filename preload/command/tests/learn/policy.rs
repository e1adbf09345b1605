//! Policies that are made by hand.

use crate::{Outcome, Scratch, hakmem};
use hakmem_core::policy::text::{self, Machine};
use hakmem_core::policy::{Fresh, Policy};
use std::fs;

fn made(file: &Scratch, words: &[&str]) -> Policy {
    let outcome = hakmem(&[&["policy", "make", "-o", file.path()], words].concat());
    assert_eq!((outcome.status, &*outcome.err), (Some(0), ""));
    text::read(&fs::read(file.path()).expect("there is a file")).expect("a policy").0
}

fn refused(words: &[&str]) -> String {
    let Outcome { status, out, err } = hakmem(words);
    assert_eq!((status, &*out), (Some(2), ""), "{words:?}: {err}");
    err
}

fn class(size: u32) -> usize {
    Policy::SIZES.iter().position(|known| *known == size).expect("there is such a class")
}

#[test]
fn what_is_made_is_shown() {
    let file = Scratch::new("made.policy");
    let mut expected = Policy { decay: 1000, fresh: Fresh::Huge, ..Policy::DEFAULT };
    expected.lists[class(48)] = 128;
    assert_eq!(made(&file, &["decay=1000", "list:48=128", "fresh=huge"]), expected);

    let shown = hakmem(&["policy", "show", file.path()]);
    assert_eq!((shown.status, &*shown.err), (Some(0), ""));
    let changed: Vec<Vec<&str>> = shown
        .out
        .lines()
        .filter(|line| line.contains("default:"))
        .map(|line| line.split_whitespace().collect())
        .collect();
    let default = |number: u32| number.to_string();
    assert_eq!(
        changed,
        [
            vec!["decay", "1000", "ms", "default:", &default(Policy::DEFAULT.decay)],
            vec!["fresh", "huge", "default:", "plain"],
            vec![
                "list:48",
                "128",
                "blocks",
                "default:",
                &default(Policy::DEFAULT.lists[class(48)].into())
            ],
        ]
    );
    assert!(!shown.out.contains("another"), "{}", shown.out);
}

#[test]
fn one_is_made_from_another() {
    let (first, second) = (Scratch::new("first.policy"), Scratch::new("second.policy"));
    let one = made(&first, &["decay=125", "sharers=4"]);
    let two = made(&second, &["--from", first.path(), "decay=250", "decay=2000"]);
    assert_eq!(two, Policy { decay: 2000, ..one });
    // Onto itself.
    assert_eq!(
        made(&first, &["--from", first.path(), "sharers=all"]),
        Policy { sharers: 0, ..one }
    );
}

#[test]
fn another_machine_s_is_shown_and_made_this_one_s() {
    let machine = Machine { page: 65_536, cpus: 4_000, memory: 1 };
    let mut text = String::new();
    text::write(&Policy { decay: 777, ..Policy::DEFAULT }, &machine, &mut text)
        .expect("it is text");
    let (foreign, ours) = (Scratch::with("foreign.policy", text), Scratch::new("ours.policy"));
    let shown = hakmem(&["policy", "show", foreign.path()]);
    assert_eq!(shown.status, Some(0));
    assert!(shown.out.contains("this machine is another"), "{}", shown.out);
    assert!(shown.out.contains("4000 CPUs"), "{}", shown.out);

    assert_eq!(made(&ours, &["--from", foreign.path()]).decay, 777);
    let shown = hakmem(&["policy", "show", ours.path()]);
    assert!(!shown.out.contains("another"), "{}", shown.out);
}

#[test]
fn what_is_wrong_with_a_file_is_said() {
    let good = Scratch::new("good.policy");
    made(&good, &[]);
    let text = fs::read_to_string(good.path()).expect("it is text");
    let cases = [
        ("empty", String::new(), "cut short"),
        ("cut", text[..text.len() / 2].into(), "cut short"),
        ("garbage", "garbage\n".repeat(20), "not a policy file"),
        ("version", text.replacen("policy 1", "policy 2", 1), "version 2"),
        ("changed", text.replacen("decay 500", "decay 501", 1), "sum is wrong"),
        ("long", text.clone() + &"x".repeat(5000), "longer than"),
    ];
    for (name, text, reason) in cases {
        let file = Scratch::with(&format!("{name}.bad-policy"), text);
        let output = Scratch::new(&format!("{name}.unmade-policy"));
        for words in [
            &["policy", "show", file.path()][..],
            &["policy", "make", "--from", file.path(), "-o", output.path()],
        ] {
            let error = refused(words);
            assert!(error.contains(reason) && error.contains(file.path()), "{name}: {error}");
        }
        assert!(fs::metadata(output.path()).is_err(), "{name}: something was made");
    }
    assert!(refused(&["policy", "show", "/no/such/file"]).contains("/no/such/file"));
}

#[test]
fn what_is_wrong_with_a_setting_is_said() {
    let file = Scratch::new("unset.policy");
    for (word, reason) in [
        ("decay=0", "from 1 to"),
        ("list:50=64", "48 and 64"),
        ("speed=11", "the keys are"),
        ("decay", "no `=`"),
    ] {
        let error = refused(&["policy", "make", "-o", file.path(), word]);
        assert!(error.contains(word) && error.contains(reason), "{error}");
    }
    assert!(fs::metadata(file.path()).is_err(), "something was made");
    assert!(refused(&["policy", "make", "decay=5"]).contains("--output"));
    let error = refused(&["policy", "make", "-o", "/no/such/folder/policy"]);
    assert!(error.contains("/no/such/folder/policy"), "{error}");
}
