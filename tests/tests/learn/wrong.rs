//! What may be wrong: one line says so, and the program runs on.

use super::{ALONE, LIMIT, command, folder, number, quiet, run, settled, summed, text};
use hakmem_tests::child::{self, Outcome};
use std::fs;
use std::io::{BufRead, BufReader, Read};
use std::process::Stdio;

/// Runs a case with a setting that it must warn of, in one line that has this in it.
fn warns(case: &str, settings: &[(&str, &str)], words: &str) {
    says(&run(case, settings), settings, words);
}

/// What was said is that line.
pub(crate) fn says(outcome: &Outcome, settings: &[(&str, &str)], words: &str) {
    let [line] = outcome.stderr.lines().collect::<Vec<_>>()[..] else {
        panic!("not one line on standard error: {settings:?} {outcome}");
    };
    let (name, value) = settings[0];
    let shown = &value[..value.len().min(20)];
    assert!(line.starts_with(&format!("hakmem: {name}={shown}")), "{line}");
    assert!(line.contains(words), "{line}");
}

#[test]
fn values_that_are_none() {
    let long = "x".repeat(1001);
    for (name, value, words) in [
        ("HAKMEM_LEARN", "nonsense", "expected off, on or freeze"),
        ("HAKMEM_LEARN", "", "expected off, on or freeze"),
        ("HAKMEM_LEARN_FIXED", "lists,nonsense", "expected any of lists"),
        ("HAKMEM_LEARN_LOG", "", "expected a path"),
        ("HAKMEM_LEARN_LOG", &long, "expected a path of 1 to 1000 bytes"),
        ("HAKMEM_POLICY", "", "expected a path"),
        ("HAKMEM_POLICY", &long, "expected a path of 1 to 1000 bytes"),
    ] {
        warns("small", &[(name, value)], words);
    }
    warns("small", &[("HAKMEM_LEARN_LOG", &"%p".repeat(500))], "cannot be opened");
}

#[test]
fn policies_that_are_none() {
    let folder = folder("wrong");
    let good = settled(&folder);
    let cpus = good.split("cpus=").nth(1).and_then(|rest| rest.split(' ').next()).expect("CPUs");
    let other = good.replace(&format!("cpus={cpus} "), "cpus=12345 ");
    let kept = format!("kept {}\n", number(&good, "kept"));
    let file = folder.join("policy");
    for (bytes, words) in [
        (&good[..good.len() / 2], "cut short"),
        ("", "cut short"),
        (&good.replace("policy 1\n", "policy 7\n"), "of version 7"),
        (&summed(&other), "another machine"),
        (&other, "changed since it was written"),
        (&summed(&good.replace(&kept, "kept 1\n")), "line 7: expected `kept`"),
        ("garbage\n", "not a policy file"),
        (&"\u{fffd}\0garbage".repeat(9999), "not a policy file"),
        (&(good.clone() + &" ".repeat(9999)), "longer than"),
    ] {
        fs::write(&file, bytes).expect("writable");
        for learn in ["on", "off", "freeze"] {
            let settings = [("HAKMEM_POLICY", text(&file)), ("HAKMEM_LEARN", learn)];
            warns("small", &settings, words);
        }
        // Long enough to learn something, and to write it.
        warns("some_time", &[("HAKMEM_POLICY", text(&file))], "the default holds");
        assert_eq!(fs::read(&file).expect("a file"), bytes.as_bytes(), "it was overwritten");
    }
}

#[test]
fn policies_that_are_no_file() {
    let folder = folder("no-file");
    for (path, words) in [
        (text(&folder), "cannot be read (error 21)"),
        ("/dev/null", "cut short"),
        ("/dev/zero", "not a policy file"),
        ("/dev/null/policy", "cannot be read (error 20)"),
    ] {
        warns("some_time", &[("HAKMEM_POLICY", path)], words);
    }
    let fifo = folder.join("fifo");
    make_fifo(&fifo);
    warns("some_time", &[("HAKMEM_POLICY", text(&fifo))], "cut short");
    let missing = folder.join("missing");
    for learn in ["off", "freeze"] {
        let settings = [("HAKMEM_POLICY", text(&missing)), ("HAKMEM_LEARN", learn)];
        warns("small", &settings, "there is no such file");
    }
    quiet("small", &[("HAKMEM_POLICY", text(&missing))]);
    // Nothing was learned.
    assert!(!missing.exists());
}

