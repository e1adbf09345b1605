//! `cargo verify --machines`: core's tests on other machines, which QEMU plays, and core built for
//! targets without a system. The compiler is the oldest that we support.
//!
//! QEMU on x86-64 orders the memory of a weaker machine as x86-64 does: what these runs test is the width
//! of pointers, code of another target, and its system calls. Orders of memory are for loom.

use super::SuiteResult;
use super::cargo::Cargo;
use super::tally::Tally;
use super::timed;
use hakmem_tests::artefacts;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

/// Where tests run, or what core is built for.
pub(crate) struct Machine {
    name: &'static str,
    kind: Kind,
}

enum Kind {
    /// Rust's name of the target, the GNU compiler's, and QEMU's.
    Emulated {
        target: &'static str,
        gnu: &'static str,
        qemu: &'static str,
    },
    Bare,
}

const fn emulated(
    name: &'static str,
    target: &'static str,
    gnu: &'static str,
    qemu: &'static str,
) -> Machine {
    Machine { name, kind: Kind::Emulated { target, gnu, qemu } }
}

const MACHINES: &[Machine] = &[
    emulated("aarch64", "aarch64-unknown-linux-gnu", "aarch64-linux-gnu", "aarch64"),
    emulated("i686", "i686-unknown-linux-gnu", "i686-linux-gnu", "i386"),
    emulated("armv7", "armv7-unknown-linux-gnueabihf", "arm-linux-gnueabihf", "arm"),
    Machine { name: "bare", kind: Kind::Bare },
];

/// Tests that start themselves again, which a system that cannot run the machine's programs does not do.
const CHILDREN: &str = "wrong_calls_panic_when_all_is_released";

/// Targets without a system, and what is special about them.
const BARE: &[(&str, &str)] = &[
    ("x86_64-unknown-none", "all there is"),
    ("thumbv7m-none-eabi", "pointers of 32 bits, atomics of 32: the embedded profile"),
    ("thumbv6m-none-eabi", "no compare-and-swap: a heap without a lock"),
];

/// The machines of a list of names.
///
/// # Errors
/// When there is none of a name.
pub(crate) fn parse(names: &str) -> Result<Vec<&'static Machine>, String> {
    let find = |name: &str| {
        let found = MACHINES.iter().find(|machine| machine.name == name);
        let known = || MACHINES.iter().map(|machine| machine.name).collect::<Vec<_>>().join(", ");
        found.ok_or_else(|| format!("no machine is called {name}: there are {}\n", known()))
    };
    names.split(',').map(find).collect()
}

pub(crate) fn run(machines: &[&'static Machine]) -> Vec<SuiteResult> {
    let folder = artefacts::target_dir().join("machines");
    let script = artefacts::package().join("machines.sh");
    let mut fetch = Command::new("bash");
    fetch.arg(script).arg(&folder).args(machines.iter().map(|machine| machine.name));
    match fetch.stdin(Stdio::null()).status() {
        Ok(status) if status.success() => {}
        _ => {
            println!("skipped: what these machines need cannot be had here");
            return vec![("machines".to_owned(), Tally::one_skipped(), 0.0)];
        }
    }
    let root = folder.join("root/usr");
    let mut results = Vec::new();
    for machine in machines {
        match machine.kind {
            Kind::Emulated { target, gnu, qemu } => {
                let (tally, seconds) =
                    timed(machine.name, || tests(&folder, &root, target, gnu, qemu));
                results.push((machine.name.to_owned(), tally, seconds));
            }
            Kind::Bare => {
                for (target, about) in BARE {
                    let (tally, seconds) = timed(target, || build(&folder, &root, target, about));
                    results.push(((*target).to_owned(), tally, seconds));
                }
            }
        }
    }
    results
}

/// A cargo that calls the unpacked compiler.
fn cargo(folder: &Path, root: &Path) -> Cargo {
    let libraries = ["lib/x86_64-linux-gnu", "lib/llvm-19/lib"].map(|dir| root.join(dir));
    let libraries = std::env::join_paths(libraries).unwrap_or_default();
    Cargo::new()
        .set("CARGO_TARGET_DIR", folder.join("target"))
        .set("RUSTC", root.join("bin/rustc"))
        .set("LD_LIBRARY_PATH", libraries)
        .set("CARGO_PROFILE_DEV_DEBUG", "0")
}

fn tests(folder: &Path, root: &Path, target: &str, gnu: &str, qemu: &str) -> Tally {
    let variable =
        |what: &str| format!("CARGO_TARGET_{}_{what}", target.to_uppercase().replace('-', "_"));
    let sysroot = root.parent().unwrap_or(root).display();
    let flags = format!("-Clink-arg=--sysroot={sysroot} -Ctarget-feature=+crt-static");
    let player: PathBuf = root.join(format!("bin/qemu-{qemu}-static"));
    cargo(folder, root)
        .set(&variable("LINKER"), root.join(format!("bin/{gnu}-gcc-12")))
        .set(&variable("RUSTFLAGS"), flags)
        .set(&variable("RUNNER"), player)
        // Unoptimised code takes QEMU several times as long.
        .set("CARGO_PROFILE_DEV_OPT_LEVEL", "1")
        // One at a time: each reserves a good part of the addresses of a narrow machine.
        .tests(&[
            "-p",
            "hakmem-core",
            "--lib",
            "--tests",
            "--target",
            target,
            "--",
            "--test-threads=1",
            "--skip",
            CHILDREN,
        ])
}

fn build(folder: &Path, root: &Path, target: &str, about: &str) -> Tally {
    println!("{target}: {about}");
    // The standard library's `core` is built with it, which a stable compiler must be allowed to do.
    let cargo = cargo(folder, root).set("RUSTC_BOOTSTRAP", "1");
    let arguments = ["build", "-Zbuild-std=core", "-p", "hakmem-core", "--target", target];
    if cargo.succeeds(&arguments) { Tally::one_success() } else { Tally::one_failure() }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn machines_are_found_by_name() {
        let names =
            |list| parse(list).map(|found| found.iter().map(|m| m.name).collect::<Vec<_>>());
        assert_eq!(names("armv7,bare"), Ok(vec!["armv7", "bare"]));
        assert!(names("aarch64,pdp11").unwrap_err().contains("pdp11"));
    }
}
