//! Every C function and C++ operator of the preload library, called by programs in C and C++.

use hakmem_tests::{artefacts, child, compile};

/// One test for each named case of one program.
macro_rules! cases {
    ($($module:ident from $source:literal { $($name:ident)* })*) => {$(
        mod $module {
            $(#[test]
            fn $name() {
                super::run($source, stringify!($name));
            })*
        }
    )*};
}

fn run(source: &str, case: &str) {
    let program = compile::program(source, &[]);
    let outcome = child::run_small(child::preloaded(&program).arg(case)).expect_success(case);
    if artefacts::is_hakmem() {
        assert_eq!(outcome.stderr, "", "{case}: hakmem prints only what it is asked for");
    }
}

cases! {
    basic from "basic.c" {
        malloc_gives_writable_aligned_blocks malloc_of_zero_is_unique malloc_too_large
        free_of_null free_keeps_errno success_keeps_errno calloc_is_zero_after_dirty_reuse
        calloc_multiplies calloc_of_zero calloc_overflow realloc_keeps_contents
        realloc_grows_step_by_step realloc_of_null_is_malloc realloc_to_zero_frees
        realloc_too_large reallocarray_multiplies reallocarray_overflow
        reallocarray_to_zero_frees out_of_memory_small out_of_memory_page out_of_memory_span
        out_of_memory_large
    }
    aligned from "aligned.c" {
        posix_memalign_aligns aligned_alloc_aligns memalign_aligns huge_alignments
        posix_memalign_bad_alignment posix_memalign_too_large posix_memalign_of_zero
        aligned_alloc_bad_alignment aligned_alloc_too_large aligned_alloc_of_zero
        memalign_bad_alignment memalign_too_large memalign_of_zero aligned_alloc_odd_size
        valloc_gives_pages pvalloc_gives_whole_pages aligned_blocks_come_back
    }
    extras from "extras.c" {
        free_sized_takes_every_size free_aligned_sized_takes_every_size usable_size_is_usable
        malloc_trim_gives_a_truth_value mallopt_takes_the_known_names
        mallinfo2_follows_what_is_in_use mallinfo_follows_what_is_in_use
        malloc_stats_writes_to_stderr malloc_info_writes_xml malloc_info_refuses_options
        all_come_from_one_library
    }
    operators from "operators.cc" {
        plain_and_array nothrow sized aligned expressions bad_alloc_is_thrown
        nothrow_gives_null new_handler_is_called new_handler_can_help out_of_memory
        a_handler_that_throws
    }
}
