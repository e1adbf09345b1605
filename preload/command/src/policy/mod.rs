//! What can be done with a policy's file.

mod machine;
mod setting;

use crate::{Answer, Refusal};
use clap::Subcommand;
use hakmem_core::policy::text::{self, LONGEST, Machine};
use hakmem_core::policy::{Fresh, Policy};
use setting::Setting;
use std::fmt::Write;
use std::fs::File;
use std::io::Read;
use std::path::{Path, PathBuf};

#[derive(Subcommand)]
pub(crate) enum Action {
    /// Print a policy, and what in it is not the default
    Show {
        /// What HAKMEM_POLICY names
        file: PathBuf,
    },
    /// Write a policy for HAKMEM_POLICY to name, on this machine
    #[command(
        after_help = "Keys: growth, kept (KiB), batch (bytes), decay (ms), sharers (caches; 0 or \
        all), fresh (plain, populate or huge), and list:SIZE (blocks in a list of the class whose \
        blocks have SIZE bytes). For example: decay=1000 list:48=128 fresh=huge"
    )]
    Make {
        /// The file to write
        #[arg(short, long, value_name = "FILE")]
        output: PathBuf,
        /// A policy to begin with, in place of the default; it may be another machine's
        #[arg(long, value_name = "FILE")]
        from: Option<PathBuf>,
        /// What is to be otherwise; of two for the same number the last one holds
        #[arg(value_name = "KEY=VALUE", value_parser = setting::parse)]
        settings: Vec<Setting>,
    },
}

pub(crate) fn run(action: &Action) -> Result<Answer, Refusal> {
    match action {
        Action::Show { file } => {
            let (policy, machine) = read(file)?;
            Ok(Answer::good(table(&policy, &machine)))
        }
        Action::Make { output, from, settings } => {
            let mut policy = match from {
                Some(file) => read(file)?.0,
                None => Policy::DEFAULT,
            };
            for setting in settings {
                setting.onto(&mut policy);
            }
            let mut text = String::new();
            let written = text::write(&policy, &machine::this(), &mut text);
            written.map_err(|error| Refusal::bad_input(error.to_string()))?;
            crate::write_file(output, text.as_bytes())?;
            Ok(Answer::good(String::new()))
        }
    }
}

fn read(path: &Path) -> Result<(Policy, Machine), Refusal> {
    let fault = |reason: String| Refusal::bad_input(format!("{}: {reason}", path.display()));
    let mut bytes = Vec::new();
    // One more byte tells that it is too long.
    let opened = File::open(path).map(|file| file.take(LONGEST as u64 + 1));
    let read = opened.and_then(|mut file| file.read_to_end(&mut bytes));
    read.map_err(|error| fault(error.to_string()))?;
    text::read(&bytes).map_err(|error| fault(error.to_string()))
}

fn table(policy: &Policy, machine: &Machine) -> String {
    let mut text = String::new();
    let Machine { page, cpus, memory } = machine;
    let _ = writeln!(text, "made for pages of {page} bytes, {cpus} CPUs, {memory} MiB of memory");
    if !machine.is_like(&machine::this()) {
        text += "this machine is another: HAKMEM_POLICY would not take it here\n";
    }
    text.push('\n');
    let mut row = |name: &str, value: String, default: String, unit: &str| {
        let note = if value == default { String::new() } else { format!("default: {default}") };
        let line = format!("{name:<11} {value:>8} {unit:<7} {note}");
        text.push_str(line.trim_end());
        text.push('\n');
    };
    let default = Policy::DEFAULT;
    let mut number = |name: &str, value: u32, default: u32, unit: &str| {
        row(name, value.to_string(), default.to_string(), unit);
    };
    number("growth", policy.growth, default.growth, "KiB");
    number("kept", policy.kept, default.kept, "KiB");
    number("batch", policy.batch, default.batch, "bytes");
    number("decay", policy.decay, default.decay, "ms");
    let caches = |caches| if caches == 0 { "all".into() } else { format!("{caches}") };
    row("sharers", caches(policy.sharers), caches(default.sharers), "caches");
    let fresh = |fresh: Fresh| fresh.name().to_owned();
    row("fresh", fresh(policy.fresh), fresh(default.fresh), "");
    for ((size, blocks), default) in Policy::SIZES.iter().zip(policy.lists).zip(default.lists) {
        row(&format!("list:{size}"), blocks.to_string(), default.to_string(), "blocks");
    }
    text
}
