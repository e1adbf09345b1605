//! Runs the workloads with hakmem as the global allocator.

#[global_allocator]
static GLOBAL: hakmem::Hakmem = hakmem::Hakmem;

fn main() {
    hakmem_bench::worker::main::<hakmem_bench::alloc::RustGlobal>();
}
