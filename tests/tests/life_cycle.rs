//! The heap at the edges of a process's life: before main and after it, at the end of threads,
//! across fork, and when a fatal signal comes.

use hakmem_tests::child::{self, Outcome};
use hakmem_tests::compile;
use std::process::Command;

fn run(command: &mut Command, what: &str) -> Outcome {
    let outcome = child::run_small(command).expect_success(what);
    assert_eq!(outcome.stderr, "", "{what}");
    outcome
}

#[test]
fn before_main_around_dlopen_and_after_main() {
    let program = compile::program("start.c", &[]);
    let plugin = compile::program("plugin.c", &["-shared", "-fPIC"]);
    let outcome = run(child::preloaded(program).arg(plugin), "start.c");
    assert_eq!(outcome.stdout, "main\natexit\ndestructor\n");
}

#[test]
fn last_destructors_of_a_thread_use_the_heap() {
    let program = compile::program("last_destructors.cc", &[]);
    let outcome = run(&mut child::preloaded(program), "last_destructors.cc");
    assert_eq!(outcome.stdout, "done\n");
}

/// What it takes where the heap grows and gives back, which is where it takes most; the smallest stacks have
/// 16 KiB. Without the learner's steps, which `learn` looks at.
#[test]
fn a_thread_s_stack_may_be_small() {
    const MOST: usize = 10 << 10;
    let program = compile::program("stack.c", &[]);
    for background in ["off", "on"] {
        let settings = [("HAKMEM_LEARN", "off"), ("HAKMEM_BACKGROUND", background)];
        let fixed = [("LD_BIND_NOW", "1")];
        let mut command = child::preloaded(&program);
        let outcome = run(command.envs(settings).envs(fixed), "stack.c");
        let used = outcome.stdout.trim().parse().ok();
        let used: usize = used.unwrap_or_else(|| panic!("no number of bytes: {outcome}"));
        assert!(
            used > 1 << 10 && used <= MOST,
            "{used} bytes with a background thread {background}"
        );
    }
}

/// Once all is freed and purged, and nothing is on its way, what is mapped is tables, and what the program
/// itself still holds: a superslab or two.
#[test]
fn fork_in_a_threaded_parent() {
    let program = compile::program("fork.c", &[]);
    for arguments in [&["fork"][..], &["fork", "ends"]] {
        let outcome = run(child::preloaded(&program).args(arguments), "fork");
        assert!(outcome.stdout.ends_with("done\n"), "{outcome}");
        let mapped = outcome.stdout.lines().next().and_then(|line| line.parse().ok());
        let mapped: usize = mapped.unwrap_or_else(|| panic!("no number of bytes: {outcome}"));
        assert!(mapped < 8 << 20, "{mapped} bytes are left");
    }
}

#[test]
fn vfork_and_spawn_in_a_threaded_parent() {
    let program = compile::program("fork.c", &[]);
    let outcome = run(child::preloaded(program).arg("spawn"), "spawn");
    assert!(outcome.stdout.ends_with("done\n"), "{outcome}");
}

#[test]
fn short_threads_leave_nothing_behind() {
    let program = compile::program("short_threads.c", &[]);
    let outcome = run(&mut child::preloaded(program), "short_threads.c");
    let resident: Vec<i64> =
        outcome.stdout.split_whitespace().map(|n| n.parse().expect("a number of KiB")).collect();
    let [early, late] = resident[..] else { panic!("{outcome}") };
    // 1 KiB a thread would be 8 MiB by then.
    assert!(late - early < 8 * 1024, "resident memory grew from {early} to {late} KiB");
}

