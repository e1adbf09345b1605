//! The page that leads from an empty crate to a kernel: its files are taken from it as they stand there,
//! and must make a kernel that boots and prints what the page says.

use crate::machine::{LIMIT, qemu};
use hakmem_tests::harness::Verdict;
use hakmem_tests::{artefacts, child};
use std::fs;
use std::path::Path;

/// The page's path to hakmem, which is another here.
const HAKMEM: &str = "../hakmem/";

/// A file of the page: its name, between backticks at the start of a line with a colon behind them, and the
/// text of the block that follows.
fn files(page: &str) -> Vec<(&str, String)> {
    let mut lines = page.lines();
    let mut found = Vec::new();
    while let Some(line) = lines.next() {
        let name = line.strip_prefix('`').and_then(|rest| rest.split_once("`: "));
        if let Some((name, _)) = name {
            let block = lines.by_ref().skip_while(|line| !line.starts_with("```")).skip(1);
            let text = block.take_while(|line| *line != "```").flat_map(|line| [line, "\n"]);
            found.push((name, text.collect()));
        }
    }
    found
}

/// What the page shows as printed: the lines below the last command.
fn promised(page: &str) -> Vec<&str> {
    let run = page.rsplit_once("$ cargo run").map_or("", |(_, after)| after);
    run.lines().skip(1).take_while(|line| *line != "```").collect()
}

pub(crate) fn a_kernel_as_the_page_has_it() -> Verdict {
    if let Err(reason) = qemu() {
        return Verdict::Skipped(reason);
    }
    let page = fs::read_to_string(artefacts::package().join("kernel/README.md"));
    let page = page.expect("the page is there");
    let crate_dir = artefacts::scratch("first-kernel");
    let files = files(&page);
    assert!(files.len() >= 5, "the page's files were not found");
    for (name, text) in files {
        write(&crate_dir, name, &text);
    }
    // The versions that everything else here is tested with, without asking for newer ones.
    let lock = artefacts::workspace().join("Cargo.lock");
    fs::copy(lock, crate_dir.join("Cargo.lock")).expect("the lock file can be copied");

    let cargo = std::env::var_os("CARGO").expect("cargo runs the tests");
    let mut command = child::plain(cargo);
    command.current_dir(&crate_dir).args(["run", "--release", "--offline"]);
    command.env("CARGO_TARGET_DIR", artefacts::target_dir().join("first-kernel"));
    let outcome = child::run(&mut command, LIMIT).expect_success("the page's kernel");
    let promised = promised(&page);
    assert!(!promised.is_empty(), "the page promises nothing");
    for line in promised {
        assert!(outcome.stdout.contains(line), "no \"{line}\" in {outcome}");
    }
    Verdict::Passed
}

fn write(crate_dir: &Path, name: &str, text: &str) {
    let path = crate_dir.join(name);
    let dir = path.parent().expect("a file lies in a folder");
    let root = format!("{}/", artefacts::workspace().display());
    let mut text = text.replace(HAKMEM, &root);
    if name == "Cargo.toml" {
        // The target folder may lie in hakmem's own workspace, and the crate is no part of that.
        text.push_str("\n[workspace]\n");
    }
    fs::create_dir_all(dir).expect("a folder can be made");
    fs::write(&path, text).expect("a file can be written");
}
