//! How much of its stack a thread uses on which the learner's steps are made.

use super::{LIMIT, command_of, folder, settled, text};
use hakmem_tests::child;

/// What `learn/mod.rs` of the host promises.
const PROMISED: usize = 4 << 10;

/// Bytes that the thread of a case used.
fn used(case: &str, settings: &[(&str, &str)]) -> (usize, String) {
    // A function that is bound at its first call takes much of the stack for that.
    let fixed = [super::ALONE, ("LD_BIND_NOW", "1")];
    let mut command = command_of("learn_stack.c", case, settings);
    let what = format!("{case} {settings:?}");
    let outcome = child::run(command.envs(fixed), LIMIT).expect_success(&what);
    let bytes = outcome.stdout.trim_end().parse();
    println!("{case} {settings:?}: {bytes:?}");
    (bytes.unwrap_or_else(|_| panic!("{what}: {outcome}")), outcome.stderr)
}

#[test]
fn a_step_takes_little_of_a_thread_s_stack() {
    let folder = folder("stack");
    settled(&folder);
    let (policy, dir) = (folder.join("policy"), ("DIR", text(&folder)));
    let log = folder.join("%p.log");
    let log = ("HAKMEM_LEARN_LOG", text(&log));
    let good = ("HAKMEM_POLICY", text(&policy));
    let long = folder.join("p".repeat(250));
    std::fs::copy(&policy, &long).expect("writable");
    let unwritable = ("HAKMEM_POLICY", text(&long));
    for (case, settings, words) in [
        ("steps", &[dir, log][..], ""),
        ("steps_of_a_child", &[dir, log], ""),
        ("steps", &[dir, log, good], ""),
        ("steps", &[dir, log, unwritable], "cannot be written (error 36)"),
        ("log_ends", &[dir, log], "cannot be written (error 27)"),
    ] {
        let (bytes, errors) = used(case, settings);
        assert!(bytes <= PROMISED, "{case} {settings:?}: {bytes} bytes of stack");
        assert!(bytes > 100 && errors.contains(words) && errors.is_empty() == words.is_empty());
    }
}
