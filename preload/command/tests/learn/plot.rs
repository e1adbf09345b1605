//! Pictures: well-formed, complete, and with everything inside.

use crate::story::{Story, invented, lived};
use crate::{Outcome, Scratch, hakmem};
use hakmem_core::learn::{Decisions, Phase, Start};
use hakmem_core::policy::Policy;
use roxmltree::{Document, Node};
use std::fs;
use std::path::Path;

/// Where pictures are kept for whoever wants to look at them.
const KEPT: &str = "PICTURES_OF_TESTS";

/// Draws a log, and gives the picture.
fn drawn(name: &str, log: &str) -> String {
    let log = Scratch::with(&format!("{name}.jsonl"), log);
    let picture = Scratch::new(&format!("{name}.svg"));
    let words = ["learn", "plot", log.path(), "-o", picture.path()];
    let Outcome { status, out, err } = hakmem(&words);
    assert_eq!((status, &*out, &*err), (Some(0), "", ""));
    if let Some(folder) = std::env::var_os(KEPT) {
        let kept = Path::new(&folder).join(format!("{name}.svg"));
        fs::copy(picture.path(), kept).expect("the picture can be kept");
    }
    fs::read_to_string(picture.path()).expect("there is a picture")
}

fn numbers(node: Node, names: &[&str]) -> Vec<f64> {
    let number = |name: &&str| node.attribute(*name).map(|text| text.parse().expect("a number"));
    names.iter().filter_map(number).collect()
}

/// Every point of every shape.
fn points(node: Node) -> Vec<(f64, f64)> {
    let pairs = |text: &str| {
        let number = |text: &str| text.parse::<f64>().expect("a number");
        let pair = |text: &str| text.split_once(',').map(|(x, y)| (number(x), number(y)));
        text.split_whitespace().map(|text| pair(text).expect("a pair")).collect()
    };
    match node.tag_name().name() {
        "polyline" | "polygon" => pairs(node.attribute("points").expect("it has points")),
        "line" => match numbers(node, &["x1", "y1", "x2", "y2"])[..] {
            [x1, y1, x2, y2] => vec![(x1, y1), (x2, y2)],
            _ => panic!("half a line"),
        },
        "rect" => match numbers(node, &["x", "y", "width", "height"])[..] {
            [x, y, width, height] => {
                assert!(width >= 0.0 && height >= 0.0, "a rectangle inside out");
                vec![(x, y), (x + width, y + height)]
            }
            _ => panic!("half a rectangle"),
        },
        "circle" => match numbers(node, &["cx", "cy", "r"])[..] {
            [x, y, r] => vec![(x - r, y - r), (x + r, y + r)],
            _ => panic!("half a circle"),
        },
        "text" => vec![
            numbers(node, &["x", "y"]).try_into().map(|[x, y]: [f64; 2]| (x, y)).expect("a place"),
        ],
        "svg" => Vec::new(),
        other => panic!("a {other}"),
    }
}

/// All text of a picture, in order.
fn words<'a>(picture: &'a Document) -> Vec<&'a str> {
    let texts = picture
        .descendants()
        .filter(|node| node.has_tag_name("text") || node.tag_name().name() == "text");
    texts.map(|node| node.text().unwrap_or_default().trim()).collect()
}

