use super::simulator::{MIB, Simulator, busy};
use crate::learn::{Counters, Lever, Reason};
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

#[test]
fn fast_growth_gets_huge_pages_within_two_steps_and_loses_them_after() {
    let mut simulator = Simulator::learning();
    let mut program = grows(2000, 1000, 500, 150);
    simulator.steps(2, &mut program);
    assert_eq!(simulator.last.policy.fresh, Fresh::Huge);
    simulator.run(1500, &mut program);
    assert_eq!(simulator.last.policy.fresh, Fresh::Huge);
    assert!(simulator.verdicts(Lever::Fresh)[0].stays);
    simulator.run(3000, &mut program);
    assert_eq!(simulator.last.policy.fresh, Fresh::Plain);
    let reasons: std::vec::Vec<_> =
        simulator.changes(Lever::Fresh).iter().map(|(_, change)| change.reason).collect();
    assert_eq!(reasons, [Reason::Follow, Reason::Follow]);
}

#[test]
fn without_huge_pages_it_populates() {
    let mut simulator = Simulator::learning();
    let mut program = grows(2000, 1000, 500, 150);
    let mut program = |policy: &Policy, ms, seen: &mut Counters| {
        program(policy, ms, seen);
        seen.huge = false;
    };
    simulator.steps(2, &mut program);
    assert_eq!(simulator.last.policy.fresh, Fresh::Populate);
}

#[test]
fn what_does_not_pay_is_undone_and_not_tried_again_soon() {
    let mut simulator = Simulator::learning();
    let mut program = grows(400_000, 200, 500, 600);
    simulator.run(20_000, &mut program);
    let changes = simulator.changes(Lever::Fresh);
    assert_eq!(changes.len(), 2, "{changes:?}");
    assert_eq!(changes[1].1.reason, Reason::Undone);
    assert!(!simulator.verdicts(Lever::Fresh)[0].stays);
    simulator.run(380_000, &mut program);
    let tries = simulator.verdicts(Lever::Fresh).len();
    assert!((2..=4).contains(&tries), "{tries} tries");
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
