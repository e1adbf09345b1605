//! What is put to the test. Each check panics, or says in a few words what it did.

mod block;
mod collections;
mod full;
mod growth;
mod handover;
mod mistakes;
mod random;
mod reentry;
mod requests;
mod timer;
mod whole;

use crate::heaps::HEAP;
use crate::platform::serial::say;
use alloc::format;
use alloc::string::String;

type Check = (&'static str, fn() -> String);

const CHECKS: &[Check] = &[
    ("collections", collections::hold_what_was_put_in),
    ("handover", handover::blocks_go_from_cpu_to_cpu),
    ("timer", timer::handler_allocates_meanwhile),
    ("handover-and-timer", handover::handlers_allocate_meanwhile),
    ("requests", requests::are_zeroed_aligned_and_resized),
    ("full", full::all_memory_is_used_and_given_back),
    ("full-hosted", full::a_heap_of_some_mib),
    ("full-embedded", full::a_heap_of_8_kib),
    ("growth", growth::a_hook_hands_out_more),
    ("mistakes", mistakes::are_answered_by_errors),
    ("more-cpus", mistakes::a_cpu_without_a_cache),
    ("reentry", reentry::a_handler_in_the_middle_is_refused),
    ("statistics", statistics),
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

fn statistics() -> String {
    let stats = HEAP.stats();
    assert_eq!(stats.total, stats.in_use + stats.free + stats.tables, "{stats}");
    assert!(stats.in_use < stats.peak && stats.held <= stats.peak, "{stats}");
    format!("{stats}")
}
