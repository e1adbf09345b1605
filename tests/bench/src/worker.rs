//! The main function of every worker: `worker NAME [SCALE]` runs one workload and prints one JSON
//! line; `worker hot CALL SIZE ROUNDS` is the program that callgrind counts (see [`crate::hot`]);
//! `worker release SCENARIO ARGS` shows how memory goes back (see `crate::release`); `worker learner
//! SCENARIO ARGS` changes while it runs (see `crate::learner`).

use std::io::Write;

use crate::alloc::Alloc;
use crate::memory;
use crate::workload::{Scale, catalog};

/// Runs what the command line names, on the allocator `A`.
pub fn main<A: Alloc>() {
    let mut args = std::env::args().skip(1);
    let name = args.next().unwrap_or_default();
    if name == "hot" {
        crate::hot::main(args);
        return;
    }
    if name == "release" {
        crate::release::main::<A>(args);
        return;
    }
    if name == "learner" {
        crate::learner::main::<A>(args);
        return;
    }
    let scale = match args.next().map(|text| text.parse::<f64>()) {
        None => Scale(1.0),
        Some(Ok(scale)) if scale > 0.0 => Scale(scale),
        Some(_) => fail("the scale is a number above 0"),
    };
    let Some(load) = catalog::<A>().into_iter().find(|load| load.name == name) else {
        fail("usage: worker WORKLOAD [SCALE]");
    };
    A::prepare();
    let outcome = (load.run)(scale);
    let peak = outcome.resident_kib.or_else(memory::peak_kib).unwrap_or(0);
    println!(
        "{{\"count\":{},\"wall\":{},\"cpu\":{},\"peak_kib\":{peak}}}",
        outcome.count, outcome.took.wall, outcome.took.cpu
    );
}

/// Prints a line for the user and ends with status 2.
pub(crate) fn fail(text: &str) -> ! {
    let _ = writeln!(std::io::stderr(), "worker: {text}");
    std::process::exit(2);
}
