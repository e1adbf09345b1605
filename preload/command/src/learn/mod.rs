//! What can be done with a learner's log.
//!
//! ```text
//!   log.rs        a log, line by line (wire.rs: as it is written; names.rs: words in it)
//!   replay.rs     whether the learner decides now as it did then
//!   decisions.rs  each change with what became of it
//!   show.rs       as a table
//!   plot          as a picture
//! ```

mod decisions;
mod log;
mod names;
mod plot;
mod replay;
mod show;
mod wire;

use crate::{Answer, Refusal};
use clap::Subcommand;
use hakmem_core::learn::Fixed;
use log::{Fault, Log};
use std::path::{Path, PathBuf};

#[derive(Subcommand)]
pub(crate) enum Action {
    /// Print what was decided, when, why and with what effect
    Show {
        /// What HAKMEM_LEARN_LOG wrote
        log: PathBuf,
    },
    /// Decide anew on all that was seen, and compare
    #[command(after_help = "Exit status: 0 where every decision is the same, 1 where one is not, \
        2 where the log cannot be read.")]
    Replay {
        /// What HAKMEM_LEARN_LOG wrote
        log: PathBuf,
        /// Tell what would be decided otherwise with these levers fixed, and no others: some of
        /// lists,sharers,decay,fresh
        #[arg(long, value_name = "LEVERS", value_parser = levers)]
        fix: Option<Fixed>,
    },
    /// Draw what was seen and decided over time
    Plot {
        /// What HAKMEM_LEARN_LOG wrote
        log: PathBuf,
        /// The picture to write, SVG
        #[arg(short, long, value_name = "FILE")]
        output: PathBuf,
    },
}

fn levers(names: &str) -> Result<Fixed, String> {
    log::fixed(names.split(',').filter(|name| !name.is_empty()))
}

pub(crate) fn run(action: &Action) -> Result<Answer, Refusal> {
    match action {
        Action::Show { log } => with(log, |log| show::show(log).map(Answer::good)),
        Action::Replay { log, fix: None } => with(log, replay::replay),
        Action::Replay { log, fix: Some(fixed) } => with(log, |log| replay::what_if(log, *fixed)),
        Action::Plot { log, output } => {
            let name = log.file_name().unwrap_or(log.as_os_str()).to_string_lossy();
            let picture = with(log, |log| plot::plot(log, &name))?;
            crate::write_file(output, picture.as_bytes())?;
            Ok(Answer::good(String::new()))
        }
    }
}

fn with<T>(
    path: &Path,
    read: impl FnOnce(Log<std::io::BufReader<std::fs::File>>) -> Result<T, Fault>,
) -> Result<T, Refusal> {
    let fault = |fault| Refusal::bad_input(format!("{}: {fault}", path.display()));
    Log::open(path).and_then(read).map_err(fault)
}
