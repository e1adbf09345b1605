//! The system's C++ compiler on a file that is heavy on templates.

use std::path::Path;
use std::process::Command;

use crate::allocators::Subject;
use crate::child::{run, under};
use crate::programs::{Program, installed, timed};
use crate::samples::Sample;

pub(crate) struct Compile;

impl Program for Compile {
    fn name(&self) -> &'static str {
        "c++"
    }

    fn about(&self) -> &'static str {
        "g++ -O2 on one file heavy on templates; peak of the compiler proper"
    }

    fn ready(&self) -> Result<(), String> {
        installed("g++", "g++").map(drop)
    }

    /// One compilation, whatever the scale.
    fn run(&self, subject: &Subject, _: f64) -> Result<Sample, String> {
        Ok(timed(&run(&mut command(subject)?)?))
    }
}

/// The compilation under an allocator.
pub(crate) fn command(subject: &Subject) -> Result<Command, String> {
    let source = Path::new(env!("CARGO_MANIFEST_DIR")).join("programs/templates.cpp");
    let mut command = under(installed("g++", "g++")?, subject);
    command.args(["-std=c++17", "-O2", "-pipe", "-S", "-o", "/dev/null"]).arg(source);
    Ok(command)
}