/// What holds of every picture.
fn check(name: &str, picture: &str) {
    let document = Document::parse(picture).unwrap_or_else(|error| panic!("{name}: {error}"));
    let view = document.root_element().attribute("viewBox").expect("there is a canvas");
    let view: Vec<f64> = view.split(' ').map(|text| text.parse().expect("a number")).collect();
    let mut shapes = 0;
    for node in document.root_element().descendants().filter(Node::is_element) {
        for (x, y) in points(node) {
            let inside = (0.0..=view[2]).contains(&x) && (0.0..=view[3]).contains(&y);
            assert!(inside, "{name}: {x}, {y} is outside: {node:?}");
            shapes += 1;
        }
    }
    assert!(shapes > 100, "{name}: {shapes} points");
    let words = words(&document);
    let at = |title: &str| words.iter().position(|word| *word == title);
    let titles = ["Memory", "Cold trips", "Policy", "System"].map(at);
    assert!(titles.is_sorted() && titles[0].is_some(), "{name}: {words:?}");
    let legends = [
        "learn",
        "canary",
        "frozen",
        "no steps",
        "mapped",
        "free, still backed",
        "in use",
        "tried and kept",
        "tried and undone",
        "blocks in a list",
        "between decays",
        "share the growth",
        "active",
        "fresh memory",
        "page faults",
        "time in the system",
        "seconds",
    ];
    for legend in legends {
        assert!(words.contains(&legend), "{name}: no {legend:?} in {words:?}");
    }
}

fn count(picture: &str, what: &str) -> usize {
    picture.matches(what).count()
}

#[test]
fn a_life_is_drawn_whole() {
    let log = invented(300);
    let picture = drawn("life", &log);
    check("life", &picture);
    // One dot for each that settled, and one of either kind in the legend; each has an edge.
    let settled = count(&log, "\"settled\":\"");
    assert!(settled > 10, "the log has some");
    assert_eq!(count(&picture, "<circle"), 2 * (settled + 2));
    let document = Document::parse(&picture).expect("it is well-formed");
    let words = words(&document);
    for class in ["48 B", "64 B", "256 B", "512 B", "4 KiB", "other classes"] {
        assert!(words.contains(&class), "no {class} in {words:?}");
    }
}

#[test]
fn few_steps_and_many_are_drawn() {
    let few = drawn("few", &invented(3));
    check("few", &few);
    let many = drawn("many", &invented(30_000));
    check("many", &many);
    assert!(many.len() < 2 << 20, "{} bytes", many.len());
}

#[test]
fn what_the_learner_decides_is_drawn() {
    let log = lived(2_000, Policy::DEFAULT, Start::default());
    check("lived", &drawn("lived", &log));
}

/// Clocks that are set, sums that wrap and numbers beyond all measure stay inside as well.
#[test]
fn odd_numbers_are_drawn() {
    let mut story = Story::new(Policy { decay: 3_600_000, ..Policy::DEFAULT }, Start::default());
    for number in 0..200 {
        story.pass(100, &[(0, 500)]);
        match number {
            40 => story.now -= 3_000,
            60 => story.now += 7_200_000,
            80 => story.seen.faults = 0,
            90 => story.seen.classes[0].refills = u64::MAX,
            100 => story.seen.mapped = u64::MAX,
            110 => story.seen.in_use = u64::MAX,
            120 => story.seen.active = u32::MAX,
            130 => story.seen.user = u64::MAX,
            140 => story.policy.sharers = u32::MAX,
            150 => story.policy.lists = [1; hakmem_core::CLASSES],
            _ => {}
        }
        let (policy, notes) = (story.policy, [None; Decisions::NOTES]);
        let phase = [Phase::Learn, Phase::Canary, Phase::Frozen][number % 3];
        story.tell(&Decisions { policy, phase, notes, pause: 100 });
        if number >= 100 {
            story.seen.mapped = 1 << 20;
            story.seen.in_use = 1 << 20;
        }
    }
    check("odd", &drawn("odd", &story.log));
}

#[test]
fn names_are_text_and_nothing_else() {
    let log = Scratch::with("a<b>&\"c\".jsonl", invented(9));
    let outcome = hakmem(&["learn", "plot", log.path(), "-o", "/dev/stdout"]);
    assert_eq!((outcome.status, &*outcome.err), (Some(0), ""));
    check("names", &outcome.out);
    let document = Document::parse(&outcome.out).expect("it is well-formed");
    assert!(words(&document)[0].ends_with("a<b>&\"c\".jsonl"));
}
