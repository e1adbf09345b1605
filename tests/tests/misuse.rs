//! Each misuse that the README promises to catch, in a child process: the signal, the one line
//! on standard error, and that nothing ran on.

use hakmem_tests::child::{self, Outcome};
use hakmem_tests::compile;

const NOT_OURS: &str = "not from this heap";
const DOUBLE_FREE: &str = "double free";
const INTERIOR: &str = "not the start of a block";
const WRONG_SIZE: &str = "wrong size";

const SPAN: &str = "102400";
const LARGE: &str = "8388608";

fn misuse(arguments: &[&str], settings: &[(&str, &str)]) -> Outcome {
    let program = compile::program("misuse.c", &[]);
    let mut command = child::preloaded(program);
    child::run_small(command.args(arguments).envs(settings.iter().copied()))
}

/// Checks that a misuse ends the process by SIGABRT, with one line on standard error that names
/// the address which the program printed and holds one of `words`.
fn caught(arguments: &[&str], words: &[&str]) {
    let outcome = misuse(arguments, &[]);
    assert_eq!(outcome.signal(), Some(libc::SIGABRT), "{arguments:?}: {outcome}");
    let address = outcome.stdout.trim();
    assert!(address.starts_with("0x"), "{arguments:?} ran on: {outcome}");
    let [line] = outcome.stderr.lines().collect::<Vec<_>>()[..] else {
        panic!("{arguments:?}: not one line on standard error: {outcome}");
    };
    assert!(line.starts_with("hakmem: "), "{arguments:?}: {line}");
    assert!(names(line, address), "{arguments:?}: {address} is not in: {line}");
    assert!(words.iter().any(|word| line.contains(word)), "{arguments:?}: {line}");
}

/// Whether `line` holds `address` as a word of its own.
fn names(line: &str, address: &str) -> bool {
    line.split(|c: char| !c.is_ascii_alphanumeric()).any(|word| word == address)
}

fn survives(arguments: &[&str], settings: &[(&str, &str)]) -> Outcome {
    let outcome = misuse(arguments, settings).expect_success(&arguments.join(" "));
    assert!(outcome.stdout.ends_with("survived\n"), "{arguments:?}: {outcome}");
    outcome
}

#[test]
fn foreign_pointers_abort() {
    for case in ["foreign_data", "foreign_stack", "foreign_mapping", "foreign_realloc"] {
        caught(&[case], &[NOT_OURS]);
    }
}

#[test]
fn foreign_pointers_abort_when_asked_by_name() {
    let outcome = misuse(&["foreign_data"], &[("HAKMEM_FOREIGN", "abort")]);
    assert_eq!(outcome.signal(), Some(libc::SIGABRT), "{outcome}");
    assert_eq!(outcome.messages().len(), 1, "{outcome}");
}

#[test]
fn wild_pointers_are_not_followed() {
    let wild = [
        "10",
        "fff8",
        "123456789a8",
        "7fffffffff0",
        "7ffffffffff8",
        "800000000000",
        "8000000000000000",
        "dead00000000beef",
        "ffff800000000010",
        "fffffffffffffff0",
        "ffffffffffffffff",
    ];
    for address in wild {
        caught(&["foreign_wild", address], &[NOT_OURS]);
    }
}

#[test]
fn foreign_pointers_are_dropped_on_request() {
    for case in ["foreign_data", "foreign_stack", "foreign_mapping"] {
        let outcome = survives(&[case], &[("HAKMEM_FOREIGN", "ignore")]);
        assert_eq!(outcome.stderr, "", "{case}");
    }
    survives(&["foreign_wild", "dead00000000beef"], &[("HAKMEM_FOREIGN", "ignore")]);
}

#[test]
fn foreign_pointers_go_to_libc_on_request() {
    let outcome = survives(&["foreign_of_libc"], &[("HAKMEM_FOREIGN", "libc")]);
    assert_eq!(outcome.stderr, "");
}

#[test]
fn double_free_of_a_small_block() {
    for size in ["1", "8", "16", "24", "64", "100", "1024", "1025", "4096", "8000", "32768"] {
        caught(&["double_free", size], &[DOUBLE_FREE]);
        caught(&["double_free_sized", size], &[DOUBLE_FREE]);
        caught(&["free_after_realloc_to_zero", size], &[DOUBLE_FREE]);
    }
}

