//! Runs the scenarios of kernels' allocators, each allocator on a region of its own.

fn main() {
    hakmem_bench::kernel::main();
}
