//! What is put to the test. Each check panics, or says in a few words what it did.

mod block;
mod collections;
mod handover;
mod random;
mod timer;

use crate::platform::serial::say;
use alloc::string::String;

type Check = (&'static str, fn() -> String);

const CHECKS: &[Check] = &[
    ("collections", collections::hold_what_was_put_in),
    ("handover", handover::blocks_go_from_cpu_to_cpu),
    ("timer", timer::handler_allocates_in_the_middle),
    ("handover-and-timer", timer::handlers_allocate_while_blocks_go_from_cpu_to_cpu),
];

/// How often something is done in a debug build is divided by this: it takes ten times as long there.
const DIVISOR: usize = if cfg!(debug_assertions) { 10 } else { 1 };

/// Runs all.
pub(crate) fn run() {
    for (name, check) in CHECKS {
        let what = check();
        say!("ok {name}: {what}");
    }
}
