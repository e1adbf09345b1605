//! How much of its stack a thread uses on which the learner's steps are made.

use super::{LIMIT, command_of, folder, settled, text};
use hakmem_tests::child;

/// What `learn/mod.rs` of the host promises.
const PROMISED: usize = 4 << 10;
/// Less than what a step sees takes, which lies on the stack for a moment.
const LEAST: usize = 1 << 10;

/// Bytes that the steps of a case's thread took, and that the process's end took there; what it warned of.
fn used(case: &str, settings: &[(&str, &str)]) -> ([usize; 2], String) {
    // A function that is bound at its first call takes much of the stack for that.
    let fixed = [super::ALONE, ("LD_BIND_NOW", "1")];
    let mut command = command_of("learn_stack.c", case, settings);
    let what = format!("{case} {settings:?}");
    let outcome = child::run(command.envs(fixed), LIMIT).expect_success(&what);
    let numbers = outcome.stdout.split_whitespace().map(|number| number.parse().ok());
    let [Some(steps), Some(end)] = numbers.collect::<Vec<_>>()[..] else {
        panic!("not two numbers: {what} {outcome}");
    };
    ([steps, end], outcome.stderr)
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
        assert!(bytes.iter().all(|bytes| *bytes <= PROMISED), "{case} {settings:?}: {bytes:?}");
        assert!(bytes[0] > LEAST, "{case}: no step was seen: {bytes:?}");
        assert!(errors.contains(words) && errors.is_empty() == words.is_empty(), "{errors}");
    }
}
