//! Running one program twice, with the library and without.

use hakmem_tests::child::{self, Outcome};
use hakmem_tests::{artefacts, find};
use std::path::{Path, PathBuf};
use std::process::Command;
use std::time::Duration;

/// No real program here takes longer; one that does hangs.
pub(crate) const LIMIT: Duration = Duration::from_secs(400);

/// The path of an installed program, or why the case is skipped.
pub(crate) fn installed(program: &str) -> Result<PathBuf, String> {
    find::program(program).ok_or_else(|| format!("{program} is not installed"))
}

/// Runs `program` with the library and then without. Both must succeed and print the same, and
/// hakmem must have served the process called `process`, which `program` may be or may start.
/// `prepare` is called before each run with the command and a fresh directory to run in.
pub(crate) fn same_output(
    program: &Path,
    process: &str,
    mut prepare: impl FnMut(&mut Command, &Path),
) {
    let with = one(child::preloaded(program), "with", &mut prepare);
    assert_served(&with, process);
    let without = one(child::plain(program), "without", &mut prepare);
    assert!(!without.stdout.is_empty(), "no output to compare: {without}");
    assert!(with.stdout == without.stdout, "--- with hakmem {with}\n--- without {without}");
}

fn one(mut command: Command, name: &str, prepare: impl FnOnce(&mut Command, &Path)) -> Outcome {
    let dir = fresh_dir(name);
    command.current_dir(&dir);
    if name == "with" {
        command.env("HAKMEM_STATS", "1");
    }
    prepare(&mut command, &dir);
    let what = command.get_program().to_string_lossy().into_owned();
    child::run(&mut command, LIMIT).expect_success(&what)
}

/// An empty directory.
pub(crate) fn fresh_dir(name: &str) -> PathBuf {
    let dir = artefacts::scratch("programs").join(name);
    // It may not be there yet.
    let _ = std::fs::remove_dir_all(&dir);
    std::fs::create_dir_all(&dir).expect("the target directory is writable");
    dir
}

/// Checks by the title of the table printed at exit that hakmem served `process`.
fn assert_served(outcome: &Outcome, process: &str) {
    if artefacts::is_hakmem() {
        let served = outcome.messages().iter().any(|line| line.contains(process));
        assert!(served, "hakmem did not serve {process}: {outcome}");
    }
}

/// Checks that the library is mapped in a process, given the text of its maps.
pub(crate) fn assert_mapped(maps: &str) {
    let library = artefacts::library();
    let name = library.file_name().expect("a library has a name").to_string_lossy();
    assert!(maps.contains(&*name), "{name} was not loaded:\n{maps}");
}
