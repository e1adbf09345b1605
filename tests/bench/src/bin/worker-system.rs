//! Runs the workloads with the system's allocator as the global allocator.

#[global_allocator]
static GLOBAL: std::alloc::System = std::alloc::System;

fn main() {
    hakmem_bench::worker::main::<hakmem_bench::alloc::RustGlobal>();
}