/// Runs `crash.c`; checks the one line of `HAKMEM_CRASH=1` and gives it and the outcome.
fn crash(arguments: &[&str], signal: &str) -> (String, Outcome) {
    let program = compile::program("crash.c", &[]);
    let mut command = child::preloaded(program);
    let outcome = child::run_small(command.args(arguments).env("HAKMEM_CRASH", "1"));
    assert!(!outcome.stdout.contains("survived"), "{arguments:?}: {outcome}");
    let [line] = outcome.stderr.lines().collect::<Vec<_>>()[..] else {
        panic!("{arguments:?}: not one line on standard error: {outcome}");
    };
    assert!(line.starts_with("hakmem: "), "{arguments:?}: {line}");
    assert!(line.contains(signal), "{arguments:?}: {line}");
    if let Some(address) = outcome.stdout.lines().find(|line| line.starts_with("0x")) {
        assert!(line.contains(address), "{arguments:?}: {address} is not in: {line}");
    }
    (line.to_owned(), outcome)
}

#[test]
fn a_crash_names_signal_and_address_and_then_kills() {
    for (how, name, signal) in [
        ("null", "SIGSEGV", libc::SIGSEGV),
        ("bus", "SIGBUS", libc::SIGBUS),
        ("abort", "SIGABRT", libc::SIGABRT),
    ] {
        let (_, outcome) = crash(&[how], name);
        assert_eq!(outcome.signal(), Some(signal), "{how}: {outcome}");
    }
}

#[test]
fn a_crash_runs_the_handler_that_was_there_before() {
    for (how, name) in [("null", "SIGSEGV"), ("bus", "SIGBUS"), ("abort", "SIGABRT")] {
        let (_, outcome) = crash(&[how, "handler"], name);
        assert_eq!(outcome.status.code(), Some(3), "{how}: {outcome}");
        assert!(outcome.stdout.ends_with("own handler\n"), "{how}: {outcome}");
    }
}

#[test]
fn a_crash_says_what_the_address_lies_in() {
    for (how, words) in [
        ("small_live", ["slab", "live"]),
        ("small_free", ["slab", "free"]),
        ("span", ["span", "live"]),
        ("large", ["large", "live"]),
    ] {
        let (line, _) = crash(&[how], "SIGSEGV");
        for word in words {
            assert!(line.contains(word), "{how}: {word} is not in: {line}");
        }
    }
}

#[test]
fn without_the_variable_a_crash_is_silent() {
    let program = compile::program("crash.c", &[]);
    let outcome = child::run_small(child::preloaded(program).arg("null"));
    assert_eq!(outcome.signal(), Some(libc::SIGSEGV), "{outcome}");
    assert_eq!(outcome.stderr, "");
}

#[test]
fn statistics_are_printed_at_exit_when_asked_for() {
    let program = compile::program("hello.c", &[]);
    let mut command = child::preloaded(&program);
    let outcome = child::run_small(command.arg("you").env("HAKMEM_STATS", "1"));
    assert_eq!(outcome.stdout, "hello you\n");
    has_table(&outcome.stderr);
    let outcome = child::run_small(child::preloaded(&program).env("HAKMEM_STATS", "0"));
    assert_eq!(outcome.stderr, "");
}

/// The table of `--stats`: a header, memory, layers, stages and faults.
fn has_table(text: &str) {
    for word in ["hakmem", "peak", "slabs", "spans", "large", "stage", "faults"] {
        assert!(text.contains(word), "no {word} in the table:\n{text}");
    }
    assert!((5..=120).contains(&text.lines().count()), "not a short table:\n{text}");
}

mod command {
    use super::has_table;
    use hakmem_tests::child::{self, Outcome};
    use hakmem_tests::{artefacts, compile, find};
    use std::fs::{self, Permissions};
    use std::os::unix::fs::{PermissionsExt, chown};
    use std::path::PathBuf;

    fn hakmem(arguments: &[&str]) -> Outcome {
        child::run_small(child::plain(artefacts::command()).args(arguments))
    }

    fn path(program: &std::path::Path) -> &str {
        program.to_str().expect("a path in UTF-8")
    }

