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
    // 200 MiB missed three times a second would be a sixth of the program's time.
    let (decay, simulator) = settled(&mut Swing::new(300, 200 * MIB, 400 * MIB));
    assert!(2 * decay >= 150, "{decay} ms: {:?}", simulator.notes);
}

#[test]
fn a_slow_swing_of_much_memory_is_given_back_soon() {
    // 3 s: what is missed costs 256 x 40 faults, 10 ms in 3 s; what is kept, half of what is in use.
    let (decay, simulator) = settled(&mut Swing::new(3000, 40 * MIB, 80 * MIB));
    assert!(decay <= 250, "{decay} ms: {:?}", simulator.notes);
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
    // Six times a second: each round trip of 200 MiB costs 51,200 faults.
    simulator.run(480_000, &mut Swing::new(900, 40 * MIB, 440 * MIB));
    let fast = simulator.last.policy.decay;
    assert!(slow <= 250 && fast >= 250 && fast > slow, "{slow}, then {fast} ms: {:?}", simulator.notes);
}

#[test]
fn a_settled_time_stays() {
    for period in [300, 700, 3000, 5000] {
        let mut swing = Swing::new(period, 40 * MIB, 120 * MIB);
        let (decay, mut simulator) = settled(&mut swing);
        let notes = simulator.notes.len();
        simulator.run(1_200_000, &mut swing);
        assert_eq!(simulator.last.policy.decay, decay, "{period} ms: {:?}", &simulator.notes[notes..]);
        assert_eq!(simulator.notes.len(), notes, "{period} ms: {:?}", &simulator.notes[notes..]);
    }
}
