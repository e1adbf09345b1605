//! The command line.

use std::path::PathBuf;

use clap::{Args, Parser, Subcommand, ValueEnum};

/// Which of the two ways to use an allocator.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub(crate) enum Side {
    /// As `#[global_allocator]` of a Rust program.
    Rust,
    /// As a shared library preloaded into a C program.
    Preload,
    /// Both.
    All,
}

impl Side {
    /// The sides this stands for.
    pub(crate) fn each(self) -> &'static [Self] {
        match self {
            Self::Rust => &[Self::Rust],
            Self::Preload => &[Self::Preload],
            Self::All => &[Self::Rust, Self::Preload],
        }
    }
}

/// Runs hakmem's benchmarks against other allocators and prints tables in Markdown.
#[derive(Parser)]
#[command(name = "measure", bin_name = "cargo measure")]
pub(crate) struct Cli {
    #[command(subcommand)]
    pub(crate) command: Option<Command>,

    /// Which of the two ways to use the allocators.
    #[arg(long, value_enum, default_value = "all", global = true)]
    pub(crate) side: Side,

    /// Workloads to run; a `*` stands for anything.
    #[arg(long, value_delimiter = ',', value_name = "NAME,...")]
    pub(crate) only: Vec<String>,

    /// Allocators to run (default: all that are found).
    #[arg(long, value_delimiter = ',', value_name = "NAME,...", global = true)]
    pub(crate) allocators: Vec<String>,

    /// One more shared library to preload, as a further allocator.
    #[arg(long = "with", value_name = "NAME=PATH", value_parser = extra, global = true)]
    pub(crate) extra: Vec<(String, PathBuf)>,

    /// How often each workload runs under each allocator (default: 5, quick: 3).
    #[arg(long, value_parser = clap::value_parser!(u32).range(1..))]
    rounds: Option<u32>,

    /// A fifth of the work and fewer rounds: for a first look only.
    #[arg(long)]
    pub(crate) quick: bool,

    /// Print the workloads and what they do.
    #[arg(long)]
    pub(crate) list: bool,

    /// Also write every single sample to this file.
    #[arg(long, value_name = "FILE", global = true)]
    pub(crate) json: Option<PathBuf>,
}

impl Cli {
    /// Rounds to run.
    pub(crate) fn rounds(&self) -> usize {
        self.rounds.map_or(if self.quick { 3 } else { 5 }, |rounds| rounds as usize)
    }

    /// The part of a full run that each run does.
    pub(crate) fn scale(&self) -> f64 {
        if self.quick { 0.2 } else { 1.0 }
    }
}

/// What to do other than run the workloads.
#[derive(Subcommand)]
pub(crate) enum Command {
    /// Count the instructions of the hot paths under callgrind.
    Hot(HotArgs),
    /// Compare allocators of kernels, each on one fixed region.
    Kernel(KernelArgs),
    /// Compare the learner with static policies and with other allocators.
    Learner(LearnerArgs),
    /// Show how memory goes back, with each library preloaded.
    Release(ReleaseArgs),
}

/// Options of `hot`.
#[derive(Args)]
pub(crate) struct HotArgs {
    /// Sizes of the blocks, in bytes: 8, 16, 64, 256 or 1024.
    #[arg(long, value_delimiter = ',', default_value = "16,64,1024", value_name = "SIZE,...")]
    pub(crate) sizes: Vec<usize>,
}

/// Options of `kernel`.
#[derive(Args)]
pub(crate) struct KernelArgs {
    /// Scenarios to run; a `*` stands for anything.
    #[arg(long, value_delimiter = ',', value_name = "NAME,...")]
    pub(crate) only: Vec<String>,

    /// How often what measures time runs under each allocator (default: 9, quick: 3).
    #[arg(long, value_parser = clap::value_parser!(u32).range(1..))]
    rounds: Option<u32>,

    /// How many traces what measures no time plays (default: 20, quick: 4).
    #[arg(long, value_parser = clap::value_parser!(u32).range(1..))]
    seeds: Option<u32>,

    /// Shorter traces, fewer of them, and fewer rounds: for a first look only.
    #[arg(long)]
    pub(crate) quick: bool,

    /// Print the scenarios, what they do, and the allocators.
    #[arg(long)]
    pub(crate) list: bool,
}

impl KernelArgs {
    /// Rounds to run of what measures time.
    pub(crate) fn rounds(&self) -> usize {
        self.rounds.map_or(if self.quick { 3 } else { 9 }, |rounds| rounds as usize)
    }

