//! What the `hakmem` command makes of a real program's record, and a program of the command's policy.

use super::{LIMIT, folder, quiet, recorded, text};
use hakmem_tests::artefacts;
use hakmem_tests::child::{self, Outcome};
use std::fs;

pub(crate) fn hakmem(words: &[&str]) -> Outcome {
    let mut command = child::plain(artefacts::command());
    let outcome = child::run(command.args(words), LIMIT);
    let outcome = outcome.expect_success(&format!("hakmem {words:?}"));
    assert_eq!(outcome.stderr, "", "{words:?}");
    outcome
}

#[test]
fn what_a_program_decided_is_decided_again() {
    for learn in ["on", "freeze"] {
        let name = format!("replayed-{learn}");
        let steps = recorded(&name, "some_steps", &[("HAKMEM_LEARN", learn)]).steps.len();
        let folder = artefacts::scratch("learn").join(&name);
        let log = folder.join("log");
        let outcome = hakmem(&["learn", "replay", text(&log)]);
        assert!(outcome.stdout.contains("every decision the same"), "{outcome}");
        assert!(outcome.stdout.starts_with(&format!("{steps} step")), "{outcome}");

        let outcome = hakmem(&["learn", "show", text(&log)]);
        assert!(outcome.stdout.contains(&format!("{steps} step")), "{outcome}");
        let picture = folder.join("picture.svg");
        hakmem(&["learn", "plot", text(&log), "-o", text(&picture)]);
        let picture = fs::read_to_string(picture).expect("there is a picture");
        assert!(picture.starts_with("<svg ") && picture.trim_end().ends_with("</svg>"));
    }
}

/// The command finds out by itself what machine this is: a program there must agree.
#[test]
fn a_policy_made_by_hand_is_taken() {
    let folder = folder("by-hand");
    let policy = folder.join("policy");
    let settings = ["decay=777", "list:48=96", "list:512=3"];
    hakmem(&[&["policy", "make", "-o", text(&policy)], &settings[..]].concat());
    let log = folder.join("log");
    quiet(
        "some_steps",
        &[
            ("HAKMEM_LEARN", "freeze"),
            ("HAKMEM_POLICY", text(&policy)),
            ("HAKMEM_LEARN_LOG", text(&log)),
            ("RECORD", text(&log)),
        ],
    );
    let header = super::read(&log).header;
    assert_eq!((&header["policy"]["decay"], &header["settled"]), (&777.into(), &true.into()));
    let class = |size: u64| {
        let sizes = header["classes"].as_array().expect("a list");
        sizes.iter().position(|known| *known == size).expect("there is such a class")
    };
    assert_eq!(header["policy"]["lists"][class(48)], 96);
    assert_eq!(header["policy"]["lists"][class(512)], 3);
}
