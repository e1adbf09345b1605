//! The thread that gives memory back, in programs of C: when it comes and rests, what it returns, and
//! how processes fork and end beside it.

use hakmem_tests::child::{self, Outcome};
use hakmem_tests::{artefacts, compile};
use std::path::PathBuf;
use std::time::Duration;

/// The cases wait for what must come true, on machines that are busy with other tests.
const LIMIT: Duration = Duration::from_secs(300);

fn run(source: &str, arguments: &[&str], settings: &[(&str, &str)]) -> Outcome {
    let mut command = child::preloaded(compile::linked(source, &[]));
    child::run(command.args(arguments).envs(settings.iter().copied()), LIMIT)
        .expect_success(&format!("{source} {arguments:?} {settings:?}"))
}

fn quiet(case: &str, settings: &[(&str, &str)]) -> Outcome {
    let outcome = run("background.c", &[case], settings);
    assert_eq!(outcome.stderr, "", "{case} {settings:?}");
    outcome
}

const ON: (&str, &str) = ("HAKMEM_BACKGROUND", "on");
const AUTO: (&str, &str) = ("HAKMEM_BACKGROUND", "auto");
const OFF: (&str, &str) = ("HAKMEM_BACKGROUND", "off");
const FAST: (&str, &str) = ("HAKMEM_DECAY", "20");

#[test]
fn a_program_of_one_thread_stays_one() {
    for settings in [&[][..], &[AUTO], &[OFF]] {
        quiet("alone_no_thread_comes", settings);
    }
}

#[test]
fn it_comes_in_a_program_of_one_thread_when_asked_for() {
    quiet("alone_a_thread_comes_with_growth", &[ON]);
}

#[test]
fn it_comes_in_a_program_of_several_threads() {
    for settings in [&[][..], &[ON], &[AUTO, FAST]] {
        quiet("a_thread_comes", settings);
    }
    quiet("a_thread_comes_beside_heapless_ones", &[]);
    quiet("a_thread_comes_with_threads", &[]);
}

#[test]
fn only_one_comes() {
    for settings in [&[][..], &[ON]] {
        quiet("only_one_comes", settings);
    }
}

#[test]
fn it_never_comes_when_off() {
    quiet("no_thread_comes", &[OFF]);
    quiet("no_thread_comes", &[("HAKMEM_DECAY", "off"), ON]);
}

#[test]
fn a_user_namespace_can_be_entered_unless_the_thread_was_asked_for() {
    let program = compile::linked("background.c", &[]);
    let case = "unshare_after_growth";
    let plain = child::run_small(child::plain("unshare").args(["--user", "true"]));
    if !plain.status.success() {
        eprintln!("skipped: this machine forbids user namespaces: {plain}");
        return;
    }
    for (settings, word) in [(&[][..], "done\n"), (&[OFF], "done\n"), (&[ON], "EINVAL\n")] {
        let outcome =
            child::run(child::preloaded(&program).arg(case).envs(settings.iter().copied()), LIMIT);
        assert_eq!(outcome.stdout, word, "{settings:?}: {outcome}");
    }
}

/// Pythons from 3.12 on warn when a process with several threads forks.
#[test]
fn python_forks_without_a_warning() {
    let script = "
import os, sys
block = bytearray(64 << 20)
names = [str(i) for i in range(200000)]
child = os.fork()
if child == 0:
    os._exit(0)
assert os.waitpid(child, 0)[1] == 0
print(len(os.listdir('/proc/self/task')), sys.version_info >= (3, 12))
";
    let python = |settings: &[(&str, &str)]| {
        let mut command = child::preloaded("python3");
        command.args(["-W", "error", "-c", script]).envs(settings.iter().copied());
        child::run(&mut command, LIMIT)
    };
    let outcome = python(&[]).expect_success("python");
    assert_eq!(outcome.stderr, "");
    assert!(outcome.stdout.starts_with("1 "), "{outcome}");
    let asked = python(&[ON]);
    if outcome.stdout.ends_with("True\n") {
        assert!(asked.stderr.contains("DeprecationWarning"), "{asked}");
    } else {
        assert!(asked.stdout.starts_with("2 "), "{asked}");
    }
}

#[test]
fn it_blocks_signals_and_rests() {
    quiet("it_blocks_signals_and_rests", &[FAST]);
}

#[test]
fn memory_returns_out_of_the_lists_of_sleeping_threads() {
    quiet("memory_returns", &[FAST]);
}

#[test]
fn without_decay_memory_stays_until_a_trim() {
    quiet("memory_stays_until_a_trim", &[("HAKMEM_DECAY", "off")]);
}

