//! The allocators that are compared, and where to find them.

use std::ffi::OsString;
use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;

use crate::builds;
use crate::cli::{Cli, Side};

/// The name that every ratio is for.
pub(crate) const OURS: &str = "hakmem";

/// An allocator that can be run.
#[derive(Clone)]
pub(crate) struct Subject {
    pub(crate) name: String,
    /// The program that runs the workloads.
    pub(crate) worker: PathBuf,
    /// What to put into `LD_PRELOAD`.
    pub(crate) preload: Option<PathBuf>,
    /// Variables that are set for it.
    pub(crate) environment: Vec<(&'static str, OsString)>,
    /// Version, for the head of the report.
    pub(crate) version: String,
}

/// A peer on the Rust side: the feature and worker are named like it.
struct Crate {
    name: &'static str,
    /// The crate's own name, to look up its version.
    package: &'static str,
    /// What to do where it does not build.
    hint: &'static str,
}

const CRATES: [Crate; 3] = [
    Crate { name: "mimalloc", package: "mimalloc", hint: "it needs a C compiler" },
    Crate {
        name: "jemalloc",
        package: "tikv-jemallocator",
        hint: "it needs a C compiler and make",
    },
    Crate { name: "snmalloc", package: "snmalloc-rs", hint: "it needs a C++ compiler and cmake" },
];

/// A peer on the preload side.
struct Library {
    name: &'static str,
    file: &'static str,
    /// The Debian package that brings it.
    package: &'static str,
}

const LIBRARIES: [Library; 3] = [
    Library { name: "mimalloc", file: "libmimalloc.so.2", package: "libmimalloc2.0" },
    Library { name: "jemalloc", file: "libjemalloc.so.2", package: "libjemalloc2" },
    Library { name: "tcmalloc", file: "libtcmalloc_minimal.so.4", package: "libtcmalloc-minimal4" },
];

/// What there is to run on one side.
#[derive(Default)]
pub(crate) struct Found {
    pub(crate) subjects: Vec<Subject>,
    /// A line for each peer that is not there.
    pub(crate) missing: Vec<String>,
}

impl Found {
    fn add(&mut self, name: &str, subject: Result<Subject, String>) {
        match subject {
            Ok(subject) => self.subjects.push(subject),
            Err(error) => {
                eprintln!("measure: without {name}: {error}");
                let first = error.lines().next().unwrap_or_default();
                self.missing.push(format!("{name}: {first}"));
            }
        }
    }
}

/// The allocators of one side that were asked for. A peer may be missing; hakmem may not.
pub(crate) fn find(side: Side, cli: &Cli) -> Result<Found, String> {
    known(&cli.allocators, cli)?;
    let wanted = |name: &str| cli.allocators.is_empty() || cli.allocators.iter().any(|a| a == name);
    let found = match side {
        Side::Rust => rust_side(wanted)?,
        _ => preload_side(wanted, cli)?,
    };
    if found.subjects.is_empty() {
        return Err(format!("none of the allocators is there: {}", found.missing.join("; ")));
    }
    Ok(found)
}

/// An error for a name that no allocator has on either side.
fn known(names: &[String], cli: &Cli) -> Result<(), String> {
    let mut all = vec![OURS, "system", "glibc"];
    all.extend(CRATES.iter().map(|peer| peer.name));
    all.extend(LIBRARIES.iter().map(|peer| peer.name));
    all.extend(cli.extra.iter().map(|(name, _)| name.as_str()));
    all.sort_unstable();
    all.dedup();
    match names.iter().find(|name| !all.contains(&name.as_str())) {
        None => Ok(()),
        Some(name) => Err(format!("no allocator is called {name}: there are {}", all.join(", "))),
    }
}

fn rust_side(wanted: impl Fn(&str) -> bool) -> Result<Found, String> {
    let mut found = Found::default();
    if wanted(OURS) {
        found.subjects.push(rust(OURS, Some(OURS), "this workspace".to_owned())?);
    }
    for Crate { name, package, hint } in CRATES.iter().filter(|peer| wanted(peer.name)) {
        let subject = rust(name, Some(name), format!("crate {package} {}", locked(package)));
        found.add(name, subject.map_err(|error| format!("{hint}; {error}")));
    }
    if wanted("system") {
        found.add("system", rust("system", None, glibc()));
    }
    Ok(found)
}

fn preload_side(wanted: impl Fn(&str) -> bool, cli: &Cli) -> Result<Found, String> {
    let mut found = Found::default();
    let worker = builds::worker("c", None)?;
    let subject = |name: &str, preload: Option<PathBuf>, version: String| Subject {
        name: name.to_owned(),
        worker: worker.clone(),
        preload,
        environment: Vec::new(),
        version,
    };
    if wanted(OURS) {
        found.subjects.push(subject(OURS, Some(builds::library()?), "this workspace".to_owned()));
    }
    for Library { name, file, package } in LIBRARIES.iter().filter(|peer| wanted(peer.name)) {
        let path = shared_library(file)
            .ok_or_else(|| format!("{file} not found; on Debian: apt-get install {package}"));
        found.add(name, path.map(|path| subject(name, Some(path), debian(package))));
    }
    for (name, path) in cli.extra.iter().filter(|(name, _)| wanted(name)) {
        found.add(name, Ok(subject(name, Some(path.clone()), path.display().to_string())));
    }
    if wanted("glibc") {
        found.add("glibc", Ok(subject("glibc", None, glibc())));
    }
    Ok(found)
}

fn rust(name: &str, feature: Option<&str>, version: String) -> Result<Subject, String> {
    let worker = builds::worker(name, feature)?;
    Ok(Subject { name: name.to_owned(), worker, preload: None, environment: Vec::new(), version })
}

/// A library in one of the folders where the dynamic linker looks.
fn shared_library(file: &str) -> Option<PathBuf> {
    let multiarch = format!("/usr/lib/{}-linux-gnu", std::env::consts::ARCH);
    [multiarch.as_str(), "/usr/local/lib", "/usr/lib64", "/usr/lib"]
        .iter()
        .map(|folder| Path::new(folder).join(file))
        .find(|path| path.exists())
}

/// The version of a crate in the workspace's lock file.
pub(crate) fn locked(package: &str) -> String {
    let text = fs::read_to_string(builds::root().join("Cargo.lock")).unwrap_or_default();
    let head = format!("name = \"{package}\"\nversion = \"");
    let version = text.split_once(&head).and_then(|(_, rest)| rest.split('"').next());
    version.unwrap_or("of unknown version").to_owned()
}

/// The version of a Debian package.
fn debian(package: &str) -> String {
    let query =
        Command::new("dpkg-query").args(["-W", "-f=${Package} ${Version}", package]).output();
    match query {
        Ok(output) if output.status.success() => {
            String::from_utf8_lossy(&output.stdout).into_owned()
        }
        _ => "of unknown version".to_owned(),
    }
}

fn glibc() -> String {
    // SAFETY: glibc returns a constant, terminated string.
    #[cfg(target_env = "gnu")]
    let version = unsafe { core::ffi::CStr::from_ptr(libc::gnu_get_libc_version()) };
    #[cfg(not(target_env = "gnu"))]
    let version = c"(not glibc)";
    format!("glibc {}", version.to_string_lossy())
}
