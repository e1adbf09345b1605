//! The fresh lever: whether superslabs that are opened on memory nobody had touched are backed ahead.
//!
//! What counts as *taken* are these superslabs. Huge pages are asked for them all, populated are those of slabs alone:
//! where spans grow, that saves nothing, and the measure says so. Large blocks are left to the system, so
//! they do not count; but a tick's time in the system is that of all the program asks of it.
//!
//! | | when |
//! |---|---|
//! | growth | [`FAST`] a second or more was taken, [`LARGE`] is in use, and that is three quarters of what is mapped |
//! | tried | each way in turn, for [`WINDOW`] of growth: huge pages where the source has any, populating, page by page |
//! | chosen | what took the system least time for each MiB, if an eighth less than page by page |
//! | given up | a trial of which [`SURE`] took [`FAR`] times as long as page by page |
//! | tried again | after [`AGE`] of growth, twice as much each time that it was no better |
//! | off | for [`CALM`] less than [`SLOW`] a second was taken, or less than five eighths of what is mapped was in use |
//!
//! Nobody can say beforehand what pays. On a virtual machine the host backs memory in its turn: 128 MiB of huge
//! pages took it 0.2 ms a MiB, those after them 2.4, single pages 0.6 throughout; where it had backed all
//! before, huge pages were a quarter of single ones. So every window is measured, that of the chosen way too.
//! Nor does it wait for a quiet time to compare: a heap that grows by gigabytes a second is built by then.

use super::cost;
use super::notes::Notes;
use super::tick::Tick;
use super::{Change, Lever, Reason, Verdict};
use crate::policy::{Fresh, Policy};

/// Bytes a second that are fast growth, and that are none.
pub(super) const FAST: u64 = 32 << 20;
const SLOW: u64 = 8 << 20;
/// Bytes in use from which growth counts.
const LARGE: u64 = 64 << 20;
/// Bytes taken in a tick from which it says what they cost.
const TELLING: u64 = 4 << 20;
/// Bytes over which a way is measured.
const WINDOW: u64 = 64 << 20;
/// Bytes of a trial after which it may be given up, and how much dearer than page by page it is then.
const SURE: u64 = 16 << 20;
const FAR: u64 = 2;
/// Bytes of growth after which a way is tried again, and doublings of that, at most.
const AGE: u64 = 1 << 30;
const DOUBLINGS: u8 = 6;
/// Milliseconds without growth.
const CALM: u64 = 500;

/// What is known of one way.
#[derive(Clone, Copy, Debug)]
struct Way {
    /// Microseconds of system for each GiB; 0: not known.
    cost: u64,
    /// Bytes that the heap had grown by then.
    at: u64,
    doublings: u8,
}

/// The ways in the order in which they are tried.
const WAYS: [Fresh; 3] = [Fresh::Huge, Fresh::Populate, Fresh::Plain];

#[derive(Clone, Copy, Debug)]
pub(super) struct Growth {
    /// By the numbers of [`Fresh`].
    ways: [Way; 3],
    /// Bytes that were taken, all together.
    grown: u64,
    /// Of the window: microseconds of CPU, of these in the system, and bytes taken.
    cpu: u64,
    system: u64,
    taken: u64,
    /// Whether the window is a trial, and what that was expected to save.
    in_trial: bool,
    expected: i32,
    /// Milliseconds without growth.
    calm: u64,
}

impl Growth {
    pub(super) const fn new() -> Self {
        let way = Way { cost: 0, at: 0, doublings: 0 };
        Self {
            ways: [way; 3],
            grown: 0,
            cpu: 0,
            system: 0,
            taken: 0,
            in_trial: false,
            expected: 0,
            calm: 0,
        }
    }

    pub(super) fn follow(
        &mut self,
        tick: &Tick,
        huge: bool,
        policy: &mut Policy,
        notes: &mut Notes,
    ) {
        self.grown = self.grown.saturating_add(tick.grown);
        let now = policy.fresh;
        let is_told = self.measure(tick, now);
        let grows = match now {
            Fresh::Plain => self.has_begun(tick),
            _ => self.goes_on(tick),
        };
        if is_told && !grows {
            self.begin();
        }
        if now != Fresh::Plain && !grows {
            self.begin();
            return set(Fresh::Plain, Reason::Follow, 0, policy, notes);
        }
        // Growth that begins need not be measured first, if what it costs is known.
        let is_known = !self.in_trial && self.way(now).cost != 0 && now == Fresh::Plain;
        if grows && (is_told || is_known) {
            self.choose(tick, huge, policy, notes);
        }
    }

    fn way(&self, fresh: Fresh) -> Way {
        self.ways[fresh as usize]
    }

    /// Learns what memory costs that is taken in this way. Whether the window is full, or as much of it as
    /// says something of a way that is not known, or of one that is far worse than another.
    fn measure(&mut self, tick: &Tick, now: Fresh) -> bool {
        if tick.grown < TELLING {
            return false;
        }
        self.cpu = self.cpu.saturating_add(tick.cpu);
        self.system = self.system.saturating_add(tick.system);
        self.taken = self.taken.saturating_add(tick.grown);
        let cost = self.system.saturating_mul(1 << 10) / (self.taken >> 20).max(1);
        let plain = self.way(Fresh::Plain).cost;
        let is_far =
            self.in_trial && now != Fresh::Plain && plain != 0 && cost >= plain.saturating_mul(FAR);
        let enough = match now {
            Fresh::Plain if plain == 0 => TELLING,
            _ if is_far => SURE,
            _ => WINDOW,
        };
        if self.taken < enough {
            return false;
        }
        let way = &mut self.ways[now as usize];
        way.cost = cost.max(1);
        way.at = self.grown;
        true
    }

