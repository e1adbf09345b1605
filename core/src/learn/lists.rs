//! The lists lever: how long the lists of each class are at first.
//!
//! *Longer.* Classes up to [`LARGEST`] alone. Twice as many blocks are expected to save half of what a class's
//! trips cost. The class that saves most by the byte is tried, if it saves twice what the bytes are worth and [`LEAST`] more, and they
//! fit the budget. Its trips are watched for [`WATCHED`] busy ticks after the one in which caches take
//! the change up; it stays if a quarter of what was expected came true. Else it is undone, and the class
//! is left alone for two seconds, then four, eight, …
//!
//! *Shorter.* Half as many blocks are expected to double what a class's trips cost. Where that is less than
//! half of what the bytes are worth for [`IDLE`] without a break, or the lists hold twice their budget, the class
//! that loses least by the byte is halved, down to the default at most.
//! So classes that take turns every few seconds keep their lists.
//!
//! Between "twice" and "half" lies a factor of four, once the trips have reacted as expected: noise does
//! not cross it.

use super::cost;
use super::notes::Notes;
use super::tick::Tick;
use super::{Change, Lever, Reason, Verdict};
use crate::class::{CLASSES, size_at};
use crate::policy::{LISTS, Policy};

/// Millionths of the process's time that a change has to save, at least.
const LEAST: u32 = 500;
/// Bytes of a block, at most: of larger ones a few in a list may pin as many slabs, and some of `realloc` left
/// a superslab of 2 MiB behind. Nor is there much to gain: lists of eight times their default length saved
/// `mix` 0.3 % of its instructions, and on two threads 0.1.
const LARGEST: usize = 1 << 10;
/// Times the default that a list may be.
const TIMES: u16 = 32;
/// Of what is in use, the part that longer lists of all caches may hold.
const PART: u64 = 16;
/// Caches that are reckoned with at most.
const CACHES: u32 = 4096;
/// Busy ticks in which a change is taken up, and those in which it is watched.
const TAKEN_UP: u8 = 1;
const WATCHED: u8 = 4;
/// Milliseconds until a change that could not be watched is undone.
const STARVED: u64 = 30_000;
/// Milliseconds in which a class's lists were not worth their bytes, until they become shorter; and of these,
/// until that is waited for.
const IDLE: u16 = 16_000;
const IDLE_SOON: u16 = 6000;
/// Seconds that a class is left alone after its change was undone, and doublings of that, at most.
const WAIT: u32 = 2;
const DOUBLINGS: u8 = 12;

/// What lists weigh now.
#[derive(Clone, Copy, Debug)]
pub(super) struct Scale {
    /// Caches that hold such lists.
    pub(super) caches: u32,
    /// Bytes in use, smoothed.
    pub(super) in_use: u64,
    /// Second of the learner's clock.
    pub(super) second: u32,
}

#[derive(Clone, Copy, Debug)]
pub(super) struct Lists {
    /// What each class's trips cost, in millionths of the process's time, smoothed.
    costs: [u32; CLASSES],
    /// Milliseconds in which its lists were not worth their bytes, without a break.
    idle: [u16; CLASSES],
    /// The second before which a class is left alone.
    until: [u32; CLASSES],
    doublings: [u8; CLASSES],
    /// Whether there are costs yet.
    is_known: bool,
    canary: Canary,
}

/// A change that is being tried.
#[derive(Clone, Copy, Debug)]
struct Canary {
    is_singing: bool,
    class: u8,
    from: u16,
    /// Busy ticks so far.
    ticks: u8,
    ms: u64,
    expected: i32,
    /// What the added bytes are worth.
    price: u32,
    /// What trips of the class and of all others cost before.
    before: u32,
    others_before: u32,
    /// Nanoseconds of trips of the class, of all others, and microseconds of CPU, while it is watched.
    trips: u64,
    others: u64,
    cpu: u64,
}

impl Lists {
    pub(super) const fn new() -> Self {
        Self {
            costs: [0; CLASSES],
            idle: [0; CLASSES],
            until: [0; CLASSES],
            doublings: [0; CLASSES],
            is_known: false,
            canary: Canary {
                is_singing: false,
                class: 0,
                from: 0,
                ticks: 0,
                ms: 0,
                expected: 0,
                price: 0,
                before: 0,
                others_before: 0,
                trips: 0,
                others: 0,
                cpu: 0,
            },
        }
    }

    /// What each class's trips cost.
    pub(super) fn costs(&self) -> &[u32; CLASSES] {
        &self.costs
    }

    pub(super) fn is_trying(&self) -> bool {
        self.canary.is_singing
    }

