//! Heaps for kernels: a static that is a global allocator, over memory that the kernel hands it.
//!
//! | file | what |
//! |---|---|
//! | `cpu` | what the kernel says of its CPUs: how to pin the caller, and which one it is |
//! | `host` | the heap's host: it waits by spinning, and writes wrong calls down for later |
//! | `request` | an allocation's request, and what can go wrong with it |
//! | `per_cpu` | a cache for each CPU over the lock-free pool |

mod cpu;
mod host;
mod per_cpu;
mod request;
mod stats;

// A heap behind one lock is nothing for loom, under which no heap is made at compile time.
#[cfg(not(loom))]
mod embedded;
#[cfg(not(loom))]
mod hosted;
#[cfg(not(loom))]
mod locked;
#[cfg(not(loom))]
mod profile;

pub use cpu::{Cpu, NoCpu};
pub use host::KernelHost;
#[cfg(not(loom))]
pub use locked::LockedHeap;
pub use per_cpu::PerCpuHeap;
#[cfg(not(loom))]
pub use profile::{Embedded, Hosted, Profile};
pub use request::{AllocError, FreeError, Request};
pub use stats::KernelStats;