    #[test]
    fn run_preloads_its_own_library_and_passes_on_the_exit_code() {
        let program = compile::program("hello.c", &[]);
        for dashes in [&["run"][..], &["run", "--"]] {
            let outcome = hakmem(&[dashes, &[path(&program), "--stats", "7"]].concat());
            assert_eq!(outcome.status.code(), Some(7), "{outcome}");
            assert_eq!(outcome.stdout, "hello --stats\n");
            assert_eq!(outcome.stderr, "");
        }
        let outcome = hakmem(&["run", "cat", "/proc/self/maps"]).expect_success("cat");
        assert!(outcome.stdout.contains("/libhakmem.so"), "{outcome}");
    }

    #[test]
    fn run_passes_on_a_fatal_signal() {
        let program = compile::program("crash.c", &[]);
        let outcome = hakmem(&["run", path(&program), "abort"]);
        let code = outcome.status.code();
        let by_shell_rules = code == Some(128 + libc::SIGABRT);
        assert!(outcome.signal() == Some(libc::SIGABRT) || by_shell_rules, "{outcome}");
    }

    #[test]
    fn run_with_stats_prints_a_table() {
        let program = compile::program("hello.c", &[]);
        let outcome = hakmem(&["run", "--stats", "--", path(&program), "you"]);
        assert_eq!(outcome.stdout, "hello you\n");
        has_table(&outcome.stderr);
    }

    #[test]
    fn run_keeps_what_was_preloaded_already() {
        let plugin = compile::program("plugin.c", &["-shared", "-fPIC"]);
        let mut command = child::plain(artefacts::command());
        command.args(["run", "cat", "/proc/self/maps"]).env("LD_PRELOAD", &plugin);
        let outcome = child::run_small(&mut command).expect_success("cat");
        assert!(outcome.stdout.contains("/libhakmem.so"), "{outcome}");
        assert!(outcome.stdout.contains("plugin_c"), "{outcome}");
    }

    #[test]
    fn a_program_that_is_not_there_is_named() {
        let outcome = hakmem(&["run", "/no/such/program"]);
        assert_eq!(outcome.status.code(), Some(127), "{outcome}");
        assert!(outcome.stderr.contains("/no/such/program"), "{outcome}");
    }

    #[test]
    fn wrong_usage_is_explained() {
        for arguments in [&[][..], &["run"], &["run", "--no-such-option", "true"], &["nonsense"]] {
            let outcome = hakmem(arguments);
            assert_eq!(outcome.status.code(), Some(2), "{arguments:?}: {outcome}");
            assert!(outcome.stderr.contains("Usage: hakmem"), "{arguments:?}: {outcome}");
        }
    }

    #[test]
    fn a_static_program_gets_a_clear_message() {
        let program = compile::program("hello.c", &["-static"]);
        let outcome = hakmem(&["run", path(&program)]);
        let messages = outcome.messages();
        assert!(messages.iter().any(|line| line.contains("static")), "{outcome}");
    }

    /// A program that runs as somebody else, so that the dynamic linker ignores `LD_PRELOAD`.
    fn setuid_program() -> PathBuf {
        // SAFETY: asks for a number.
        if unsafe { libc::geteuid() } != 0 {
            // Every system has one of these, and it belongs to root.
            return find::program("su").expect("su is installed");
        }
        let program = artefacts::scratch("setuid").join("hello");
        fs::copy(compile::program("hello.c", &[]), &program).expect("a file can be copied");
        const NOBODY: u32 = 65534;
        chown(&program, Some(NOBODY), None).expect("root may");
        fs::set_permissions(&program, Permissions::from_mode(0o4755)).expect("root may");
        program
    }

    #[test]
    fn a_setuid_program_gets_a_clear_message() {
        let outcome = hakmem(&["run", path(&setuid_program()), "--help"]);
        let messages = outcome.messages();
        assert!(messages.iter().any(|line| line.contains("set-user-ID")), "{outcome}");
    }
}
