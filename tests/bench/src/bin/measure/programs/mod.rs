//! Real programs, each run whole under a preloaded allocator.

pub(crate) mod compile;
mod python;
mod redis;
mod sqlite;

use std::path::PathBuf;

use hakmem_bench::workload::Unit;

use crate::allocators::Subject;
use crate::child::Ended;
use crate::samples::Sample;

/// A real program with a fixed task.
pub(crate) trait Program {
    fn name(&self) -> &'static str;
    fn about(&self) -> &'static str;

    fn unit(&self) -> Unit {
        Unit::Seconds
    }

    /// An error says what is not installed, and which Debian package brings it.
    fn ready(&self) -> Result<(), String>;

    /// One run; the scale is the part of a full run's work.
    fn run(&self, subject: &Subject, scale: f64) -> Result<Sample, String>;
}

/// All of them.
pub(crate) fn all() -> Vec<Box<dyn Program>> {
    vec![
        Box::new(redis::Redis),
        Box::new(python::Python),
        Box::new(compile::Compile),
        Box::new(sqlite::Sqlite),
    ]
}

/// A program in one of the folders of `PATH`.
pub(crate) fn installed(program: &str, package: &str) -> Result<PathBuf, String> {
    let path = std::env::var_os("PATH").unwrap_or_default();
    std::env::split_paths(&path)
        .map(|folder| folder.join(program))
        .find(|path| path.is_file())
        .ok_or_else(|| format!("{program} not found; on Debian: apt-get install {package}"))
}

/// A whole run as a sample.
fn timed(ended: &Ended) -> Sample {
    Sample { value: ended.wall, cpu: ended.cpu, peak_kib: ended.peak_kib as f64 }
}
