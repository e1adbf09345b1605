//! Runs the workloads with mimalloc as the global allocator.

#[global_allocator]
static GLOBAL: mimalloc::MiMalloc = mimalloc::MiMalloc;

fn main() {
    hakmem_bench::worker::main::<hakmem_bench::alloc::RustGlobal>();
}