    /// Takes a busy tick's trips to heart.
    pub(super) fn learn(&mut self, tick: &Tick) {
        for (mean, trips) in self.costs.iter_mut().zip(tick.trips) {
            let newest = cost::time(trips, tick.cpu);
            let smoothed = cost::smooth(u64::from(*mean), u64::from(newest)) as u32;
            *mean = if self.is_known { smoothed } else { newest };
        }
        self.is_known = true;
    }

    /// Begins means anew, where the program does something else now.
    pub(super) fn forget(&mut self) {
        self.is_known = false;
    }

    /// Notes which lists are worth their bytes.
    pub(super) fn weigh(&mut self, ms: u64, scale: &Scale, policy: &Policy) {
        let ms = ms.min(IDLE.into()) as u16;
        let lists = self.idle.iter_mut().zip(&self.costs).zip(policy.lists);
        for (class, ((idle, cost), from)) in lists.enumerate() {
            let to = shorter(class, from);
            let bytes = bytes(class, from.saturating_sub(to), scale);
            let is_dear = cost::memory(bytes, scale.in_use) / 2 > *cost;
            *idle = if is_dear { idle.saturating_add(ms) } else { 0 };
        }
    }

    /// Whether lists may soon become shorter.
    pub(super) fn is_waiting(&self) -> bool {
        self.idle.iter().any(|idle| *idle >= IDLE_SOON)
    }

    /// The class that is tried, and how long its lists were before.
    pub(super) fn tried(&self) -> Option<(usize, u16)> {
        let Canary { is_singing, class, from, .. } = self.canary;
        is_singing.then_some((usize::from(class) % CLASSES, from))
    }

    /// Changes one class's lists, if that is worth it.
    pub(super) fn decide(&mut self, scale: &Scale, policy: &mut Policy, notes: &mut Notes) {
        if !self.shorten(scale, policy, notes) {
            self.lengthen(scale, policy, notes);
        }
    }

    fn lengthen(&mut self, scale: &Scale, policy: &mut Policy, notes: &mut Notes) {
        let held = held(scale, policy);
        let budget = budget(scale);
        let mut best: Option<(usize, u32, u64)> = None;
        for (class, (cost, until)) in self.costs.iter().zip(self.until).enumerate() {
            let from = policy.lists[class];
            let to = longer(class, from);
            let bytes = bytes(class, to.saturating_sub(from), scale);
            let saved = cost / 2;
            let asked = cost::memory(bytes, scale.in_use).saturating_mul(2).saturating_add(LEAST);
            let fits = held.saturating_add(bytes) <= budget;
            if to <= from || scale.second < until || saved < asked || !fits {
                continue;
            }
            if best.is_none_or(|(_, most, by)| is_more((saved, bytes), (most, by))) {
                best = Some((class, saved, bytes));
            }
        }
        let Some((class, saved, bytes)) = best else {
            return;
        };
        let (from, to) = (policy.lists[class], longer(class, policy.lists[class]));
        let price = cost::memory(bytes, scale.in_use);
        let expected = cost::net(saved, price);
        let before = self.costs[class];
        self.canary = Canary {
            is_singing: true,
            class: class as u8,
            from,
            ticks: 0,
            ms: 0,
            expected,
            price,
            before,
            others_before: self.all().saturating_sub(before),
            trips: 0,
            others: 0,
            cpu: 0,
        };
        set(class, to, Reason::Gain, expected, policy, notes);
    }

    /// True: a class's lists became shorter.
    fn shorten(&mut self, scale: &Scale, policy: &mut Policy, notes: &mut Notes) -> bool {
        let is_over = held(scale, policy) > budget(scale).saturating_mul(2);
        let mut least: Option<(usize, u32, u64)> = None;
        for (class, cost) in self.costs.iter().copied().enumerate() {
            let from = policy.lists[class];
            let to = shorter(class, from);
            let bytes = bytes(class, from.saturating_sub(to), scale);
            if to >= from || !(self.idle[class] >= IDLE || is_over) {
                continue;
            }
            if least.is_none_or(|(_, lost, by)| is_more((lost, by), (cost, bytes))) {
                least = Some((class, cost, bytes));
            }
        }
        let Some((class, lost, bytes)) = least else {
            return false;
        };
        let expected = cost::net(cost::memory(bytes, scale.in_use), lost);
        self.leave_alone(class, scale.second);
        set(class, shorter(class, policy.lists[class]), Reason::Memory, expected, policy, notes);
        true
    }

