//! What a log has over time, in the units that are drawn.

use crate::learn::decisions::Decisions;
use crate::learn::log::{Fault, Header, Log, Step};
use hakmem_core::CLASSES;
use hakmem_core::learn::{Counters, Phase};
use hakmem_core::policy::Policy;
use std::collections::HashMap;
use std::io::BufRead;

/// So many times its pause late, a step comes after a sleep of the program.
const LATE: u64 = 3;
/// Milliseconds that a pause counts for at least there: threads are late on a busy machine.
const PAUSE_LEAST: u64 = 300;
const MIB: f64 = 1024.0 * 1024.0;

/// How often things happened since the sample before, a second.
#[derive(Clone, Debug)]
pub(super) struct Rates {
    /// Refills and spills.
    pub(super) trips: [f32; CLASSES],
    pub(super) faults: f32,
    /// Hundredths of the process's time that the system took.
    pub(super) system: f32,
}

/// One step.
#[derive(Clone, Debug)]
pub(super) struct Sample {
    /// Seconds since the first step.
    pub(super) at: f64,
    pub(super) phase: Phase,
    /// MiB.
    pub(super) in_use: f64,
    /// MiB.
    pub(super) free: f64,
    /// MiB.
    pub(super) mapped: f64,
    /// None after a sleep, after a clock that jumped, and where sums ran backward.
    pub(super) rates: Option<Rates>,
}

/// A number that changes now and then: since when it is what.
pub(super) type Course = Vec<(f64, u32)>;

/// All of a log.
pub(super) struct Timeline {
    pub(super) sizes: [u32; CLASSES],
    pub(super) samples: Vec<Sample>,
    pub(super) lists: [Course; CLASSES],
    pub(super) active: Course,
    pub(super) sharers: Course,
    pub(super) decay: Course,
    pub(super) fresh: Course,
    pub(super) decisions: Decisions,
    /// Seconds since the first step, by the log's own time; of two steps at one time, the first's.
    times: HashMap<u64, f64>,
}

impl Timeline {
    pub(super) fn read<R: BufRead>(mut log: Log<R>) -> Result<Self, Fault> {
        let mut timeline = Self::new(&log.header);
        let mut last: Option<Step> = None;
        for step in log.by_ref() {
            let step = step?;
            timeline.take(last.as_ref(), &step);
            last = Some(step);
        }
        Ok(timeline)
    }

    fn new(header: &Header) -> Self {
        Self {
            sizes: header.sizes,
            samples: Vec::new(),
            lists: header.policy.lists.map(|blocks| vec![(0.0, blocks.into())]),
            active: Vec::new(),
            sharers: vec![(0.0, header.policy.sharers)],
            decay: vec![(0.0, header.policy.decay)],
            fresh: vec![(0.0, header.policy.fresh as u32)],
            decisions: Decisions::default(),
            times: HashMap::new(),
        }
    }

    fn take(&mut self, last: Option<&Step>, step: &Step) {
        let before = self.samples.last().map_or(0.0, |sample| sample.at);
        // A clock that was set back stands still here.
        let passed = last.map_or(0, |last| step.now.saturating_sub(last.now));
        let at = before + passed as f64 / 1000.0;
        let rates = last
            .filter(|last| passed > 0 && passed <= LATE * PAUSE_LEAST.max(last.pause.into()))
            .and_then(|last| rates(&last.seen, &step.seen, passed as f64 / 1000.0));
        let mib = |bytes: u64| bytes as f64 / MIB;
        self.samples.push(Sample {
            at,
            phase: step.phase,
            in_use: mib(step.seen.in_use),
            free: mib(step.seen.free),
            mapped: mib(step.seen.mapped),
            rates,
        });
        self.times.entry(step.now).or_insert(at);
        self.follow(at, step.seen.active, &step.policy);
        self.decisions.take(step);
    }

    fn follow(&mut self, at: f64, active: u32, policy: &Policy) {
        let follow = |course: &mut Course, number: u32| {
            if course.last().is_none_or(|(_, last)| *last != number) {
                course.push((at, number));
            }
        };
        for (course, blocks) in self.lists.iter_mut().zip(policy.lists) {
            follow(course, blocks.into());
        }
        follow(&mut self.active, active);
        follow(&mut self.sharers, policy.sharers);
        follow(&mut self.decay, policy.decay);
        follow(&mut self.fresh, policy.fresh as u32);
    }

    /// Seconds from the first step to the last.
    pub(super) fn span(&self) -> f64 {
        self.samples.last().map_or(0.0, |sample| sample.at)
    }

    /// When a step was, in seconds since the first one.
    pub(super) fn seconds(&self, now: u64) -> Option<f64> {
        self.times.get(&now).copied()
    }

    /// Samples without a sleep between them.
    pub(super) fn runs(&self) -> impl Iterator<Item = &[Sample]> {
        self.samples.chunk_by(|_, next| next.rates.is_some())
    }

    /// The phases and from when to when they lasted, sleeps left out; where they change more often
    /// than `columns` can show, which of them filled a column most.
    pub(super) fn phases(&self, columns: usize) -> Vec<(f64, f64, Phase)> {
        let width = self.span() / columns as f64;
        let mut bands: Vec<(f64, f64, Phase)> = Vec::new();
        let mut add = |from: f64, to: f64, phase: Phase| match bands.last_mut() {
            Some(last) if last.2 == phase && last.1 >= from - width / 2.0 => last.1 = to,
            _ => bands.push((from, to, phase)),
        };
        for run in self.runs() {
            // The stretch that is gathered: its begin, and seconds in each phase.
            let mut from = run[0].at;
            let mut spent = [0.0; 3];
            for (index, pair) in run.windows(2).enumerate() {
                spent[pair[0].phase as usize] += pair[1].at - pair[0].at;
                if pair[1].at - from >= width || index + 2 == run.len() {
                    add(from, pair[1].at, most(&spent));
                    from = pair[1].at;
                    spent = [0.0; 3];
                }
            }
        }
        bands
    }
}

fn most(spent: &[f64; 3]) -> Phase {
    let phases = [Phase::Learn, Phase::Canary, Phase::Frozen];
    let most = phases.into_iter().max_by(|a, b| spent[*a as usize].total_cmp(&spent[*b as usize]));
    most.unwrap_or_default()
}

/// Sums that ran backward, or further than anything can in the time, are no rates.
fn rates(from: &Counters, to: &Counters, seconds: f64) -> Option<Rates> {
    const MOST: u64 = 1 << 48;
    let more = |from: u64, to: u64| Some(to.wrapping_sub(from)).filter(|more| *more < MOST);
    let mut trips = [0.0; CLASSES];
    for ((trips, from), to) in trips.iter_mut().zip(&from.classes).zip(&to.classes) {
        // Heaps count these in 32 bits.
        let more = |from: u64, to: u64| (to as u32).wrapping_sub(from as u32);
        let both =
            f64::from(more(from.refills, to.refills)) + f64::from(more(from.spills, to.spills));
        *trips = (both / seconds) as f32;
    }
    let (user, system) = (more(from.user, to.user)?, more(from.system, to.system)?);
    Some(Rates {
        trips,
        faults: (more(from.faults, to.faults)? as f64 / seconds) as f32,
        system: (100.0 * system as f64 / (user + system).max(1) as f64) as f32,
    })
}
