//! Logs as a program's learner would write them.

use hakmem_core::CLASSES;
use hakmem_core::learn::record::{Header, Line};
use hakmem_core::learn::{
    Change, Counters, Decisions, Lever, Note, Phase, Reason, Start, State, Verdict, step,
};
use hakmem_core::policy::{Fresh, Policy};

/// A log that is being written.
pub(crate) struct Story {
    pub(crate) log: String,
    pub(crate) now: u64,
    pub(crate) seen: Counters,
    pub(crate) policy: Policy,
    seen_before: Counters,
    policy_before: Policy,
    random: u64,
}

impl Story {
    pub(crate) fn new(policy: Policy, start: Start) -> Self {
        let header = Header { policy: &policy, start };
        Self {
            log: format!("{header}\n"),
            now: 5_000,
            seen: Counters { huge: true, ..Counters::ZERO },
            policy,
            seen_before: Counters::ZERO,
            policy_before: policy,
            random: 1,
        }
    }

    /// Writes a step down.
    pub(crate) fn tell(&mut self, decisions: &Decisions) {
        let line = Line {
            now: self.now,
            seen: &self.seen,
            seen_before: &self.seen_before,
            decisions,
            policy_before: &self.policy_before,
        };
        self.log += &format!("{line}\n");
        self.seen_before = self.seen;
        self.policy_before = decisions.policy;
    }

    /// A number below `most`: the same ones in every run.
    pub(crate) fn random(&mut self, most: u64) -> u64 {
        self.random = self.random.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1);
        (self.random >> 33) % most.max(1)
    }

    /// Lets time pass, in which each of some classes makes so many trips a second.
    pub(crate) fn pass(&mut self, ms: u64, trips: &[(usize, u64)]) {
        let add = |sum: &mut u64, more: u64| *sum = sum.wrapping_add(more);
        add(&mut self.now, ms);
        for &(class, rate) in trips {
            let trips = rate * ms / 1000 * (80 + self.random(40)) / 100;
            let class = &mut self.seen.classes[class];
            add(&mut class.refills, trips);
            add(&mut class.spills, trips / 2);
            add(&mut class.moved, trips * 22);
        }
        let busy = ms * 900;
        let system = busy * (2 + self.random(3)) / 100;
        add(&mut self.seen.user, busy - system);
        add(&mut self.seen.system, system);
        let faults = ms * (1 + self.random(5)) / 20;
        add(&mut self.seen.faults, faults);
        self.seen.caches = 8;
    }

    /// Memory in use from now on, in MiB.
    pub(crate) fn use_memory(&mut self, mib: u64) {
        let bytes = mib << 20;
        let grown = bytes.saturating_sub(self.seen.in_use);
        self.seen.grown += grown;
        self.seen.faults += grown / 4096 / 8;
        self.seen.in_use = bytes;
        self.seen.free = bytes / 8 + self.random(1 + bytes / 16);
        self.seen.mapped = self.seen.mapped.max((bytes + self.seen.free) * 9 / 8);
    }
}

