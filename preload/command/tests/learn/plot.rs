//! Pictures: well-formed, complete, and with everything inside.

use crate::story::invented;
use crate::{Outcome, Scratch, hakmem};
use roxmltree::{Document, Node};
use std::fs;

/// Draws a log, and gives the picture.
fn drawn(name: &str, log: &str) -> String {
    let log = Scratch::with(&format!("{name}.jsonl"), log);
    let picture = Scratch::new(&format!("{name}.svg"));
    let Outcome { status, out, err } = hakmem(&["learn", "plot", log.path(), "-o", picture.path()]);
    assert_eq!((status, &*out, &*err), (Some(0), "", ""));
    if let Some(folder) = std::env::var_os("PICTURES_OF_TESTS") {
        let kept = std::path::Path::new(&folder).join(format!("{name}.svg"));
        fs::copy(picture.path(), kept).expect("the picture can be kept");
    }
    fs::read_to_string(picture.path()).expect("there is a picture")
}

#[test]
fn sketch() {
    for steps in [3, 300, 30_000] {
        let picture = drawn(&format!("story-{steps}"), &invented(steps));
        Document::parse(&picture).expect("well-formed");
    }
}