    /// Seeds of what measures no time.
    pub(crate) fn seeds(&self) -> usize {
        self.seeds.map_or(if self.quick { 4 } else { 20 }, |seeds| seeds as usize)
    }
}

/// Options of `learner`.
#[derive(Args)]
pub(crate) struct LearnerArgs {
    /// Parts to run; a `*` stands for anything.
    #[arg(long, value_delimiter = ',', value_name = "NAME,...")]
    pub(crate) only: Vec<String>,

    /// Workloads of `stationary` and of the sweep, as `measure --list` names them (default: all).
    #[arg(long, value_delimiter = ',', value_name = "NAME,...")]
    pub(crate) workloads: Vec<String>,

    /// How often each contender runs (default: 20 in `stationary`, 1 to 5 elsewhere, quick: 2).
    #[arg(long, value_parser = clap::value_parser!(u32).range(1..))]
    rounds: Option<u32>,

    /// How often each workload runs under each policy of the sweep (default: 3, quick: 1); what takes
    /// many seconds, a third of that.
    #[arg(long, value_parser = clap::value_parser!(u32).range(1..))]
    sweep_rounds: Option<u32>,

    /// Take the best static policies from this file, and measure only what is missing in it
    /// (default: measure all, into `learner/sweep.json` in the target folder).
    #[arg(long, value_name = "FILE")]
    pub(crate) sweep: Option<PathBuf>,

    /// A tenth of the work and few rounds: for a first look only.
    #[arg(long)]
    pub(crate) quick: bool,

    /// Print the parts and the scenarios.
    #[arg(long)]
    pub(crate) list: bool,
}

impl LearnerArgs {
    /// Rounds to run of a part that usually has so many.
    pub(crate) fn rounds(&self, usual: usize, quick: usize) -> usize {
        let usual = if self.quick { quick } else { usual };
        self.rounds.map_or(usual, |rounds| rounds as usize)
    }

    /// The same, of the sweep.
    pub(crate) fn sweep_rounds(&self) -> usize {
        self.sweep_rounds.map_or(if self.quick { 1 } else { 3 }, |rounds| rounds as usize)
    }

    /// The part of a full run that each run does.
    pub(crate) fn part(&self) -> f64 {
        if self.quick { 0.1 } else { 1.0 }
    }
}

/// Options of `release`.
#[derive(Args)]
pub(crate) struct ReleaseArgs {
    /// Scenarios to run; a `*` stands for anything.
    #[arg(long, value_delimiter = ',', value_name = "NAME,...")]
    pub(crate) only: Vec<String>,

    /// How often each scenario runs under each allocator (default: 1 for what measures memory, 5 for
    /// what measures time, quick: 3).
    #[arg(long, value_parser = clap::value_parser!(u32).range(1..))]
    rounds: Option<u32>,

    /// Smaller and shorter: for a first look only.
    #[arg(long)]
    pub(crate) quick: bool,

    /// Print the scenarios and what they do.
    #[arg(long)]
    pub(crate) list: bool,
}

impl ReleaseArgs {
    /// Rounds to run of a scenario that measures time, or not.
    pub(crate) fn rounds(&self, timed: bool) -> usize {
        let usual = match (timed, self.quick) {
            (false, _) => 1,
            (true, true) => 3,
            (true, false) => 5,
        };
        self.rounds.map_or(usual, |rounds| rounds as usize)
    }
}

/// Whether a name is meant by a pattern, in which one `*` stands for anything.
pub(crate) fn fits(pattern: &str, name: &str) -> bool {
    match pattern.split_once('*') {
        Some((start, end)) => {
            name.len() >= start.len() + end.len() && name.starts_with(start) && name.ends_with(end)
        }
        None => name == pattern,
    }
}

fn extra(text: &str) -> Result<(String, PathBuf), String> {
    let (name, path) = text.split_once('=').ok_or("give it as NAME=PATH")?;
    let path = PathBuf::from(path).canonicalize().map_err(|error| format!("{path}: {error}"))?;
    Ok((name.to_owned(), path))
}

#[cfg(test)]
mod tests {
    use super::fits;

    #[test]
    fn a_star_stands_for_anything() {
        assert!(fits("lifo-*", "lifo-1") && fits("*", "mix") && fits("mix", "mix"));
        assert!(!fits("lifo-*", "mix") && !fits("mix", "mix-2t") && !fits("ab*ba", "aba"));
    }
}