/// A program's life of `steps` steps with all that a learner can do: growth, a shift of the size mix,
/// a sleep, drift. The decisions are invented.
pub(crate) fn invented(steps: u64) -> String {
    let mut story = Story::new(Policy::DEFAULT, Start::default());
    let mut tried: Option<(Change, u64)> = None;
    let mut pause = 100;
    let mut phase = Phase::Learn;
    for number in 0..steps {
        let part = number * 100 / steps;
        let asleep = part == 60 && (number - 1) * 100 / steps == 59;
        let ms = if asleep { steps * 40 } else { pause + story.random(8) };
        let mix: &[(usize, u64)] = match part {
            0..30 => &[(3, 9_000), (4, 4_000), (8, 1_500), (11, 600), (20, 200), (1, 90), (30, 40)],
            30..60 => &[(3, 2_000), (12, 7_000), (16, 3_000), (20, 900), (2, 300), (25, 100)],
            _ => &[(3, 3_000), (4, 2_000), (12, 500), (28, 700), (9, 60)],
        };
        story.pass(if asleep { 100 } else { ms }, mix);
        story.now += if asleep { ms } else { 0 };
        let memory = match part {
            0..20 => 20 + number * 100 / steps * 9,
            20..60 => 200 - 20 * (part % 3),
            _ => 90 + story.random(6),
        };
        story.use_memory(memory);
        story.seen.active = if part < 45 { 6 } else { 2 };

        let mut notes = [None; Decisions::NOTES];
        let mut kinds = notes.iter_mut();
        let mut add = |note| *kinds.next().expect("there is room") = Some(note);
        let fresh = if part < 20 && part > 1 { Fresh::Huge } else { Fresh::Plain };
        let sharers = if part < 10 { 0 } else { story.seen.active.next_power_of_two() };
        let followed = [
            (Lever::Fresh, story.policy.fresh as u32, fresh as u32),
            (Lever::Sharers, story.policy.sharers, sharers),
        ];
        for (lever, from, to) in followed.into_iter().filter(|(_, from, to)| from != to) {
            let (reason, expected) = (Reason::Follow, 900);
            add(Note::Changed(Change { lever, class: None, from, to, reason, expected }));
        }
        (story.policy.fresh, story.policy.sharers) = (fresh, sharers);

        match tried.take() {
            Some((change, 0)) => {
                let Change { lever, class, expected, .. } = change;
                let stays = story.random(3) > 0;
                let realised = if stays { expected * 3 / 4 } else { -expected / 5 };
                add(Note::Settled(Verdict { lever, class, expected, realised, stays }));
                if !stays {
                    let Change { from, to, .. } = change;
                    let (from, to, reason) = (to, from, Reason::Undone);
                    add(Note::Changed(Change { from, to, reason, expected: 0, ..change }));
                    set(&mut story.policy, &Change { to, ..change });
                }
                phase = Phase::Learn;
            }
            Some((change, left)) => tried = Some((change, left - 1)),
            None if (45..60).contains(&part) || part > 80 => phase = Phase::Frozen,
            None if phase == Phase::Frozen || number * 40 / steps != (number + 1) * 40 / steps => {
                let (class, _) = mix[story.random(mix.len() as u64) as usize];
                let change = if story.random(4) == 0 {
                    let from = story.policy.decay;
                    let to = if story.random(2) == 0 { from / 2 } else { from * 2 };
                    let (to, reason) = (to.clamp(125, 4000), Reason::Explore);
                    Change { lever: Lever::Decay, class: None, from, to, reason, expected: 40 }
                } else {
                    let from = u32::from(story.policy.lists[class]);
                    let to = (from * 2).min(2048);
                    let (class, reason) = (Some(class as u8), Reason::Gain);
                    Change { lever: Lever::List, class, from, to, reason, expected: 1_250 }
                };
                set(&mut story.policy, &change);
                add(Note::Changed(change));
                tried = Some((change, (steps / 120).max(2)));
                phase = Phase::Canary;
            }
            None => phase = Phase::Learn,
        }
        pause = if phase == Phase::Frozen { 1000 } else { 100 };
        story.tell(&Decisions { policy: story.policy, phase, notes, pause: pause as u32 });
    }
    story.log
}

fn set(policy: &mut Policy, change: &Change) {
    match change.class {
        Some(class) => policy.lists[usize::from(class)] = change.to as u16,
        None => policy.decay = change.to,
    }
}

/// A program's life as the learner itself decides on it.
pub(crate) fn lived(steps: u64, policy: Policy, start: Start) -> String {
    let mut story = Story::new(policy, start);
    let mut state = State::new();
    state.begin(&policy, start);
    let mut pause = 100;
    for number in 0..steps {
        let busy = 1 + (number / 200) as usize * 7 % CLASSES;
        let rate = 20_000 + 1_000 * (number % 7);
        story.pass(u64::from(pause), &[(busy, rate), ((busy + 3) % CLASSES, rate / 5)]);
        story.use_memory(100 + number % 50 * 4);
        story.seen.active = 1 + (number / 300) as u32;
        let decisions = step(&mut state, &story.seen, story.now);
        pause = decisions.pause;
        story.tell(&decisions);
    }
    story.log
}
