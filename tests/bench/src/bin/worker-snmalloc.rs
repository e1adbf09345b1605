//! Runs the workloads with snmalloc as the global allocator.

#[global_allocator]
static GLOBAL: snmalloc_rs::SnMalloc = snmalloc_rs::SnMalloc;

fn main() {
    hakmem_bench::worker::main::<hakmem_bench::alloc::RustGlobal>();
}
