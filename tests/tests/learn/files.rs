//! Where the learner's files lie, and what becomes of what it writes.

use super::record::read;
use super::wrong::{fill, make_fifo, says};
use super::{ALONE, command_of, done, folder, settled, text};
use std::fs;
use std::os::unix::fs::MetadataExt;
use std::path::{Path, PathBuf};
use std::process::Command;

fn command(case: &str, settings: &[(&str, &str)]) -> Command {
    command_of("learn_files.c", case, settings)
}

#[test]
fn other_files_by_the_log_s_number_get_nothing() {
    let log = folder("closed").join("log");
    let own = [("HAKMEM_LEARN_LOG", text(&log)), ("RECORD", text(&log)), ALONE];
    let outcome = done(&mut command("descriptors_closed", &own), "closed");
    says(&outcome, &own, "cannot be written (error 9); the log ends");
    assert!(!read(&log).steps.is_empty());
}

#[test]
fn a_late_warning_goes_to_standard_error_and_nowhere_else() {
    let log = folder("late").join("log");
    let own = [("HAKMEM_LEARN_LOG", text(&log)), ("RECORD", text(&log)), ALONE];
    let outcome = done(&mut command("log_ends", &own), "late");
    says(&outcome, &own, "cannot be written (error 27); the log ends");
    let outcome = done(&mut command("log_ends_without_stderr", &own), "replaced");
    assert_eq!(outcome.stderr, "");
}

#[test]
fn a_warning_that_nobody_reads_is_not_waited_for() {
    let folder = folder("unread");
    let (log, fifo) = (folder.join("log"), folder.join("fifo"));
    make_fifo(&fifo);
    // For reading and writing, so that opening it waits for nobody.
    let pipe = fs::File::options().read(true).write(true).open(&fifo).expect("a pipe");
    fill(&pipe);
    let own = [("HAKMEM_LEARN_LOG", text(&log)), ("RECORD", text(&log)), ALONE];
    let case = command("log_ends", &own);
    let mut shell = hakmem_tests::child::preloaded("sh");
    shell.args(["-c", "exec \"$0\" log_ends 2>\"$FIFO\""]).arg(case.get_program());
    shell.env("FIFO", &fifo).envs(own);
    done(&mut shell, "a full pipe");
}

#[test]
fn a_thread_is_not_cancelled_in_the_learner() {
    let log = folder("cancelled").join("log");
    let own = [("HAKMEM_LEARN_LOG", text(&log)), ("RECORD", text(&log)), ALONE];
    let outcome = done(&mut command("log_ends_in_a_cancelled_thread", &own), "cancelled");
    says(&outcome, &own, "cannot be written (error 27); the log ends");
}

#[test]
fn a_policy_that_the_disk_does_not_keep_is_not_put_in_place() {
    let folder = folder("sync");
    let before = settled(&folder);
    let (policy, log) = (folder.join("policy"), folder.join("log"));
    let inode = || fs::metadata(&policy).expect("there").ino();
    let old = inode();
    let own = [
        ("HAKMEM_POLICY", text(&policy)),
        ("HAKMEM_LEARN_LOG", text(&log)),
        ("RECORD", text(&log)),
    ];
    let outcome = done(&mut command("no_sync", &own), "no sync");
    says(&outcome, &own, "cannot be written (error 5); it stays as it was");
    assert_eq!((inode(), fs::read_to_string(&policy).expect("a policy")), (old, before));
    assert_eq!(names(&folder), ["log", "policy"]);
}

fn names(folder: &Path) -> Vec<String> {
    let entries = fs::read_dir(folder).expect("readable");
    let name = |entry: std::io::Result<fs::DirEntry>| {
        entry.expect("an entry").file_name().into_string().expect("a name in UTF-8")
    };
    let mut names: Vec<String> = entries.map(name).collect();
    names.sort();
    names
}

/// Runs a program that goes elsewhere, with files of these names in the folder that it starts in.
fn started_in(folder: &Path, policy: &str, log: &str) -> PathBuf {
    let elsewhere = folder.join("elsewhere");
    fs::create_dir(&elsewhere).expect("writable");
    let mut shell = hakmem_tests::child::preloaded("sh");
    let script = "RECORD=\"$DIR/$$.log\"; export RECORD; exec \"$0\" goes_elsewhere";
    shell.args(["-c", script]).arg(command("", &[]).get_program()).current_dir(folder);
    shell.env("DIR", folder).env("ELSEWHERE", &elsewhere);
    shell.envs([("HAKMEM_POLICY", policy), ("HAKMEM_LEARN_LOG", log), ALONE]);
    assert_eq!(done(&mut shell, "elsewhere").stderr, "");
    elsewhere
}

#[test]
fn files_lie_where_the_program_started() {
    let folder = folder("elsewhere");
    settled(&folder);
    let inode = || fs::metadata(folder.join("policy")).expect("there").ino();
    let before = inode();
    let elsewhere = started_in(&folder, "policy", "%p.log");
    assert_eq!(names(&elsewhere), [""; 0]);
    assert_ne!(inode(), before, "the policy was not written");
    // The program's, its child's, the policy and the other folder.
    assert_eq!(names(&folder).len(), 4, "{:?}", names(&folder));
}

#[test]
fn a_directory_too_long_to_be_kept_is_warned_of() {
    let mut folder = folder("long");
    for _ in 0..5 {
        folder = folder.join("d".repeat(200));
    }
    fs::create_dir_all(&folder).expect("writable");
    for (name, words) in [
        ("HAKMEM_POLICY", "cannot be read (error 36); the default holds"),
        ("HAKMEM_LEARN_LOG", "cannot be opened (error 36); the log ends"),
    ] {
        let own = [(name, "file")];
        let mut command = super::command("some_time", &own);
        says(&done(command.current_dir(&folder), name), &own, words);
    }
    assert_eq!(names(&folder), [""; 0]);
}

/// What a program executes begins as any program does: with the same variables, and a number of its own
/// only if it was forked before.
#[test]
fn programs_that_are_executed_begin_a_log() {
    let folder = folder("exec");
    for (log, logs) in [("log", 1), ("%p", 2)] {
        let place = folder.join(format!("logs-{logs}"));
        fs::create_dir(&place).expect("writable");
        let mut shell = hakmem_tests::child::preloaded("sh");
        shell.args(["-c", "\"$0\" small; exec \"$0\" small"]);
        shell.arg(super::command("", &[]).get_program());
        shell.env("HAKMEM_LEARN_LOG", place.join(log));
        let outcome = hakmem_tests::child::run(&mut shell, super::LIMIT);
        assert_eq!((&*outcome.stdout, &*outcome.stderr), ("done\ndone\n", ""), "{log}");
        let names = names(&place);
        assert_eq!(names.len(), logs, "{names:?}");
        for name in names {
            // A header, and not that of the shell as well.
            let record = read(&place.join(name));
            assert!(record.steps.is_empty(), "{record:?}");
        }
    }
}
