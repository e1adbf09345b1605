//! `cargo measure hot`: instructions of a call, from entry to return, counted by callgrind.

use std::collections::BTreeSet;
use std::path::Path;
use std::process::Command;

use hakmem_bench::hot::{BLOCKS, NO_ALLOC, NO_FREE};

use crate::allocators::{self, Found, Subject};
use crate::child::{run as run_child, under};
use crate::cli::{Cli, HotArgs, Side};
use crate::machine::Machine;
use crate::table::Table;

/// Rounds of the shorter run; the longer one has twice as many, and only the difference counts.
const ROUNDS: u64 = 500;

/// A function whose instructions are counted.
struct HotPath {
    /// As printed.
    name: &'static str,
    side: Side,
    /// The worker's word for the functions to call, and for those that do nothing.
    calls: &'static str,
    nothing: &'static str,
    /// The loop inside which instructions are counted.
    region: &'static str,
    /// Instructions of the function that does nothing.
    empty: f64,
}

const ALLOCS: &str = "bench_hot_allocs";
const FREES: &str = "bench_hot_frees";
const SIZED_FREES: &str = "bench_hot_sized_frees";

#[rustfmt::skip] // a table
const PATHS: [HotPath; 7] = [
    HotPath { name: "alloc(Layout)", side: Side::Rust, calls: "layout", nothing: "none", region: ALLOCS, empty: NO_ALLOC },
    HotPath { name: "dealloc(Layout)", side: Side::Rust, calls: "layout", nothing: "none", region: FREES, empty: NO_FREE },
    HotPath { name: "malloc", side: Side::Preload, calls: "malloc", nothing: "none", region: ALLOCS, empty: NO_ALLOC },
    HotPath { name: "free", side: Side::Preload, calls: "malloc", nothing: "none", region: FREES, empty: NO_FREE },
    HotPath { name: "free_sized", side: Side::Preload, calls: "free_sized", nothing: "none-sized", region: SIZED_FREES, empty: NO_FREE },
    HotPath { name: "new", side: Side::Preload, calls: "new", nothing: "none-sized", region: ALLOCS, empty: NO_ALLOC },
    HotPath { name: "sized delete", side: Side::Preload, calls: "new", nothing: "none-sized", region: SIZED_FREES, empty: NO_FREE },
];

/// Prints a table for each side.
pub(crate) fn run(cli: &Cli, args: &HotArgs) -> Result<bool, String> {
    Command::new("valgrind")
        .arg("--version")
        .output()
        .map_err(|_| "valgrind not found; on Debian: apt-get install valgrind".to_owned())?;
    println!("# Instructions of the hot paths\n\n{}\n", Machine::here().line());
    println!("From entry to return, by callgrind, a block of the calling thread, its list warm.\n");
    for &side in cli.side.each() {
        let Found { subjects, missing } = allocators::find(side, cli)?;
        let names = subjects.iter().map(|subject| subject.name.clone());
        let mut table =
            Table::new(["call".to_owned(), "size".to_owned()].into_iter().chain(names).collect());
        let mut notes = BTreeSet::new();
        for path in PATHS.iter().filter(|path| path.side == side) {
            for &size in &args.sizes {
                let mut cells = vec![path.name.to_owned(), size.to_string()];
                cells.extend(subjects.iter().map(|subject| cell(path, size, subject, &mut notes)));
                table.row(cells);
            }
        }
        println!(
            "## {}\n\n{}",
            if side == Side::Rust { "Rust" } else { "C, preloaded" },
            table.text()
        );
        for note in missing.into_iter().chain(notes) {
            println!("- {note}");
        }
        println!();
    }
    Ok(true)
}

fn cell(path: &HotPath, size: usize, subject: &Subject, notes: &mut BTreeSet<String>) -> String {
    match instructions(path, size, subject) {
        Ok(count) => format!("{count:.1}"),
        Err(error) => {
            notes.insert(format!("{}, {}: {error}", subject.name, path.name));
            "-".to_owned()
        }
    }
}

/// Instructions of one call.
fn instructions(path: &HotPath, size: usize, subject: &Subject) -> Result<f64, String> {
    let grown = |calls: &str| {
        let short = count(path.region, calls, size, ROUNDS, subject)?;
        let long = count(path.region, calls, size, 2 * ROUNDS, subject)?;
        Ok::<_, String>((long as f64 - short as f64) / (ROUNDS * BLOCKS as u64) as f64)
    };
    Ok(grown(path.calls)? - grown(path.nothing)? + path.empty)
}

/// Instructions inside the region in a whole run.
fn count(
    region: &str,
    calls: &str,
    size: usize,
    rounds: u64,
    subject: &Subject,
) -> Result<u64, String> {
    let file = std::env::temp_dir().join(format!("hakmem-callgrind-{}", std::process::id()));
    let result = callgrind(&file, region, calls, size, rounds, subject);
    let _ = std::fs::remove_file(&file);
    result
}

fn callgrind(
    file: &Path,
    region: &str,
    calls: &str,
    size: usize,
    rounds: u64,
    subject: &Subject,
) -> Result<u64, String> {
    let mut command = under("valgrind", subject);
    command.args(["--tool=callgrind", "--quiet", "--collect-atstart=no"]);
    command.arg(format!("--toggle-collect={region}"));
    command.arg(format!("--callgrind-out-file={}", file.display()));
    command.arg(&subject.worker).args(["hot", calls, &size.to_string(), &rounds.to_string()]);
    run_child(&mut command)?;
    let text =
        std::fs::read_to_string(file).map_err(|error| format!("no callgrind output: {error}"))?;
    let line = text
        .lines()
        .find_map(|line| line.strip_prefix("totals:").or(line.strip_prefix("summary:")));
    line.and_then(|count| count.trim().parse().ok())
        .filter(|&count| count > 0)
        .ok_or_else(|| "callgrind counted nothing".to_owned())
}
