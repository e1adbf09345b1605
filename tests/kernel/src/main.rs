//! A kernel that boots under QEMU and puts hakmem-core to the test.
//!
//! ```text
//!   platform/   from the PVH entry to Rust, serial port, interrupts, CPUs
//!   heaps.rs    the global allocator: a cache for each CPU
//!   checks/     what is put to the test; each check prints one line
//!   modes.rs    what the kernel does when its command line asks for a panic
//! ```
//!
//! It prints `ok NAME: ...` for each check and `all is well` at the end, and ends QEMU with exit code
//! 33; a panic prints its message and ends it with 35.
#![cfg_attr(target_arch = "x86_64", no_std, no_main)]

#[cfg(target_arch = "x86_64")]
extern crate alloc;

#[cfg(target_arch = "x86_64")]
mod checks;
#[cfg(target_arch = "x86_64")]
mod heaps;
#[cfg(target_arch = "x86_64")]
mod kernel;
#[cfg(target_arch = "x86_64")]
mod modes;
#[cfg(target_arch = "x86_64")]
mod platform;

#[cfg(not(target_arch = "x86_64"))]
fn main() {
    println!("there is no kernel for this machine: it is one for x86-64");
}
