//! `cargo measure`: builds the workers, runs every workload under every allocator in turn for
//! several rounds, and prints the tables. `cargo measure hot` counts instructions instead, `cargo
//! measure release` shows how memory goes back, `cargo measure kernel` puts allocators of kernels on
//! one fixed region, `cargo measure learner` puts the learner beside static policies.

mod allocators;
mod builds;
mod child;
mod cli;
mod hot;
mod kernel;
mod learner;
mod machine;
mod programs;
mod release;
mod report;
mod samples;
mod server;
mod suite;
mod table;

use std::process::ExitCode;

use clap::Parser;

use cli::{Cli, Command};

fn main() -> ExitCode {
    let cli = Cli::parse();
    let result = match &cli.command {
        Some(Command::Hot(args)) => hot::run(&cli, args),
        Some(Command::Kernel(args)) => kernel::run(&cli, args),
        Some(Command::Learner(args)) => learner::run(&cli, args),
        Some(Command::Release(args)) => release::run(&cli, args),
        None if cli.list => {
            suite::list();
            Ok(true)
        }
        None => suite::run(&cli),
    };
    match result {
        Ok(true) => ExitCode::SUCCESS,
        Ok(false) => ExitCode::FAILURE,
        Err(error) => {
            eprintln!("measure: {error}");
            ExitCode::from(2)
        }
    }
}