#[test]
fn a_policy_that_cannot_be_written() {
    let folder = folder("not-writable");
    settled(&folder);
    // The file that is written beside it would have too long a name.
    let policy = folder.join("p".repeat(250));
    fs::rename(folder.join("policy"), &policy).expect("writable");
    let log = folder.join("log");
    let own = [
        ("HAKMEM_POLICY", text(&policy)),
        ("HAKMEM_LEARN_LOG", text(&log)),
        ("RECORD", text(&log)),
    ];
    warns("some_steps", &own, "cannot be written (error 36)");
}

#[test]
fn logs_that_cannot_be_opened() {
    let folder = folder("no-log");
    let (fifo, below) = (folder.join("fifo"), folder.join("none/log"));
    make_fifo(&fifo);
    for (path, error) in
        [(text(&folder), 21), (text(&below), 2), ("/dev/null/log", 20), (text(&fifo), 6)]
    {
        let words = format!("cannot be opened (error {error}); the log ends");
        warns("some_time", &[("HAKMEM_LEARN_LOG", path)], &words);
    }
}

#[test]
fn a_full_disk_ends_the_log() {
    warns("some_time", &[("HAKMEM_LEARN_LOG", "/dev/full")], "cannot be written (error 28)");
}

/// At the limit the system sends a signal that would end the program.
#[test]
fn the_limit_of_a_file_ends_the_log() {
    let log = folder("limit").join("log");
    let mut command = child::preloaded("sh");
    command.args(["-c", "ulimit -f 1; exec \"$PROGRAM\" some_time"]);
    command.env("PROGRAM", hakmem_tests::compile::program("learn.c", &[]));
    command.env("HAKMEM_LEARN_LOG", &log).envs([ALONE]);
    let outcome = child::run(&mut command, LIMIT).expect_success("a limit");
    assert_eq!(outcome.stdout, "done\n");
    assert_eq!(outcome.stderr.lines().count(), 1, "{outcome}");
    assert!(outcome.stderr.contains("cannot be written (error 27); the log ends"), "{outcome}");
}

#[test]
fn a_log_whose_reader_goes_ends() {
    let fifo = folder("reader").join("fifo");
    make_fifo(&fifo);
    // For reading and writing, so that opening it waits for nobody.
    let pipe = fs::File::options().read(true).write(true).open(&fifo).expect("a pipe");
    let mut command = command("until_told", &[("HAKMEM_LEARN_LOG", text(&fifo)), ALONE]);
    command.stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::piped());
    let mut child = command.spawn().expect("it starts");
    let mut header = String::new();
    let mut reader = BufReader::new(pipe);
    reader.read_line(&mut header).expect("a header");
    assert!(header.starts_with("{\"hakmem\":\"learn\""), "{header}");
    drop(reader);
    let mut errors = BufReader::new(child.stderr.take().expect("a pipe"));
    let mut line = String::new();
    errors.read_line(&mut line).expect("a line");
    assert!(line.contains("cannot be written (error 32); the log ends"), "{line}");
    drop(child.stdin.take());
    assert!(child.wait().expect("it ends").success());
    let (mut rest, mut output) = (String::new(), String::new());
    errors.read_to_string(&mut rest).expect("text");
    child.stdout.take().expect("a pipe").read_to_string(&mut output).expect("text");
    assert_eq!((&*output, &*rest), ("done\n", ""));
}

#[test]
fn a_pipe_that_nobody_empties_ends_the_log() {
    let fifo = folder("full").join("fifo");
    make_fifo(&fifo);
    let pipe = fs::File::options().read(true).write(true).open(&fifo).expect("a pipe");
    fill(&pipe);
    let settings = [("HAKMEM_LEARN_LOG", text(&fifo))];
    warns("some_time", &settings, "cannot be written (error 11); the log ends");
}

pub(crate) fn make_fifo(path: &std::path::Path) {
    let path = std::ffi::CString::new(text(path)).expect("no zero byte");
    // SAFETY: a string.
    assert_eq!(unsafe { libc::mkfifo(path.as_ptr(), 0o600) }, 0);
}

/// Writes until the pipe takes no more.
pub(crate) fn fill(pipe: &fs::File) {
    use std::io::Write;
    use std::os::fd::AsRawFd;
    // SAFETY: the descriptor is open; only how it waits is changed.
    unsafe { libc::fcntl(pipe.as_raw_fd(), libc::F_SETFL, libc::O_NONBLOCK) };
    let mut pipe = pipe;
    while pipe.write(&[b' '; 4096]).is_ok() {}
    while pipe.write(b" ").is_ok() {}
}
