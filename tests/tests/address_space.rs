//! Programs that are short of addresses, of data or of mappings, from their start or in their midst.

use hakmem_tests::child::{self, Outcome};
use hakmem_tests::compile;
use std::os::unix::process::CommandExt;

const MIB: u64 = 1 << 20;
/// Exit code of the dynamic linker where it cannot load a library.
const NOT_LOADED: i32 = 127;

/// Which resource is limited.
type Resource = libc::__rlimit_resource_t;

/// Runs a case of `address_space.c`, limited from before its start.
fn limited(case: &str, resource: Resource, bytes: u64) -> Outcome {
    let mut command = child::preloaded(compile::program("address_space.c", &[]));
    command.arg(case);
    let limit = libc::rlimit { rlim_cur: bytes, rlim_max: bytes };
    // SAFETY: between fork and exec, one system call.
    unsafe {
        command.pre_exec(move || match libc::setrlimit(resource, &limit) {
            0 => Ok(()),
            _ => Err(std::io::Error::last_os_error()),
        });
    }
    child::run_small(&mut command)
}

/// The least limit in MiB, of some, with which a program comes as far as `main`. Below it the dynamic
/// linker says that it cannot go on; in no case does anything crash.
fn starts_at(resource: Resource) -> u64 {
    let loads = |mib: &u64| {
        let outcome = limited("every_layer", resource, mib * MIB);
        let loaded = outcome.status.code() != Some(NOT_LOADED);
        assert_eq!(loaded, outcome.stderr.is_empty(), "{mib} MiB: {outcome}");
        if loaded {
            outcome.expect_success("every_layer");
        }
        loaded
    };
    [2, 4, 6, 8, 12, 16, 24, 32, 48, 64].into_iter().find(loads).expect("64 MiB are enough")
}

fn is_short_of(resource: Resource) {
    let least = starts_at(resource);
    for mib in [least, least + 1, least + 3, least + 8, least + 30, 4 * least + 100] {
        for case in ["every_layer", "with_nothing_left"] {
            let what = format!("{case} with {mib} MiB");
            let outcome = limited(case, resource, mib * MIB).expect_success(&what);
            assert_eq!(outcome.stderr, "", "{what}");
        }
    }
}

#[test]
fn a_program_short_of_addresses_gets_null_and_goes_on() {
    is_short_of(libc::RLIMIT_AS);
}

#[test]
fn a_program_short_of_data_gets_null_and_goes_on() {
    is_short_of(libc::RLIMIT_DATA);
}

#[test]
fn a_program_without_mappings_left_goes_on() {
    let program = compile::program("address_space.c", &[]);
    let mut command = child::preloaded(program);
    let outcome = child::run_small(command.arg("without_mappings"));
    assert_eq!(outcome.expect_success("without_mappings").stderr, "");
}
