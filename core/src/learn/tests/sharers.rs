use super::simulator::{MIB, Simulator, busy};
use crate::learn::{Counters, Lever, Reason};
use crate::policy::Policy;

fn program(active: impl Fn(u64) -> u32) -> impl FnMut(&Policy, u64, &mut Counters) {
    let mut at = 0;
    move |_, ms, seen| {
        at += ms;
        seen.in_use = 24 * MIB;
        seen.mapped = 30 * MIB;
        seen.caches = 64;
        seen.active = active(at);
        busy(ms, seen);
    }
}

#[test]
fn two_busy_threads_of_many_share_as_two() {
    let mut simulator = Simulator::learning();
    simulator.run(10_000, &mut program(|_| 2));
    assert_eq!(simulator.last.policy.sharers, 2);
    simulator.run(60_000, &mut program(|_| 2));
    let changes = simulator.changes(Lever::Sharers);
    assert_eq!(changes.len(), 1, "{changes:?}");
    assert_eq!(changes[0].1.reason, Reason::Follow);
    simulator.steps(1, &mut program(|_| 40));
    assert_eq!(simulator.last.policy.sharers, 0, "all share at once when most are active");
}

#[test]
fn what_swings_is_lowered_ever_more_rarely() {
    let mut simulator = Simulator::learning();
    let mut swings = program(|at| if at / 15_000 % 2 == 0 { 2 } else { 30 });
    simulator.run(300_000, &mut swings);
    let early = simulator.changes(Lever::Sharers).len();
    simulator.run(300_000, &mut swings);
    let late = simulator.changes(Lever::Sharers).len() - early;
    assert!(early > 0 && late * 3 < early, "{early}, then {late}");
}

#[test]
fn who_alone_lives_shares_with_nobody() {
    let mut simulator = Simulator::learning();
    let mut alone = |_: &Policy, ms, seen: &mut Counters| busy(ms, seen);
    simulator.run(30_000, &mut alone);
    assert!(simulator.notes.is_empty(), "{:?}", simulator.notes);
}
