//! What can be done with a learner's log.
//!
//! ```text
//!   log.rs        a log, line by line (wire.rs: as it is written; names.rs: words in it)
//!   decisions.rs  each change with what became of it
//!   show.rs       as a table
//!   plot          as a picture
//! ```

mod decisions;
mod log;
mod names;
mod plot;
mod show;
mod wire;

use crate::{Answer, Refusal};
use clap::Subcommand;
use log::{Fault, Log};
use std::path::{Path, PathBuf};

#[derive(Subcommand)]
pub(crate) enum Action {
    /// Print what was decided, when, why and with what effect
    Show {
        /// What HAKMEM_LEARN_LOG wrote
        log: PathBuf,
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

pub(crate) fn run(action: &Action) -> Result<Answer, Refusal> {
    match action {
        Action::Show { log } => {
            open(log).and_then(show::show).map(Answer::good).map_err(|fault| bad(log, &fault))
        }
        Action::Plot { log, output } => {
            let name = log.file_name().unwrap_or(log.as_os_str()).to_string_lossy();
            let picture = open(log).and_then(|log| plot::plot(log, &name));
            let picture = picture.map_err(|fault| bad(log, &fault))?;
            crate::write_file(output, picture.as_bytes())?;
            Ok(Answer::good(String::new()))
        }
    }
}

fn open(path: &Path) -> Result<Log<std::io::BufReader<std::fs::File>>, Fault> {
    Log::open(path)
}

fn bad(path: &Path, fault: &Fault) -> Refusal {
    Refusal::bad_input(format!("{}: {fault}", path.display()))
}
