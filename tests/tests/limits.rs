//! Limits on the memory of a program: by the environment, and by the functions of `hakmem.h`.

use hakmem_tests::child::{self, Outcome};
use hakmem_tests::compile;

fn run(source: &str, case: &str, settings: &[(&str, &str)]) -> Outcome {
    let mut command = child::preloaded(compile::linked(source, &[]));
    child::run_small(command.arg(case).envs(settings.iter().copied())).expect_success(case)
}

fn quiet(source: &str, case: &str, settings: &[(&str, &str)]) {
    let outcome = run(source, case, settings);
    assert_eq!(outcome.stderr, "", "{case}");
}

/// One test for each named case of one program.
macro_rules! cases {
    ($($module:ident from $source:literal { $($name:ident)* })*) => {$(
        mod $module {
            $(#[test]
            fn $name() {
                super::quiet($source, stringify!($name), &[]);
            })*
        }
    )*};
}

cases! {
    c from "limits.c" {
        every_size_is_refused_and_served_again every_function_is_refused
        a_limit_below_what_is_mapped without_a_soft_limit_memory_is_kept the_soft_limit_may_be_set
        the_reserve_serves_each_function what_the_function_refuses_is_refused
        to_try_again_comes_to_an_end the_function_may_allocate
    }
    cxx from "limits_new.cc" {
        the_reserve_serves_each_operator the_new_handler_comes_after_the_function
    }
}

#[test]
fn the_environment_limits() {
    for value in ["64M", "64MiB", "65536K", "67108864"] {
        quiet("limits.c", "the_environment_limits", &[("HAKMEM_LIMIT", value)]);
    }
}

#[test]
fn the_environment_sets_a_soft_limit() {
    quiet("limits.c", "the_soft_limit_releases", &[("HAKMEM_SOFT_LIMIT", "32M")]);
}

#[test]
fn a_value_that_is_no_number_of_bytes_is_warned_of_once_and_limits_nothing() {
    for name in ["HAKMEM_LIMIT", "HAKMEM_SOFT_LIMIT"] {
        for value in ["", "0", "-1", "0M", "plenty", "1.5G", "64MB", "99999999999999999999", "9T9"]
        {
            let outcome = run("limits.c", "nothing_is_limited", &[(name, value)]);
            let [line] = outcome.stderr.lines().collect::<Vec<_>>()[..] else {
                panic!("{name}={value}: not one line on standard error: {outcome}");
            };
            assert!(line.starts_with(&format!("hakmem: {name}={value}: expected")), "{line}");
        }
    }
}

#[test]
fn the_table_shows_the_limit() {
    let settings = [("HAKMEM_LIMIT", "64M"), ("HAKMEM_STATS", "1")];
    let outcome = run("limits.c", "the_environment_limits", &settings);
    assert!(outcome.stderr.contains("limit 64.0 MiB"), "{outcome}");
}

#[test]
fn the_header_is_c99_and_cxx() {
    for (source, standard) in [("header.c", "-std=c99"), ("header.cc", "-std=c++98")] {
        let path = compile::linked(source, &[standard, "-pedantic-errors"]);
        child::run_small(&mut child::preloaded(path)).expect_success(source);
    }
}
