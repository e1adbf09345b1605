use super::simulator::{MIB, Program, Simulator, Swing, busy};
use crate::learn::{Counters, Lever, Phase};
use crate::policy::Policy;

/// What a swing settles on.
fn settled(swing: &mut impl Program) -> (u32, Simulator) {
    let mut simulator = Simulator::learning();
    simulator.run(240_000, swing);
    (simulator.last.policy.decay, simulator)
}

#[test]
fn what_is_taken_again_at_once_is_kept() {
    // A round of 125 ms gives back what is taken again 50 ms later: 51,200 faults of 4 us in 600 ms.
    let (decay, simulator) = settled(&mut Swing::new(600, 200 * MIB, 400 * MIB));
    assert!(decay >= 250, "{decay} ms: {:?}", simulator.notes);
    let (decay, simulator) = settled(&mut Swing::new(300, 200 * MIB, 400 * MIB));
    assert!(2 * decay >= 150, "{decay} ms: {:?}", simulator.notes);
}

#[test]
fn a_slow_swing_of_much_memory_is_given_back_soon() {
    // 10,240 faults of 4 us in 3 s are a hundredth of the time; what lies free, a third of what is in use.
    let (decay, simulator) = settled(&mut Swing::new(3000, 40 * MIB, 80 * MIB));
    assert!(decay <= 250, "{decay} ms: {:?}", simulator.notes);
    assert_eq!(simulator.last.phase, Phase::Frozen);
}

/// Where faults cost more than memory, and only the longest time avoids any: it is found behind others that
/// cost more than the first.
#[test]
fn a_time_is_found_behind_worse_ones() {
    let (decay, simulator) = settled(&mut Swing::new(3000, 7000 * MIB, 9000 * MIB));
    assert!(decay >= 1000, "{decay} ms: {:?}", simulator.notes);
}

#[test]
fn what_never_goes_back_does_not_move_the_time() {
    let mut holds = |_: &Policy, ms, seen: &mut Counters| {
        seen.in_use = 40 * MIB;
        seen.free = 10 * MIB;
        seen.mapped = 50 * MIB;
        busy(ms, seen);
    };
    let (decay, simulator) = settled(&mut holds);
    assert_eq!(decay, Policy::DEFAULT.decay, "{:?}", simulator.notes);
    assert_eq!(simulator.last.phase, Phase::Frozen);
}

#[test]
fn pure_growth_leaves_the_time_as_it_is() {
    let mut grows = |_: &Policy, ms, seen: &mut Counters| {
        seen.in_use += ms << 10;
        seen.mapped = seen.in_use;
        seen.grown = seen.in_use;
        busy(ms, seen);
    };
    let (decay, simulator) = settled(&mut grows);
    assert_eq!(decay, Policy::DEFAULT.decay);
    assert!(simulator.changes(Lever::Decay).is_empty());
}

#[test]
fn a_drift_is_followed() {
    let mut simulator = Simulator::learning();
    simulator.run(240_000, &mut Swing::new(3000, 40 * MIB, 80 * MIB));
    let slow = simulator.last.policy.decay;
    simulator.run(480_000, &mut Swing::new(600, 200 * MIB, 600 * MIB));
    let fast = simulator.last.policy.decay;
    assert!(slow <= 125 && fast >= 250, "{slow}, then {fast} ms: {:?}", simulator.notes);
}

#[test]
fn a_settled_time_stays() {
    for period in [300, 700, 3000, 5000] {
        let mut swing = Swing::new(period, 40 * MIB, 120 * MIB);
        let (decay, mut simulator) = settled(&mut swing);
        let notes = simulator.notes.len();
        simulator.run(1_200_000, &mut swing);
        assert_eq!(
            simulator.last.policy.decay,
            decay,
            "{period} ms: {:?}",
            &simulator.notes[notes..]
        );
        assert_eq!(simulator.notes.len(), notes, "{period} ms: {:?}", &simulator.notes[notes..]);
    }
}
