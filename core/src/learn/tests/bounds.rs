use crate::class::CLASSES;
use crate::learn::{ClassCounters, Counters, Decisions, Fixed, Note, Start, State, step};
use crate::policy::Policy;
use proptest::prelude::*;
use std::vec::Vec;

/// Numbers that hurt.
fn number() -> impl Strategy<Value = u64> {
    prop_oneof![
        Just(0),
        Just(u64::MAX),
        Just(1 << 63),
        any::<u64>(),
        (0u64..64).prop_map(|shift| 1 << shift),
        0..1_000_000u64
    ]
}

fn class() -> impl Strategy<Value = ClassCounters> {
    (number(), number(), number()).prop_map(|(refills, spills, moved)| ClassCounters {
        refills,
        spills,
        moved,
    })
}

fn counters() -> impl Strategy<Value = Counters> {
    let classes = prop::collection::vec((0..CLASSES, class()), 0..6);
    let numbers = prop::array::uniform9(number());
    (classes, numbers, any::<(u32, u32, bool)>()).prop_map(|(classes, numbers, rest)| {
        let [mapped, in_use, free, grown, decayed, missed, faults, user, system] = numbers;
        let (caches, active, huge) = rest;
        let mut all = [ClassCounters::default(); CLASSES];
        for (at, class) in classes {
            all[at] = class;
        }
        let classes = all;
        Counters {
            classes,
            mapped,
            in_use,
            free,
            caches,
            active,
            grown,
            decayed,
            missed,
            faults,
            user,
            system,
            huge,
        }
    })
}

fn start() -> impl Strategy<Value = Start> {
    any::<(bool, bool, bool, bool, bool, bool)>().prop_map(|flags| {
        let (freeze, settled, lists, sharers, decay, fresh) = flags;
        Start { freeze, settled, fixed: Fixed { lists, sharers, decay, fresh } }
    })
}

fn add(to: &mut Counters, more: &Counters) {
    for (to, more) in to.classes.iter_mut().zip(&more.classes) {
        to.refills = to.refills.wrapping_add(more.refills);
        to.spills = to.spills.wrapping_add(more.spills);
        to.moved = to.moved.wrapping_add(more.moved);
    }
    let sums = |from: &Counters| {
        [from.grown, from.decayed, from.missed, from.faults, from.user, from.system]
    };
    let [grown, decayed, missed, faults, user, system] = sums(more);
    to.grown = to.grown.wrapping_add(grown);
    to.decayed = to.decayed.wrapping_add(decayed);
    to.missed = to.missed.wrapping_add(missed);
    to.faults = to.faults.wrapping_add(faults);
    to.user = to.user.wrapping_add(user);
    to.system = to.system.wrapping_add(system);
    (to.mapped, to.in_use, to.free) = (more.mapped, more.in_use, more.free);
    (to.caches, to.active, to.huge) = (more.caches, more.active, more.huge);
}

/// What must hold of every answer, after another policy.
fn check(before: &Policy, start: Start, answer: &Decisions) {
    let policy = answer.policy;
    assert_eq!(policy, policy.bounded());
    assert!((100..=2000).contains(&answer.pause), "a pause of {}", answer.pause);
    let Start { freeze, fixed, .. } = start;
    assert_eq!(
        (policy.growth, policy.batch, policy.kept),
        (before.growth, before.batch, before.kept)
    );
    assert!(!(freeze || fixed.lists) || policy.lists == before.lists);
    assert!(!(freeze || fixed.sharers) || policy.sharers == before.sharers);
    assert!(!(freeze || fixed.decay) || policy.decay == before.decay);
    assert!(!(freeze || fixed.fresh) || policy.fresh == before.fresh);
    let changed = answer.notes.iter().flatten().any(|note| matches!(note, Note::Changed(_)));
    assert_eq!(changed, policy != *before, "no change without a note");
    let count = answer.notes.iter().flatten().count();
    assert!(answer.notes[..count].iter().all(Option::is_some), "a gap");
    for (class, (is, was)) in policy.lists.iter().zip(before.lists).enumerate() {
        let default = Policy::DEFAULT.lists[class].max(1);
        assert!(*is >= default.min(was) && *is <= was.saturating_mul(2).max(1), "class {class}");
    }
    let lists = policy.lists.iter().zip(before.lists).filter(|(is, was)| *is != was);
    assert!(lists.count() <= 2, "one undone, one tried");
}

/// Steps through all, twice, and compares.
fn play(start: Start, steps: &[(u64, Counters)]) {
    let mut states = [State::new(), State::new()];
    let mut policy = Policy::DEFAULT.bounded();
    for state in &mut states {
        state.begin(&policy, start);
    }
    for (now, seen) in steps {
        let answers = states.each_mut().map(|state| step(state, seen, *now));
        assert_eq!(answers[0], answers[1]);
        check(&policy, start, &answers[0]);
        policy = answers[0].policy;
    }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(64))]

    /// Looks that have nothing to do with each other.
    #[test]
    fn bounds_hold_under_any_looks(
        start in start(),
        steps in prop::collection::vec((number(), counters()), 1..60),
    ) {
        play(start, &steps);
    }

    /// Looks of which each may follow from the one before.
    #[test]
    fn bounds_hold_under_any_programs(
        start in start(),
        steps in prop::collection::vec((0..3000u64, 0..60u32, counters()), 1..120),
    ) {
        let (mut now, mut sum) = (0, Counters::ZERO);
        let steps: Vec<_> = steps.into_iter().map(|(ms, shift, more)| {
            now += ms;
            let mut more = more;
            more.user = 1000 * ms;
            more.system >>= 40;
            more.grown >>= shift;
            for class in &mut more.classes {
                class.refills >>= shift;
                class.spills >>= shift;
                class.moved >>= shift;
            }
            more.decayed >>= 20;
            more.missed >>= 20;
            more.faults >>= 40;
            add(&mut sum, &more);
            (now, sum)
        }).collect();
        play(start, &steps);
    }

    /// Looks whose numbers all stand at their end, or go back.
    #[test]
    fn bounds_hold_at_the_end_of_all_numbers(start in start(), nows in prop::collection::vec(number(), 1..40)) {
        let most = u64::MAX;
        let full = ClassCounters { refills: most, spills: most, moved: most };
        let full = Counters {
            classes: [full; CLASSES],
            mapped: most, in_use: most, free: most, caches: u32::MAX, active: u32::MAX, grown: most,
            decayed: most, missed: most, faults: most, user: most, system: most, huge: true,
        };
        let looks = [full, Counters::ZERO, full];
        let steps: Vec<_> =
            nows.into_iter().flat_map(|now| looks.map(|look| (now, look))).collect();
        play(start, &steps);
        let even: Vec<_> = (0..60).map(|at| (at * 100, looks[at as usize % 3])).collect();
        play(start, &even);
    }
}
