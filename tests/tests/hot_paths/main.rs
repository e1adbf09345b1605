//! The length of the hot paths, as the machine executes them: a process is stepped instruction
//! by instruction from the entry of each function to its return. A path that grows past its
//! stated length, or gains a call, a locked instruction or a look-up of thread-local storage,
//! fails with its listing.
#![cfg(all(target_arch = "x86_64", target_os = "linux"))]

mod listing;
mod tracer;

use hakmem_tests::{artefacts, child, compile};
use listing::Listing;
use std::process::Command;
use tracer::Walk;

/// The most instructions a path may take, its return included, for a size up to 1,024 bytes and
/// a block of the caller's own cache.
struct Limit {
    path: &'static str,
    instructions: usize,
}

const fn limit(path: &'static str, instructions: usize) -> Limit {
    Limit { path, instructions }
}

// In the order of the enum in `c/hot.c`.
const C_PATHS: [Limit; 6] = [
    limit("malloc", 16),
    limit("free", 28),
    limit("free_sized", 32),
    limit("operator new", 18),
    limit("operator delete", 28),
    limit("operator delete with size", 32),
];

// In the order of the constants in `examples/rust_hot.rs`.
const RUST_PATHS: [Limit; 2] = [limit("alloc", 16), limit("dealloc", 32)];

fn check(mut command: Command, limits: &[Limit]) {
    let walks = tracer::walks(&mut command);
    let mut faults = Vec::new();
    for (number, limit) in limits.iter().enumerate() {
        let of_path: Vec<&Walk> = walks.iter().filter(|walk| walk.path == number).collect();
        let longest = of_path.iter().max_by_key(|walk| walk.steps.len());
        let longest = longest.unwrap_or_else(|| panic!("{} was never called", limit.path));
        println!(
            "{}: {} instructions, at most {}",
            limit.path,
            longest.steps.len(),
            limit.instructions
        );
        let listing = Listing::of(&longest.file);
        for walk in of_path {
            let lines = listing.lines(walk);
            let too_long = walk.steps.len() > limit.instructions;
            if let Some(fault) = listing::forbidden(&lines).or(too_long.then_some("too long")) {
                let size = walk.size;
                faults.push(format!("{} of {size} bytes: {fault}\n{lines}", limit.path));
                break;
            }
        }
    }
    assert!(faults.is_empty(), "{}", faults.join("\n"));
}

#[test]
fn c_functions() {
    check(child::preloaded(compile::program("hot.c", &[])), &C_PATHS);
}

#[test]
fn rust_functions() {
    check(child::plain(artefacts::example("rust_hot")), &RUST_PATHS);
}