#[test]
fn double_free_of_a_span() {
    for size in ["32769", SPAN, "524288", "1048576"] {
        caught(&["double_free", size], &[DOUBLE_FREE]);
        caught(&["double_free_sized", size], &[DOUBLE_FREE]);
    }
    // One that had a superslab to itself leaves nothing behind, and is nobody's.
    caught(&["double_free", "2000000"], &[DOUBLE_FREE, NOT_OURS]);
}

#[test]
fn double_free_of_a_large_block() {
    // Its addresses may have gone back to the system by then, and be nobody's.
    for size in ["2097153", LARGE, "100000000"] {
        caught(&["double_free", size], &[DOUBLE_FREE, NOT_OURS]);
        caught(&["double_free_sized", size], &[DOUBLE_FREE, NOT_OURS]);
    }
}

#[test]
fn interior_of_a_span_is_seen_at_once() {
    for offset in ["8", "16", "4096", "65536", "98304"] {
        caught(&["interior", SPAN, offset], &[INTERIOR]);
    }
}

#[test]
fn interior_of_a_large_block_is_seen_at_once() {
    for offset in ["8", "16", "4096"] {
        caught(&["interior", LARGE, offset], &[INTERIOR]);
    }
    // Only the first 64 KiB of a large block are in the registry.
    for offset in ["65536", "2097152", "8384512"] {
        caught(&["interior", LARGE, offset], &[INTERIOR, NOT_OURS]);
    }
}

#[test]
fn interior_of_a_small_block_is_seen_at_thread_exit() {
    for size in ["48", "256", "1024", "4096", "20000"] {
        caught(&["interior_small_in_thread", size], &[INTERIOR]);
    }
}

#[test]
fn interior_of_another_threads_block_is_seen() {
    for size in ["48", "256", "1024", "4096", "20000"] {
        caught(&["interior_small_of_other_thread", size], &[INTERIOR]);
    }
}

#[test]
fn interior_of_a_small_block_is_seen_at_spill() {
    for size in ["48", "256", "1024"] {
        caught(&["interior_small_until_spill", size], &[INTERIOR]);
    }
}

#[test]
fn wrong_size_is_seen_at_once() {
    for (size, given) in [
        ("100", "1000"),
        ("1000", "100"),
        ("16", "17"),
        ("64", "16"),
        ("32768", "100"),
        ("100", "50000"),
        (SPAN, "100"),
        (SPAN, "1000000"),
        (LARGE, "64"),
        (LARGE, SPAN),
        ("64", LARGE),
    ] {
        caught(&["wrong_size", size, given], &[WRONG_SIZE]);
        caught(&["wrong_size_in_delete", size, given], &[WRONG_SIZE]);
    }
}

#[test]
fn wrong_size_of_an_aligned_block_is_seen_at_once() {
    for (size, given) in [("128", "1024"), ("1024", "128"), (SPAN, "128"), ("128", SPAN)] {
        caught(&["wrong_aligned_size", size, given], &[WRONG_SIZE]);
    }
}

#[test]
fn unknown_and_broken_variables_warn_once() {
    for (name, value) in [
        ("HAKMEM_NO_SUCH_THING", "1"),
        ("HAKMEM_FOREIGN", "perhaps"),
        ("HAKMEM_STATS", "maybe"),
        ("HAKMEM_CRASH", "-3"),
        ("HAKMEM_", ""),
    ] {
        let outcome = survives(&["nothing"], &[(name, value)]);
        let [line] = outcome.stderr.lines().collect::<Vec<_>>()[..] else {
            panic!("{name}={value}: not one line on standard error: {outcome}");
        };
        assert!(line.starts_with("hakmem: ") && line.contains(name), "{name}={value}: {line}");
    }
}

#[test]
fn a_broken_variable_leaves_the_default() {
    let outcome = misuse(&["foreign_data"], &[("HAKMEM_FOREIGN", "perhaps")]);
    assert_eq!(outcome.signal(), Some(libc::SIGABRT), "{outcome}");
    assert_eq!(outcome.messages().len(), 2, "a warning and the misuse: {outcome}");
}

#[test]
fn known_variables_do_not_warn() {
    for (name, value) in [
        ("HAKMEM_FOREIGN", "abort"),
        ("HAKMEM_FOREIGN", "libc"),
        ("HAKMEM_STATS", "0"),
        ("HAKMEM_CRASH", "0"),
        ("HAKMEM_CRASH", "1"),
    ] {
        let outcome = survives(&["nothing"], &[(name, value)]);
        assert_eq!(outcome.stderr, "", "{name}={value}");
    }
}
