//! The workloads of hakmem's benchmarks, written once for every allocator.
//!
//! A *worker* is a small program that runs one workload and prints one JSON line. There is one for
//! each Rust global allocator and one, `worker-c`, that calls `malloc` and `free` and is run with
//! each shared library preloaded. The program `measure` starts the workers in turn and prints the
//! tables.
//!
//! Map: [`alloc`] is the door to the allocator under test, [`workload`] the list of workloads,
//! [`worker`] the main function of every worker, `release` what shows how memory goes back, `learner`
//! what changes while it runs, [`kernel`] what puts kernels' allocators on one region; [`clock`], `ticks`, [`memory`], [`random`] and [`race`]
//! are what the workloads share.

pub mod alloc;
pub mod clock;
pub mod hot;
pub mod kernel;
mod learner;
pub mod memory;
pub mod race;
pub mod random;
mod release;
mod ticks;
pub mod worker;
pub mod workload;
mod workloads;
