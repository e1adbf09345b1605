//! Where the things lie that `cargo verify` built.

use std::env;
use std::path::{Path, PathBuf};

/// Names another library to preload in place of `libhakmem.so`, to try the tests themselves.
///
/// The name does not begin with `HAKMEM_`, or hakmem would warn of an unknown variable.
const OTHER_LIBRARY: &str = "PRELOAD_LIBRARY_UNDER_TEST";

/// The root of the workspace.
pub fn workspace() -> PathBuf {
    let mut root = package();
    root.pop();
    root
}

/// The folder of this package.
///
/// Cargo names it at run time too, which counts for more: two checkouts may share one target
/// directory, and with it one build of these tests.
pub fn package() -> PathBuf {
    let at_run_time = env::var_os("CARGO_MANIFEST_DIR").map(PathBuf::from);
    at_run_time.unwrap_or_else(|| PathBuf::from(env!("CARGO_MANIFEST_DIR")))
}

/// Cargo's target directory, found from the running executable, so that every way of setting
/// it is honoured.
///
/// # Panics
/// When the executable lies outside a target directory.
pub fn target_dir() -> PathBuf {
    let exe = env::current_exe().expect("the running executable has a path");
    exe.ancestors()
        .find(|dir| dir.ends_with("release") || dir.ends_with("debug"))
        .and_then(Path::parent)
        .unwrap_or_else(|| panic!("{} lies in no cargo target directory", exe.display()))
        .to_path_buf()
}

/// A directory for what the tests write, made if it is not there.
///
/// # Panics
/// When it cannot be made.
pub fn scratch(name: &str) -> PathBuf {
    let dir = target_dir().join("hakmem-tests").join(name);
    std::fs::create_dir_all(&dir).unwrap_or_else(|e| panic!("cannot make {}: {e}", dir.display()));
    dir
}

/// The library to preload.
///
/// # Panics
/// When it was not built.
pub fn library() -> PathBuf {
    match env::var_os(OTHER_LIBRARY) {
        Some(path) => PathBuf::from(path),
        None => built("libhakmem.so", "cargo build --release -p hakmem-preload"),
    }
}

/// Whether the library under test is hakmem, and not another one named from outside.
pub fn is_hakmem() -> bool {
    env::var_os(OTHER_LIBRARY).is_none()
}

/// The `hakmem` command.
///
/// # Panics
/// When it was not built.
pub fn command() -> PathBuf {
    built("hakmem", "cargo build --release -p hakmem-command")
}

/// An example program of this package, built in release mode.
///
/// # Panics
/// When it was not built.
pub fn example(name: &str) -> PathBuf {
    built(&format!("examples/{name}"), "cargo build --release -p hakmem-tests --examples")
}

/// The kernel that boots, built with the walk over whole heaps.
///
/// # Panics
/// When it was not built.
pub fn kernel(optimised: bool) -> PathBuf {
    let build = "-p hakmem-kernel --features validate";
    if optimised {
        built("hakmem-kernel", &format!("cargo build --release {build}"))
    } else {
        built_in("debug", "hakmem-kernel", &format!("cargo build {build}"))
    }
}

fn built(name: &str, how: &str) -> PathBuf {
    built_in("release", name, how)
}

fn built_in(profile: &str, name: &str, how: &str) -> PathBuf {
    let path = target_dir().join(profile).join(name);
    assert!(path.exists(), "{} is missing: run `cargo verify`, or `{how}` first", path.display());
    path
}
