use super::simulator::{MIB, Simulator, busy};
use crate::learn::{Counters, Lever, Reason, Start};
use crate::policy::{Fresh, Policy};

/// Grows for a time, by so many MiB a second, each of which takes so many microseconds: plain, and ahead.
fn grows(until: u64, mib: u64, plain: u64, ahead: u64) -> impl FnMut(&Policy, u64, &mut Counters) {
    let mut at = 0;
    move |policy, ms, seen| {
        at += ms;
        seen.huge = true;
        busy(ms, seen);
        if at <= until {
            let more = mib * ms / 1000;
            seen.grown += more * MIB;
            seen.in_use += more * MIB;
            let each = if policy.fresh == Fresh::Plain { plain } else { ahead };
            seen.system += more * each;
            seen.faults += more * if policy.fresh == Fresh::Plain { 256 } else { 1 };
        }
        seen.mapped = seen.in_use + 8 * MIB;
    }
}

fn ways(simulator: &Simulator) -> std::vec::Vec<(u32, Reason)> {
    let changes = simulator.changes(Lever::Fresh);
    changes.iter().map(|(_, change)| (change.to, change.reason)).collect()
}

#[test]
fn fast_growth_tries_each_way_at_once_and_goes_on_in_the_best() {
    let mut simulator = Simulator::learning();
    let mut program = grows(2000, 1000, 500, 150);
    simulator.steps(2, &mut program);
    assert_eq!(ways(&simulator)[0], (2, Reason::Explore));
    simulator.run(1500, &mut program);
    // Populating costs as much here; so huge pages, and once more page by page after 1 GiB.
    let found = ways(&simulator);
    assert_eq!(found[1..4], [(1, Reason::Explore), (2, Reason::Gain), (0, Reason::Explore)]);
    assert!(simulator.verdicts(Lever::Fresh)[0].stays);
    simulator.run(3000, &mut program);
    assert_eq!(simulator.last.policy.fresh, Fresh::Plain);
    assert_eq!(ways(&simulator).last(), Some(&(0, Reason::Follow)));
}

#[test]
fn without_huge_pages_it_populates() {
    let mut simulator = Simulator::learning();
    let mut program = grows(2000, 1000, 500, 150);
    let mut program = |policy: &Policy, ms, seen: &mut Counters| {
        program(policy, ms, seen);
        seen.huge = false;
    };
    simulator.run(1000, &mut program);
    assert_eq!(ways(&simulator), [(1, Reason::Explore)]);
}

/// Milliseconds of the first trial, where 20 MiB come each 100 ms.
fn first_trial(plain: u64, ahead: u64) -> u64 {
    let mut simulator = Simulator::learning();
    let mut program = grows(3000, 200, plain, ahead);
    simulator.run(3000, &mut program);
    let times: std::vec::Vec<u64> =
        simulator.changes(Lever::Fresh).iter().map(|(at, _)| *at).take(2).collect();
    times[1] - times[0]
}

#[test]
fn a_trial_that_costs_far_more_ends_early() {
    assert_eq!(first_trial(500, 1500), 100);
    assert_eq!(first_trial(500, 800), 400, "the whole window");
    assert_eq!(first_trial(500, 100), 400);
}

/// A policy may come from a file, or the source may have lost them.
#[test]
fn without_huge_pages_none_are_asked_for_whatever_it_begins_with() {
    for fresh in [Fresh::Plain, Fresh::Populate, Fresh::Huge] {
        for ahead in [150, 900] {
            let begun = Policy { fresh, ..Policy::DEFAULT };
            let mut simulator = Simulator::new(&begun, Start::default());
            let mut program = grows(20_000, 1000, 500, ahead);
            let mut program = |policy: &Policy, ms, seen: &mut Counters| {
                program(policy, ms, seen);
                seen.huge = false;
            };
            simulator.run(15_000, &mut program);
            let best = if ahead < 500 { Fresh::Populate } else { Fresh::Plain };
            assert_eq!(simulator.last.policy.fresh, best, "from {fresh:?}");
            simulator.run(15_000, &mut program);
            assert_eq!(simulator.last.policy.fresh, Fresh::Plain);
            assert!(ways(&simulator).iter().all(|(way, _)| *way != Fresh::Huge as u32));
            assert_eq!(simulator.state.lasting().fresh, fresh, "what it began with");
        }
    }
}

#[test]
fn what_does_not_pay_is_undone_and_tried_ever_more_rarely() {
    let mut simulator = Simulator::learning();
    let mut program = grows(400_000, 200, 500, 600);
    simulator.run(20_000, &mut program);
    let found = ways(&simulator);
    assert_eq!(found[..3], [(2, Reason::Explore), (1, Reason::Explore), (0, Reason::Undone)]);
    assert!(simulator.verdicts(Lever::Fresh)[..4].iter().all(|verdict| !verdict.stays));
    simulator.run(380_000, &mut program);
    // 80 GB: tried after 1 GiB, 2, 4, 8, 16, 32.
    let tries = simulator.verdicts(Lever::Fresh).len();
    assert!((10..=20).contains(&tries), "{tries} tries");
}

/// A host that has so much memory ready on huge pages, and then no more.
#[test]
fn what_paid_at_first_is_left_when_it_no_longer_does() {
    let mut simulator = Simulator::learning();
    let mut cheap = grows(400, 1000, 500, 150);
    simulator.run(400, &mut cheap);
    assert_eq!(simulator.last.policy.fresh, Fresh::Huge);
    simulator.run(1000, &mut grows(1000, 1000, 500, 2000));
    assert_eq!(simulator.last.policy.fresh, Fresh::Plain);
    assert_eq!(ways(&simulator).last(), Some(&(0, Reason::Undone)));
}

#[test]
fn slow_or_small_growth_is_left_alone() {
    for (until, mib) in [(60_000, 10), (50, 1000)] {
        let mut simulator = Simulator::learning();
        simulator.run(60_000, &mut grows(until, mib, 500, 150));
        assert!(simulator.changes(Lever::Fresh).is_empty());
    }
}

#[test]
fn growth_of_a_frozen_program_is_answered_too() {
    let mut simulator = Simulator::learning();
    simulator.run(60_000, &mut grows(0, 0, 0, 0));
    assert_eq!(simulator.last.phase, crate::learn::Phase::Frozen);
    simulator.steps(2, &mut grows(60_000, 500, 500, 150));
    assert_eq!(simulator.last.policy.fresh, Fresh::Huge);
}
