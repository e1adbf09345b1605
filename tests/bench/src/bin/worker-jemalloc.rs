//! Runs the workloads with jemalloc as the global allocator.

#[global_allocator]
static GLOBAL: tikv_jemallocator::Jemalloc = tikv_jemallocator::Jemalloc;

fn main() {
    hakmem_bench::worker::main::<hakmem_bench::alloc::RustGlobal>();
}
