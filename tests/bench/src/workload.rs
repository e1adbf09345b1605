//! The list of workloads.

use crate::alloc::Alloc;
use crate::clock::Took;
use crate::workloads::handover::Seats;
use crate::workloads::{
    bulk, calloc, churn, handover, larson, lifo, mix, passive, realloc, spans, tiny, tiny_program,
};

/// What a workload's figure counts.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Unit {
    /// Million operations a second, an allocation and a free counted as one each.
    MegaOps,
    /// Million replacements (a free and an allocation together) a second, as larson counts.
    MegaSwaps,
    /// Thousand replacements a second.
    KiloSwaps,
    /// Million reallocations a second.
    MegaGrows,
    /// Thousand reallocations a second.
    KiloGrows,
    /// Million items built and dropped a second.
    MegaItems,
    /// Million writes a second.
    MegaWrites,
    /// Thousand threads a second.
    KiloThreads,
    /// Thousand requests a second (real programs).
    KiloRequests,
    /// Milliseconds from start to exit of the process.
    Millis,
    /// Seconds from start to exit of the process (real programs).
    Seconds,
}

impl Unit {
    /// As printed in the tables.
    #[must_use]
    pub fn label(self) -> &'static str {
        match self {
            Self::MegaOps => "M ops/s",
            Self::MegaSwaps => "M swaps/s",
            Self::KiloSwaps => "k swaps/s",
            Self::MegaGrows => "M grows/s",
            Self::KiloGrows => "k grows/s",
            Self::MegaItems => "M items/s",
            Self::MegaWrites => "M writes/s",
            Self::KiloThreads => "k threads/s",
            Self::KiloRequests => "k req/s",
            Self::Millis => "ms",
            Self::Seconds => "s",
        }
    }

    /// How many of what the workload counts make one of the unit; for times, units a second.
    #[must_use]
    pub fn scale(self) -> f64 {
        match self {
            Self::MegaOps
            | Self::MegaSwaps
            | Self::MegaGrows
            | Self::MegaItems
            | Self::MegaWrites => 1e6,
            Self::KiloSwaps
            | Self::KiloGrows
            | Self::KiloThreads
            | Self::KiloRequests
            | Self::Millis => 1e3,
            Self::Seconds => 1.0,
        }
    }

    /// Whether the figure is a time, so that less is better.
    #[must_use]
    pub fn is_time(self) -> bool {
        matches!(self, Self::Millis | Self::Seconds)
    }
}

/// How much work to do: 1 is a full run, of some 0.3 to 1 second.
#[derive(Clone, Copy, Debug)]
pub struct Scale(pub f64);

impl Scale {
    /// That part of a full run's `count`, and one at least.
    #[must_use]
    pub fn of(self, count: usize) -> usize {
        ((count as f64 * self.0) as usize).max(1)
    }
}

/// What a run of a workload did.
#[derive(Clone, Copy, Debug)]
pub struct Outcome {
    /// Operations, in the workload's own unit.
    pub count: u64,
    /// The time they took.
    pub took: Took,
    /// Memory resident at the workload's own peak, in KiB, where it can tell exactly.
    pub resident_kib: Option<u64>,
}

impl Outcome {
    pub(crate) fn new(count: usize, took: Took) -> Self {
        Self { count: count as u64, took, resident_kib: None }
    }
}

/// One workload.
pub struct Workload {
    /// As given on the command line and printed in the tables.
    pub name: &'static str,
    /// What its figure counts.
    pub unit: Unit,
    /// One line on what it does.
    pub about: &'static str,
    /// Not run on the Rust side, where it would be the same as another one.
    pub c_only: bool,
    /// Does it.
    pub run: fn(Scale) -> Outcome,
}

fn entry(
    name: &'static str,
    unit: Unit,
    run: fn(Scale) -> Outcome,
    about: &'static str,
) -> Workload {
    Workload { name, unit, about, c_only: false, run }
}

fn c_entry(
    name: &'static str,
    unit: Unit,
    run: fn(Scale) -> Outcome,
    about: &'static str,
) -> Workload {
    Workload { c_only: true, ..entry(name, unit, run, about) }
}

