//! Runs the workloads on C's `malloc` and `free`, whichever library was preloaded.

use std::alloc::System;

#[global_allocator]
static GLOBAL: System = System;

fn main() {
    hakmem_bench::worker::main::<hakmem_bench::alloc::Malloc>();
}