    fn has_begun(&self, tick: &Tick) -> bool {
        let is_dense = tick.in_use.saturating_mul(4) >= tick.mapped.saturating_mul(3);
        let goes_on = self.in_trial && tick.growth() >= SLOW;
        is_dense && tick.in_use >= LARGE && (tick.growth() >= FAST || goes_on)
    }

    fn goes_on(&mut self, tick: &Tick) -> bool {
        let is_sparse = tick.in_use.saturating_mul(8) < tick.mapped.saturating_mul(5);
        if tick.growth() >= SLOW && !is_sparse {
            self.calm = 0;
            return true;
        }
        self.calm = self.calm.saturating_add(tick.ms);
        self.calm < CALM
    }

    fn begin(&mut self) {
        self.cpu = 0;
        self.system = 0;
        self.taken = 0;
        self.calm = 0;
        self.in_trial = false;
    }

    /// Judges a trial, and goes on in the best way, or with the next trial.
    fn choose(&mut self, tick: &Tick, huge: bool, policy: &mut Policy, notes: &mut Notes) {
        let now = policy.fresh;
        let best = self.best(huge);
        if self.in_trial {
            self.judge(best == now, notes);
        }
        self.trust(now, best == now);
        // A share of the last ticks' time: what a saving is compared with.
        let cpu = tick.cpu.max(1);
        let plain = self.cost_of(Fresh::Plain, tick.grown);
        self.begin();
        if let Some(way) = self.next_trial(now, huge) {
            let known = self.way(way).cost != 0;
            let cost = if known { self.cost_of(way, tick.grown) } else { plain / 2 };
            let expected = cost::net(cost::share(plain, cpu), cost::share(cost, cpu));
            self.in_trial = true;
            self.expected = expected;
            return set(way, Reason::Explore, expected, policy, notes);
        }
        if best != now {
            let cost = self.cost_of(best, tick.grown);
            let expected = cost::net(cost::share(plain, cpu), cost::share(cost, cpu));
            let reason = if best == Fresh::Plain { Reason::Undone } else { Reason::Gain };
            set(best, reason, expected, policy, notes);
        }
    }

    /// Writes down how a trial did.
    fn judge(&self, stays: bool, notes: &mut Notes) {
        let plain = self.cost_of(Fresh::Plain, self.taken);
        let realised = cost::net(cost::share(plain, self.cpu), cost::share(self.system, self.cpu));
        let expected = self.expected;
        notes.settled(Verdict { lever: Lever::Fresh, class: None, expected, realised, stays });
    }

    /// A way was the best one, or it was not.
    fn trust(&mut self, way: Fresh, is_best: bool) {
        let way = &mut self.ways[way as usize];
        way.doublings = if is_best { 0 } else { way.doublings.saturating_add(1).min(DOUBLINGS) };
    }

    /// Microseconds of system that so many bytes take.
    fn cost_of(&self, way: Fresh, bytes: u64) -> u64 {
        (bytes >> 20).saturating_mul(self.way(way).cost) >> 10
    }

    /// The way that costs least: page by page, unless another costs an eighth less; and huge pages, which
    /// serve the program afterwards as well, unless populating costs an eighth less than they.
    fn best(&self, huge: bool) -> Fresh {
        let is_less = |way: Fresh, than: Fresh| {
            let (cost, than) = (self.way(way).cost, self.way(than).cost);
            cost != 0 && cost.saturating_mul(8) <= than.saturating_mul(7)
        };
        let huge_pays = huge && is_less(Fresh::Huge, Fresh::Plain);
        let populating_pays = is_less(Fresh::Populate, Fresh::Plain)
            && (!huge_pays || is_less(Fresh::Populate, Fresh::Huge));
        match (populating_pays, huge_pays) {
            (true, _) => Fresh::Populate,
            (_, true) => Fresh::Huge,
            _ => Fresh::Plain,
        }
    }

    fn is_there(&self, way: Fresh, huge: bool) -> bool {
        way != Fresh::Huge || huge
    }

    /// A way of which nothing is known, or nothing new.
    fn next_trial(&self, now: Fresh, huge: bool) -> Option<Fresh> {
        let is_due = |way: Fresh| {
            let Way { cost, at, doublings } = self.way(way);
            cost == 0 || self.grown.saturating_sub(at) >= AGE << doublings.min(DOUBLINGS)
        };
        WAYS.into_iter().find(|way| *way != now && self.is_there(*way, huge) && is_due(*way))
    }
}

fn set(to: Fresh, reason: Reason, expected: i32, policy: &mut Policy, notes: &mut Notes) {
    let (from, to_number) = (policy.fresh as u32, to as u32);
    if from == to_number {
        return;
    }
    notes.changed(Change {
        lever: Lever::Fresh,
        class: None,
        from,
        to: to_number,
        reason,
        expected,
    });
    policy.fresh = to;
}