/// Every workload, for the allocator `A`.
#[rustfmt::skip] // one workload a line
#[must_use]
pub fn catalog<A: Alloc>() -> Vec<Workload> {
    use Unit::{KiloGrows, KiloSwaps, KiloThreads, MegaGrows, MegaItems, MegaOps, MegaSwaps, MegaWrites, Millis};
    vec![
        entry("lifo-1", MegaOps, |s| lifo::run::<A>(1, 1, s), "8 to 1,024 B: 1 block allocated, then freed"),
        entry("lifo-16", MegaOps, |s| lifo::run::<A>(16, 1, s), "8 to 1,024 B: 16 blocks allocated, then freed in reverse"),
        entry("lifo-100", MegaOps, |s| lifo::run::<A>(100, 1, s), "the same with 100 blocks"),
        entry("lifo-10k", MegaOps, |s| lifo::run::<A>(10_000, 1, s), "the same with 10,000 blocks"),
        entry("lifo-100k", MegaOps, |s| lifo::run::<A>(100_000, 1, s), "the same with 100,000 blocks"),
        entry("lifo-1-2t", MegaOps, |s| lifo::run::<A>(1, 2, s), "lifo-1 on each of 2 threads"),
        entry("lifo-16-2t", MegaOps, |s| lifo::run::<A>(16, 2, s), "lifo-16 on each of 2 threads"),
        entry("lifo-100-2t", MegaOps, |s| lifo::run::<A>(100, 2, s), "lifo-100 on each of 2 threads"),
        entry("lifo-10k-2t", MegaOps, |s| lifo::run::<A>(10_000, 2, s), "lifo-10k on each of 2 threads"),
        entry("lifo-100k-2t", MegaOps, |s| lifo::run::<A>(100_000, 2, s), "lifo-100k on each of 2 threads"),
        entry("tiny-16", MegaOps, |s| tiny::run::<A>(16, s), "bursts of 32 blocks of 16 B"),
        entry("tiny-64", MegaOps, |s| tiny::run::<A>(64, s), "bursts of 32 blocks of 64 B"),
        entry("tiny-256", MegaOps, |s| tiny::run::<A>(256, s), "bursts of 32 blocks of 256 B"),
        entry("tiny-1024", MegaOps, |s| tiny::run::<A>(1024, s), "bursts of 32 blocks of 1,024 B"),
        entry("larson-42t", MegaSwaps, |s| larson::run::<A>(larson::SMALL, s), "larson 1 5 1 1000 100 10000 42: 5 to 8 B, 42 threads"),
        entry("larson", MegaSwaps, |s| larson::run::<A>(larson::wide(), s), "larson, 8 to 1,000 B, a thread for each core"),
        c_entry("larson-42t-sized", MegaSwaps, |s| larson::run::<A::Sized>(larson::SMALL, s), "larson-42t with operator new and sized delete"),
        c_entry("larson-sized", MegaSwaps, |s| larson::run::<A::Sized>(larson::wide(), s), "larson with operator new and sized delete"),
        entry("handover-1+1", MegaOps, |s| handover::run::<A>(1, Seats::Apart, s), "1 thread allocates 16 to 256 B, 1 other checks and frees"),
        entry("handover-2+2", MegaOps, |s| handover::run::<A>(2, Seats::Apart, s), "2 threads allocate on one core, 2 check and free on another"),
        entry("handover-2+2-mixed", MegaOps, |s| handover::run::<A>(2, Seats::Mixed, s), "the same, but each core has a thread of either kind"),
        entry("passive-sharing", MegaWrites, |s| passive::run::<A>(s), "neighbouring 16 B blocks go to 2 threads, which free, allocate and rewrite them"),
        entry("bulk-btree", MegaItems, bulk::btree, "a BTreeMap of 100,000, built, thinned and dropped"),
        entry("bulk-hash", MegaItems, bulk::hash, "a HashMap of 200,000 boxes, built and dropped"),
        entry("bulk-strings", MegaItems, bulk::strings, "200,000 strings of 1 to 64 B built, copied, sorted, dropped"),
        entry("bulk-tree", MegaItems, |s| bulk::tree(1, s), "binary trees of boxes beside a long-lived one"),
        entry("bulk-tree-2t", MegaItems, |s| bulk::tree(2, s), "the same on each of 2 threads"),
        entry("mix", MegaSwaps, |s| mix::run::<A>(1, s), "40,000 live, 90 % under 256 B, up to 32 KiB; replaced at random, written"),
        entry("mix-2t", MegaSwaps, |s| mix::run::<A>(2, s), "the same on each of 2 threads"),
        entry("realloc", MegaGrows, |s| realloc::small::<A>(s), "64 buffers grown in turn by 1.5 from 16 B to 64 KiB"),
        entry("realloc-large", KiloGrows, |s| realloc::large::<A>(s), "2 buffers grown in turn by 1.25 from 64 KiB to 32 MiB, every page written"),
        entry("calloc", MegaSwaps, |s| calloc::run::<A>(s), "2,000 zeroed blocks of 16 B to 64 KiB replaced at random, checked, dirtied"),
        entry("spans", KiloSwaps, |s| spans::run::<A>(spans::FEW_PAGES, s), "100 live of 32 KiB to 2 MiB replaced at random, 3 pages of each written"),
        entry("spans-touch", KiloSwaps, |s| spans::run::<A>(spans::EVERY_PAGE, s), "the same, every page written"),
        entry("large", KiloSwaps, |s| spans::run::<A>(spans::LARGE, s), "8 live of 2 to 16 MiB replaced at random, every page written"),
        entry("churn", KiloThreads, |s| churn::run::<A>(s), "threads that allocate 100 blocks and go; 20 of them are freed by the next"),
        entry("tiny-program", Millis, |s| tiny_program::run::<A>(s), "a program that allocates 300 blocks of 16 to 512 B and exits"),
    ]
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::alloc::RustGlobal;

    #[test]
    fn names_differ() {
        let mut names: Vec<_> = catalog::<RustGlobal>().iter().map(|load| load.name).collect();
        let count = names.len();
        names.sort_unstable();
        names.dedup();
        assert_eq!(names.len(), count);
    }

    #[test]
    fn every_workload_runs_and_checks_its_blocks() {
        for load in catalog::<RustGlobal>() {
            let outcome = (load.run)(Scale(0.001));
            assert!(outcome.count > 0, "{}", load.name);
            assert!(outcome.took.wall > 0.0, "{}", load.name);
        }
    }
}