#[test]
fn children_of_forks_start_their_own() {
    quiet("a_child_starts_its_own", &[]);
    quiet("no_thread_comes_in_a_fork_handler", &[ON]);
    quiet("no_thread_comes_in_a_vfork_child", &[ON]);
}

/// Awake, at rest, or in a pause of an hour.
#[test]
fn it_never_keeps_a_process_from_its_end() {
    let hour = ("HAKMEM_DECAY", "3600000");
    for (arguments, settings) in [
        (&[][..], &[FAST][..]),
        (&[], &[]),
        (&[], &[hour]),
        (&["rests"], &[FAST]),
        (&["rests"], &[hour]),
        (&["silent"], &[FAST]),
        (&["silent"], &[hour]),
        (&["silent", "rests"], &[FAST]),
        (&["alone"], &[ON, hour]),
        (&["alone", "rests"], &[ON, FAST]),
    ] {
        let outcome = run("last_thread.c", arguments, settings);
        assert_eq!(outcome.stdout, "exit handlers\n", "{arguments:?} {settings:?}");
        assert_eq!(outcome.stderr, "", "{arguments:?} {settings:?}");
    }
}

#[test]
fn a_broken_value_is_warned_of_once_and_the_default_holds() {
    for (name, value) in [
        ("HAKMEM_DECAY", "-1"),
        ("HAKMEM_DECAY", "0"),
        ("HAKMEM_DECAY", "99999999999"),
        ("HAKMEM_DECAY", "3600001"),
        ("HAKMEM_DECAY", "abc"),
        ("HAKMEM_DECAY", "1.5"),
        ("HAKMEM_DECAY", ""),
        ("HAKMEM_BACKGROUND", "maybe"),
        ("HAKMEM_BACKGROUND", ""),
    ] {
        let outcome = run("background.c", &["a_thread_comes"], &[(name, value)]);
        let [line] = outcome.stderr.lines().collect::<Vec<_>>()[..] else {
            panic!("{name}={value}: not one line on standard error: {outcome}");
        };
        assert!(line.starts_with(&format!("hakmem: {name}={value}: expected")), "{line}");
    }
    for value in ["1", "50", "3600000"] {
        quiet("a_thread_comes", &[("HAKMEM_DECAY", value)]);
    }
}

/// A made folder with the control group of the process; `/` where nothing else is said.
fn made(name: &str, files: &[(&str, &str)]) -> PathBuf {
    let root = artefacts::scratch(&format!("root-{name}"));
    let mount = "30 23 0:26 / /sys/fs/cgroup rw - cgroup2 cgroup2 rw\n";
    let own = [("proc/self/cgroup", "0::/a\n"), ("proc/self/mountinfo", mount)];
    for (name, text) in own.iter().chain(files) {
        let path = root.join(name);
        std::fs::create_dir_all(path.parent().expect("a folder")).expect("writable");
        std::fs::write(path, text).expect("writable");
    }
    root
}

/// Seven eighths of this are what `limits.c` has as its soft limit.
#[test]
fn the_limit_of_a_container_is_a_soft_limit() {
    for file in ["sys/fs/cgroup/a/memory.max", "sys/fs/cgroup/a/memory.high"] {
        let limit = (32_usize << 20) / 7 * 8;
        let root = made(&file.replace('/', "-"), &[(file, &format!("{limit}\n"))]);
        let root = root.to_str().expect("a path in UTF-8");
        for setting in [OFF, AUTO] {
            let settings = [("HAKMEM_ROOT", root), setting];
            run("limits.c", &["the_soft_limit_releases"], &settings);
        }
    }
}

#[test]
fn where_memory_is_short_busy_lists_are_emptied_too() {
    let text = "avg60=0.00 avg300=0.00 total=1\n";
    let pressure = format!("some avg10=35.00 {text}full avg10=1.00 {text}");
    let nearly_full = [
        ("sys/fs/cgroup/a/memory.max", "1000000000\n"),
        ("sys/fs/cgroup/a/memory.current", "990000000\n"),
    ];
    let decay = ("HAKMEM_DECAY", "200");
    for (case, files) in [
        ("busy_lists_are_kept", &[][..]),
        ("busy_lists_are_emptied", &[("sys/fs/cgroup/a/memory.pressure", &*pressure)]),
        ("busy_lists_are_emptied", &nearly_full),
    ] {
        let root = made(&format!("{case}-{}", files.len()), files);
        let root = root.to_str().expect("a path in UTF-8");
        quiet(case, &[("HAKMEM_ROOT", root), decay]);
    }
}

#[test]
fn a_purge_tells_what_it_came_to() {
    quiet("purge_reaches_other_threads", &[OFF]);
}
