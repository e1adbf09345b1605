use super::simulator::{MIB, Program, Random, Simulator, Trips, busy};
use crate::learn::{Counters, Fixed, Lever, Phase, Reason, Start};
use crate::policy::Policy;
use std::vec::Vec;

/// A busy program of some size with such trips.
fn program(in_use: u64, mut trips: Vec<Trips>) -> impl FnMut(&Policy, u64, &mut Counters) {
    move |policy, ms, seen| {
        seen.in_use = in_use;
        seen.mapped = in_use + in_use / 4;
        busy(ms, seen);
        for trips in &mut trips {
            trips.run(policy, ms, seen);
        }
    }
}

/// The trace of the module's documentation.
#[test]
fn a_class_that_reacts_gets_longer_lists_until_the_price_says_stop() {
    let mut simulator = Simulator::learning();
    let mut program = program(24 * MIB, [Trips::new(3, 40_000, true)].into());
    simulator.run(30_000, &mut program);
    let changes = simulator.changes(Lever::List);
    let steps: Vec<_> = changes.iter().map(|(_, c)| (c.class, c.from, c.to, c.reason)).collect();
    assert_eq!(
        steps,
        [(Some(3), 64, 128, Reason::Gain), (Some(3), 128, 256, Reason::Gain)],
        "{:?}",
        simulator.notes
    );
    for verdict in simulator.verdicts(Lever::List) {
        assert!(verdict.stays, "{verdict:?}");
        assert!(verdict.realised.abs_diff(verdict.expected) * 20 < verdict.expected.unsigned_abs());
    }
    assert_eq!(simulator.last.phase, Phase::Frozen);
    let mut expected = Policy::DEFAULT.bounded();
    expected.lists[3] = 256;
    assert_eq!(simulator.last.policy, expected);
}

#[test]
fn memory_in_use_and_caches_set_the_price() {
    let length = |in_use, caches| {
        let mut simulator = Simulator::learning();
        simulator.seen.caches = caches;
        simulator.seen.active = caches;
        simulator.run(30_000, &mut program(in_use, [Trips::new(3, 200_000, true)].into()));
        simulator.last.policy.lists[3]
    };
    assert!(length(400 * MIB, 1) > length(4 * MIB, 1));
    assert!(length(24 * MIB, 1) > length(24 * MIB, 32));
    assert_eq!(length(24 * MIB, 4096), Policy::DEFAULT.lists[3]);
}

#[test]
fn a_class_that_does_not_react_is_asked_ever_more_rarely() {
    let mut simulator = Simulator::learning();
    // The trips of another class keep it from freezing: they come and go.
    let (mut at, mut other) = (0, Trips::new(20, 0, false));
    let mut trips = Trips::new(3, 40_000, false);
    let mut program = |policy: &Policy, ms, seen: &mut Counters| {
        seen.in_use = 24 * MIB;
        seen.mapped = 30 * MIB;
        busy(ms, seen);
        trips.run(policy, ms, seen);
        at += ms;
        other.a_second = if at / 10_000 % 2 == 0 { 0 } else { 4_000 };
        other.run(policy, ms, seen);
    };
    simulator.run(600_000, &mut program);
    let of_class = |at: &(u64, crate::learn::Change)| at.1.class == Some(3);
    let changes: Vec<_> = simulator.changes(Lever::List).into_iter().filter(of_class).collect();
    let tries: Vec<u64> =
        changes.iter().filter(|(_, c)| c.reason == Reason::Gain).map(|(at, _)| *at).collect();
    assert!(tries.len() >= 3, "{changes:?}");
    assert!(tries.len() <= 12, "{changes:?}");
    let waits: Vec<u64> = tries.windows(2).map(|pair| pair[1] - pair[0]).collect();
    assert!(waits.last() > waits.first(), "{waits:?}");
    assert_eq!(simulator.last.policy.lists[3], 64, "{changes:?}");
}

#[test]
fn a_class_that_went_quiet_gives_its_lists_back() {
    let mut simulator = Simulator::learning();
    simulator.run(20_000, &mut program(24 * MIB, [Trips::new(3, 400_000, true)].into()));
    assert!(simulator.last.policy.lists[3] >= 256);
    simulator.run(120_000, &mut program(24 * MIB, [Trips::new(3, 100, true)].into()));
    assert_eq!(simulator.last.policy, Policy::DEFAULT.bounded());
    let (_, last) = *simulator.changes(Lever::List).last().unwrap();
    assert_eq!(last.reason, Reason::Memory);
}

