use super::simulator::{MIB, Program, Simulator, Trips, busy};
use crate::learn::{Counters, Phase, Start, State, step};
use crate::policy::Policy;

fn steady(mut trips: Trips) -> impl FnMut(&Policy, u64, &mut Counters) {
    move |policy, ms, seen| {
        seen.in_use = 24 * MIB;
        seen.mapped = 30 * MIB;
        busy(ms, seen);
        trips.run(policy, ms, seen);
    }
}

/// A static learner belongs into `.bss`.
#[test]
fn what_is_new_is_all_zero_and_small() {
    static STATE: State = State::new();
    // SAFETY: the bytes of a static, of which padding is left as it was linked: zero.
    let bytes =
        unsafe { core::slice::from_raw_parts((&raw const STATE).cast::<u8>(), size_of::<State>()) };
    assert!(bytes.iter().all(|&byte| byte == 0));
    assert!(bytes.len() <= 4 << 10, "{} bytes", bytes.len());
}

#[test]
fn it_learns_tries_freezes_and_learns_again() {
    let mut simulator = Simulator::learning();
    assert_eq!(simulator.last.phase, Phase::Learn);
    let mut program = steady(Trips::new(3, 40_000, true));
    simulator.steps(3, &mut program);
    assert_eq!(simulator.last.phase, Phase::Canary);
    assert_eq!(simulator.last.pause, 100);
    simulator.run(20_000, &mut program);
    assert_eq!((simulator.last.phase, simulator.last.pause), (Phase::Frozen, 2000));
    let notes = simulator.notes.len();
    simulator.run(600_000, &mut program);
    assert_eq!(simulator.notes.len(), notes);
    // Another class has its trips now.
    let mut other = steady(Trips::new(7, 40_000, true));
    simulator.run(10_000, &mut other);
    assert_ne!(simulator.last.phase, Phase::Frozen);
    assert!(simulator.last.policy.lists[7] > 64);
    simulator.run(200_000, &mut other);
    assert_eq!(simulator.last.phase, Phase::Frozen);
    assert_eq!(simulator.last.policy.lists[3], 64);
}

#[test]
fn what_swings_within_its_profile_stays_frozen() {
    let mut simulator = Simulator::learning();
    let (mut at, mut trips) = (0, Trips::new(3, 0, false));
    let mut swings = |policy: &Policy, ms, seen: &mut Counters| {
        at += ms;
        trips.a_second = if at / 2000 % 2 == 0 { 1000 } else { 8000 };
        seen.in_use = if at / 3000 % 2 == 0 { 10 * MIB } else { 60 * MIB };
        seen.mapped = 64 * MIB;
        busy(ms, seen);
        trips.run(policy, ms, seen);
    };
    simulator.run(120_000, &mut swings);
    assert_eq!(simulator.last.phase, Phase::Frozen);
    for _ in 0..300 {
        simulator.step(&mut swings);
        assert_eq!(simulator.last.phase, Phase::Frozen);
    }
}

#[test]
fn a_learned_policy_begins_frozen_and_drifts_like_any() {
    let mut policy = Policy::DEFAULT;
    policy.lists[3] = 256;
    policy.decay = 250;
    let mut simulator = Simulator::new(&policy, Start { settled: true, ..Start::default() });
    let mut program = steady(Trips::new(3, 40_000, true));
    for _ in 0..200 {
        simulator.step(&mut program);
        assert_eq!(simulator.last.phase, Phase::Frozen);
        assert_eq!(simulator.last.policy, policy.bounded());
    }
    simulator.run(10_000, &mut steady(Trips::new(3, 400_000, true)));
    assert!(simulator.last.policy.lists[3] > 256);
}

#[test]
fn freeze_changes_nothing() {
    let start = Start { freeze: true, ..Start::default() };
    let mut simulator = Simulator::new(&Policy::DEFAULT, start);
    simulator.run(60_000, &mut steady(Trips::new(3, 400_000, true)));
    assert!(simulator.notes.is_empty());
    assert_eq!(simulator.last.policy, Policy::DEFAULT.bounded());
    assert_eq!(simulator.last.phase, Phase::Frozen);
}

#[test]
fn an_idle_program_is_left_alone() {
    let mut simulator = Simulator::learning();
    simulator.steps(2, &mut steady(Trips::new(3, 400_000, true)));
    let mut idle = |_: &Policy, _: u64, _: &mut Counters| {};
    simulator.steps(100, &mut idle);
    assert!(simulator.notes.is_empty());
    assert_eq!(simulator.last.pause, 2000);
    simulator.steps(3, &mut steady(Trips::new(3, 400_000, true)));
    assert_eq!(simulator.last.phase, Phase::Canary);
}

#[test]
fn a_starved_canary_is_undone() {
    let mut simulator = Simulator::learning();
    simulator.steps(3, &mut steady(Trips::new(3, 400_000, true)));
    assert_eq!(simulator.last.phase, Phase::Canary);
    simulator.run(60_000, &mut |_: &Policy, _: u64, _: &mut Counters| {});
    assert_eq!(simulator.last.policy, Policy::DEFAULT.bounded());
    assert_eq!(simulator.last.phase, Phase::Learn);
}

#[test]
fn a_clock_that_jumps_decides_nothing() {
    let mut simulator = Simulator::learning();
    let mut program = steady(Trips::new(3, 400_000, true));
    for jump in [0, 3, u64::MAX, 7_200_000, 5] {
        simulator.now = simulator.now.wrapping_add(jump);
        let last = step(&mut simulator.state, &simulator.seen, simulator.now);
        assert!(last.notes[0].is_none());
        program(&last.policy, 100, &mut simulator.seen);
    }
    simulator.now = 1_000_000;
    simulator.last = step(&mut simulator.state, &simulator.seen, simulator.now);
    simulator.run(20_000, &mut program);
    assert!(simulator.last.policy.lists[3] > 64);
}

#[test]
fn what_passes_does_not_last() {
    let mut simulator = Simulator::learning();
    let mut program = |_: &Policy, ms: u64, seen: &mut Counters| {
        busy(ms, seen);
        seen.huge = true;
        seen.grown += 100 * MIB;
        seen.in_use += 100 * MIB;
        seen.mapped = seen.in_use;
        seen.system += 50_000;
        seen.classes[3].refills += 40 * ms;
        seen.classes[3].moved += 32 * 40 * ms;
    };
    simulator.run(600, &mut program);
    let (now, lasting) = (simulator.last.policy, simulator.state.lasting());
    assert_eq!(simulator.last.phase, Phase::Canary);
    assert_ne!(now.lists, Policy::DEFAULT.lists);
    assert_eq!(lasting, Policy::DEFAULT);
}
