//! CPython, with its own small-object allocator switched off, so that every object is a `malloc`.

use crate::allocators::Subject;
use crate::child::{run, under};
use crate::programs::{Program, installed, timed};
use crate::samples::Sample;

/// Builds and drops dictionaries, lists, strings, JSON; checks what it built.
const SCRIPT: &str = include_str!("../../../../programs/objects.py");

pub(crate) struct Python;

impl Program for Python {
    fn name(&self) -> &'static str {
        "python3"
    }

    fn about(&self) -> &'static str {
        "CPython with PYTHONMALLOC=malloc: JSON, dictionaries, strings, objects"
    }

    fn ready(&self) -> Result<(), String> {
        installed("python3", "python3").map(drop)
    }

    fn run(&self, subject: &Subject, scale: f64) -> Result<Sample, String> {
        let mut command = under(installed("python3", "python3")?, subject);
        command.env("PYTHONMALLOC", "malloc").env("PYTHONHASHSEED", "0");
        let ended = run(command.args(["-c", SCRIPT, &scale.to_string()]))?;
        Ok(timed(&ended))
    }
}