#[test]
fn classes_that_take_turns_keep_their_lists() {
    let mut simulator = Simulator::learning();
    let mut trips = [Trips::new(3, 100_000, true), Trips::new(6, 100_000, true)];
    let mut at = 0;
    let mut program = |policy: &Policy, ms, seen: &mut Counters| {
        seen.in_use = 24 * MIB;
        seen.mapped = 30 * MIB;
        busy(ms, seen);
        at += ms;
        trips[(at / 4000 % 2) as usize].run(policy, ms, seen);
    };
    simulator.run(60_000, &mut program);
    let (policy, notes) = (simulator.last.policy, simulator.notes.len());
    assert!(policy.lists[3] > 64 && policy.lists[6] > 64, "{:?}", simulator.notes);
    simulator.run(600_000, &mut program);
    assert_eq!(simulator.last.policy, policy, "{:?}", &simulator.notes[notes..]);
    assert_eq!(simulator.last.phase, Phase::Frozen);
}

/// What cannot be compared is undone, and tried again as soon as if it had never been.
#[test]
fn a_change_is_not_judged_by_what_another_class_began_to_do() {
    let mut simulator = Simulator::learning();
    simulator.steps(3, &mut program(24 * MIB, [Trips::new(3, 40_000, true)].into()));
    assert_eq!(simulator.last.phase, Phase::Canary);
    let both = [Trips::new(3, 40_000, true), Trips::new(40, 20_000, false)];
    simulator.run(15_000, &mut program(24 * MIB, both.into()));
    let verdicts = simulator.verdicts(Lever::List);
    assert!(!verdicts[0].stays && verdicts[1].stays, "{verdicts:?}");
    let changes = simulator.changes(Lever::List);
    let waited = changes[2].0 - changes[1].0;
    // Two seconds, of a clock that counts whole ones.
    assert!((1000..4000).contains(&waited), "{waited} ms");
    assert_eq!(simulator.last.policy.lists[3], 256);
}

#[test]
fn what_saves_most_by_the_byte_comes_first() {
    let mut simulator = Simulator::learning();
    let trips = [Trips::new(10, 50_000, true), Trips::new(2, 40_000, true)];
    simulator.run(3000, &mut program(24 * MIB, trips.into()));
    assert_eq!(simulator.changes(Lever::List)[0].1.class, Some(2));
}

#[test]
fn all_lists_together_keep_to_the_budget() {
    let mut simulator = Simulator::learning();
    let trips: Vec<_> = (0..32).map(|class| Trips::new(class, 400_000, true)).collect();
    simulator.run(120_000, &mut program(64 * MIB, trips));
    let held = |policy: &Policy| -> usize {
        let lists = policy.lists.iter().zip(Policy::DEFAULT.lists).enumerate();
        lists
            .map(|(at, (is, was))| (is - was.max(1)) as usize * 5 * crate::class::size_at(at))
            .sum()
    };
    let held = held(&simulator.last.policy);
    assert!(held > 0 && held <= 72 << 16, "{held} bytes: more than a sixteenth");
}

/// Converged, the policy stays as it is: with noise of a fifth in each tick, too.
#[test]
fn what_is_stationary_is_left_alone() {
    for (noise, seed) in (0..=20).step_by(10).flat_map(|noise| [(noise, 1), (noise, 2), (noise, 3)])
    {
        let mut simulator = Simulator::learning();
        let mut trips: Vec<_> = (1..24)
            .map(|class| {
                let trips = Trips::new(class, 3000 * class as u64, class % 3 != 0).noisy(noise);
                Trips { random: Random::new(seed * 1000 + class as u64), ..trips }
            })
            .collect();
        let mut random = Random::new(seed);
        let mut program = |policy: &Policy, ms, seen: &mut Counters| {
            seen.in_use = random.about(48 * MIB, noise);
            seen.mapped = 64 * MIB;
            busy(random.about(ms, noise), seen);
            for trips in &mut trips {
                trips.run(policy, ms, seen);
            }
        };
        simulator.steps(1000, &mut program);
        assert_eq!(simulator.last.phase, Phase::Frozen);
        let (policy, notes) = (simulator.last.policy, simulator.notes.len());
        simulator.steps(5000, &mut program);
        assert_eq!(simulator.notes.len(), notes, "{:?}", &simulator.notes[notes..]);
        assert_eq!(simulator.last.policy, policy);
    }
}

#[test]
fn fixed_lists_stay() {
    let fixed = Fixed { lists: true, ..Fixed::default() };
    let mut simulator = Simulator::new(&Policy::DEFAULT, Start { fixed, ..Start::default() });
    simulator.run(20_000, &mut program(24 * MIB, [Trips::new(3, 400_000, true)].into()));
    assert!(simulator.notes.is_empty());
}
