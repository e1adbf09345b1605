//! Links the kernel by its own script, and with nothing of the system.

use std::env;

const ARGUMENTS: &[&str] =
    &["-nostartfiles", "-nostdlib", "-static", "-no-pie", "-Wl,--build-id=none"];

fn main() {
    println!("cargo::rerun-if-changed=build.rs");
    println!("cargo::rerun-if-changed=link.ld");
    // Elsewhere the program is an ordinary one, which says that there is no kernel.
    if env::var("CARGO_CFG_TARGET_ARCH").as_deref() == Ok("x86_64") {
        let folder = env::var("CARGO_MANIFEST_DIR").expect("cargo sets it");
        println!("cargo::rustc-link-arg-bins=-Wl,-T,{folder}/link.ld");
        for argument in ARGUMENTS {
            println!("cargo::rustc-link-arg-bins={argument}");
        }
    }
}