    /// Watches the change that is being tried, and keeps or undoes it when its time is up.
    pub(super) fn watch(
        &mut self,
        tick: &Tick,
        scale: &Scale,
        policy: &mut Policy,
        notes: &mut Notes,
    ) {
        let class = usize::from(self.canary.class).min(CLASSES - 1);
        let canary = &mut self.canary;
        canary.ms = canary.ms.saturating_add(tick.ms);
        if tick.is_busy() {
            if canary.ticks >= TAKEN_UP {
                let all = tick.trips.iter().fold(0, |all: u64, trips| all.saturating_add(*trips));
                canary.trips = canary.trips.saturating_add(tick.trips[class]);
                canary.others = canary.others.saturating_add(all.saturating_sub(tick.trips[class]));
                canary.cpu = canary.cpu.saturating_add(tick.cpu);
            }
            canary.ticks = canary.ticks.saturating_add(1);
        }
        if canary.ticks < TAKEN_UP + WATCHED && canary.ms < STARVED {
            return;
        }
        canary.is_singing = false;
        let Canary { from, expected, price, before, .. } = *canary;
        let after = cost::time(canary.trips, canary.cpu);
        let realised = cost::net(before, after.saturating_add(price));
        let is_void = canary.ticks < TAKEN_UP + WATCHED || canary.is_confused();
        let stays = !is_void && cost::is_kept(expected, realised);
        let lever = Lever::List;
        let name = Some(class as u8);
        notes.settled(Verdict { lever, class: name, expected, realised, stays });
        if stays {
            self.costs[class] = after;
            self.doublings[class] = self.doublings[class].saturating_sub(1);
            return;
        }
        if is_void {
            self.until[class] = scale.second.saturating_add(WAIT);
        } else {
            self.leave_alone(class, scale.second);
        }
        let reason = if is_void { Reason::Unclear } else { Reason::Undone };
        set(class, from, reason, 0, policy, notes);
    }

    /// Leaves a class alone, each time for twice as long.
    fn leave_alone(&mut self, class: usize, second: u32) {
        let doublings = self.doublings[class].min(DOUBLINGS);
        self.until[class] = second.saturating_add(WAIT << doublings);
        self.doublings[class] = (doublings + 1).min(DOUBLINGS);
    }

    /// What all trips cost.
    fn all(&self) -> u32 {
        self.costs.iter().fold(0, |all, cost| all.saturating_add(*cost))
    }
}

impl Canary {
    /// Whether the program went over to something else meanwhile: what the other classes cost doubled
    /// or halved.
    fn is_confused(&self) -> bool {
        let others = cost::time(self.others, self.cpu).saturating_add(LEAST);
        let before = self.others_before.saturating_add(LEAST);
        others > before.saturating_mul(2) || before > others.saturating_mul(2)
    }
}

/// The default of a class, which may be no less than one block.
fn default(class: usize) -> u16 {
    Policy::DEFAULT.lists[class].max(1)
}

fn longer(class: usize, from: u16) -> u16 {
    if size_at(class) > LARGEST {
        return from;
    }
    let most = default(class).saturating_mul(TIMES).min(Policy::LIST_MOST);
    from.saturating_mul(2).min(most.max(from))
}

fn shorter(class: usize, from: u16) -> u16 {
    (from / 2).max(default(class).min(from))
}

/// Bytes that so many blocks more in each list come to.
fn bytes(class: usize, blocks: u16, scale: &Scale) -> u64 {
    let caches = u64::from(scale.caches.clamp(1, CACHES));
    u64::from(LISTS) * u64::from(blocks) * size_at(class) as u64 * caches
}

/// Bytes that lists hold beyond the default.
fn held(scale: &Scale, policy: &Policy) -> u64 {
    let lists = policy.lists.iter().enumerate();
    lists.fold(0, |held: u64, (class, blocks)| {
        held.saturating_add(bytes(class, blocks.saturating_sub(default(class)), scale))
    })
}

/// Bytes that they may hold.
fn budget(scale: &Scale) -> u64 {
    cost::weight(scale.in_use) / PART
}

/// Whether one class saves more by the byte than another; each what it saves, and by how many bytes.
fn is_more(one: (u32, u64), other: (u32, u64)) -> bool {
    u128::from(one.0) * u128::from(other.1) > u128::from(other.0) * u128::from(one.1)
}

fn set(
    class: usize,
    to: u16,
    reason: Reason,
    expected: i32,
    policy: &mut Policy,
    notes: &mut Notes,
) {
    let Some(list) = policy.lists.get_mut(class) else {
        return;
    };
    let (from, to_number) = (u32::from(*list), u32::from(to));
    *list = to;
    let (lever, class) = (Lever::List, Some(class as u8));
    notes.changed(Change { lever, class, from, to: to_number, reason, expected });
}
