//! Compiles the C and C++ programs of `tests/c`.

use crate::artefacts;
use std::collections::HashMap;
use std::path::PathBuf;
use std::process::Command;
use std::sync::{Mutex, PoisonError};

static DONE: Mutex<Option<HashMap<String, PathBuf>>> = Mutex::new(None);

/// The program made of `source` in `tests/c` with `flags` added, compiled once a test binary.
///
/// The usual flags keep the compiler from removing calls of malloc that it thinks unneeded.
///
/// # Panics
/// When the compiler is missing or finds an error.
pub fn program(source: &str, flags: &[&str]) -> PathBuf {
    let key = format!("{source} {}", flags.join(" "));
    // A poisoned lock only means that another program did not compile.
    let mut done = DONE.lock().unwrap_or_else(PoisonError::into_inner);
    let done = done.get_or_insert_with(HashMap::new);
    if let Some(path) = done.get(&key) {
        return path.clone();
    }
    let path = compile(source, flags);
    done.insert(key, path.clone());
    path
}

/// The same for a program that is linked with the library, against its header.
///
/// # Panics
/// As [`program`].
pub fn linked(source: &str, flags: &[&str]) -> PathBuf {
    let include = artefacts::workspace().join("preload/include");
    let (include, library) = (format!("-I{}", include.display()), artefacts::library());
    let library = library.to_str().expect("a path in UTF-8");
    program(source, &[flags, &[&include, "-Wl,--no-as-needed", library]].concat())
}

fn compile(source: &str, flags: &[&str]) -> PathBuf {
    let from = artefacts::package().join("c").join(source);
    let name = [source].iter().chain(flags).fold(String::new(), |name, part| {
        name + &part.replace(|c: char| !c.is_ascii_alphanumeric(), "_") + "_"
    });
    let to = artefacts::scratch("c").join(name);
    let (compiler, standard) =
        if source.ends_with(".cc") { ("c++", "-std=c++17") } else { ("cc", "-std=gnu11") };
    let output = Command::new(compiler)
        .args([standard, "-O1", "-g", "-w", "-pthread", "-fno-builtin", "-fno-allocation-dce"])
        .args(flags)
        .arg("-o")
        .arg(&to)
        .arg(&from)
        .arg("-ldl")
        .output()
        .unwrap_or_else(|e| panic!("cannot run {compiler} on {source}: {e}"));
    assert!(
        output.status.success(),
        "{compiler} failed on {source}:\n{}",
        String::from_utf8_lossy(&output.stderr)
    );
    to
}
