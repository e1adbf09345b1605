use super::simulator::{MIB, Program, Simulator, Trips, busy};
use crate::learn::record::{Header, Line};
use crate::learn::{Change, Counters, Fixed, Lever, Note, Phase, Reason, Start, Verdict};
use crate::policy::{Fresh, Policy};
use std::string::ToString;

#[test]
fn the_header_says_what_it_began_with() {
    let fixed = Fixed { lists: true, fresh: true, ..Fixed::default() };
    let start = Start { freeze: false, settled: true, fixed };
    let text = Header { policy: &Policy::DEFAULT.bounded(), start }.to_string();
    assert!(text.starts_with(r#"{"hakmem":"learn","version":1,"classes":[8,16,32,"#), "{text}");
    let middle = r#",28672,32768],"start":"on","settled":true,"fixed":["lists","fresh"],"policy":{"lists":[64,"#;
    assert!(text.contains(middle), "{text}");
    let end =
        r#"],"growth":32768,"sharers":0,"batch":4096,"decay":500,"kept":4096,"fresh":"plain"}}"#;
    assert!(text.ends_with(end), "{text}");
}

#[test]
fn levers_are_known_by_their_names() {
    for lever in Lever::ALL {
        let mut fixed = Fixed::default();
        assert!(!fixed.has(lever) && fixed.add(lever.whole().as_bytes()) && fixed.has(lever));
        let others = Lever::ALL.into_iter().filter(|other| *other != lever);
        assert!(others.into_iter().all(|other| !fixed.has(other) && other.name() != lever.name()));
    }
    let mut fixed = Fixed::default();
    assert!(![&b""[..], b"list", b"Lists", b"lists "].into_iter().any(|name| fixed.add(name)));
    assert_eq!(fixed, Fixed::default());
}

#[test]
fn a_line_says_what_differs() {
    let mut simulator = Simulator::learning();
    simulator.seen.classes[3].refills = 7;
    simulator.seen.user = u64::MAX;
    let mut decisions = simulator.last;
    let policy = decisions.policy;
    decisions.policy.lists[3] = 96;
    decisions.policy.decay = 250;
    decisions.policy.fresh = Fresh::Huge;
    decisions.phase = Phase::Canary;
    let (lever, class) = (Lever::List, Some(3));
    let change = Change { lever, class, from: 64, to: 96, reason: Reason::Gain, expected: 120 };
    let verdict =
        Verdict { lever: Lever::Decay, class: None, expected: 9, realised: -80, stays: false };
    decisions.notes[0] = Some(Note::Changed(change));
    decisions.notes[1] = Some(Note::Settled(verdict));
    let line = Line {
        now: 100,
        seen: &simulator.seen,
        seen_before: &Counters::ZERO,
        decisions: &decisions,
        policy_before: &policy,
    };
    let expected = concat!(
        r#"{"t":100,"seen":{"classes":[[3,7,0,0]],"mapped":0,"in_use":0,"free":0,"caches":1,"#,
        r#""active":1,"grown":0,"decayed":0,"missed":0,"faults":0,"user":18446744073709551615,"#,
        r#""system":0,"huge":false},"phase":"canary","notes":[{"changed":"list","class":48,"#,
        r#""from":64,"to":96,"reason":"gain","expected":120},{"settled":"decay","expected":9,"#,
        r#""realised":-80,"stays":false}],"policy":{"lists":[[3,96]],"decay":250,"fresh":"huge"},"#,
        r#""pause":100}"#
    );
    assert_eq!(line.to_string(), expected);
    let same = Line { seen_before: &simulator.seen, policy_before: &decisions.policy, ..line };
    assert!(same.to_string().contains(r#""classes":[],"#));
    assert!(same.to_string().ends_with(r#""policy":{},"pause":100}"#));
}

/// Every line of a run, made again from what stands in it.
#[test]
fn a_replay_equals_the_run() {
    let mut run = Simulator::learning();
    let mut replay = Simulator::learning();
    let mut trips = Trips::new(3, 40_000, true).noisy(20);
    let mut program = |policy: &Policy, ms, seen: &mut Counters| {
        seen.in_use = 24 * MIB;
        busy(ms, seen);
        trips.run(policy, ms, seen);
    };
    for _ in 0..500 {
        run.step(&mut program);
        let seen = run.seen;
        replay.step(&mut |_: &Policy, _: u64, to: &mut Counters| *to = seen);
        assert_eq!(run.last, replay.last);
    }
    assert!(!run.notes.is_empty());
}
