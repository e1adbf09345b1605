//! Building what is measured, with the cargo that runs us.

use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

use serde_json::Value;

/// The root of the workspace.
pub(crate) fn root() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).ancestors().nth(2).expect("two folders down").to_owned()
}

/// The build script of snmalloc takes any debug information, line tables included, for a wish to
/// have a debug build, which is some ten times slower.
const NO_DEBUG: &str = "profile.release.package.snmalloc-sys.debug=false";

/// Builds one worker in release mode; its path.
pub(crate) fn worker(name: &str, feature: Option<&str>) -> Result<PathBuf, String> {
    let bin = format!("worker-{name}");
    let mut args = vec!["-p", "hakmem-bench", "--bin", &bin];
    args.extend(feature.iter().flat_map(|feature| ["--features", feature]));
    args.extend(["--config", NO_DEBUG]);
    artifact(&args, |artifact| artifact["executable"].as_str().map(PathBuf::from))
        .map_err(|error| format!("{bin}: {error}"))
}

/// Builds hakmem's shared library in release mode; its path.
pub(crate) fn library() -> Result<PathBuf, String> {
    artifact(&["-p", "hakmem-preload"], |artifact| {
        let files = artifact["filenames"].as_array()?;
        files.iter().filter_map(Value::as_str).find(|file| file.ends_with(".so")).map(PathBuf::from)
    })
}

/// Runs `cargo build --release` and picks the last file that `pick` finds among the artifacts.
fn artifact(args: &[&str], pick: impl Fn(&Value) -> Option<PathBuf>) -> Result<PathBuf, String> {
    let cargo = std::env::var_os("CARGO").unwrap_or_else(|| "cargo".into());
    let output = Command::new(cargo)
        .current_dir(root())
        .args(["build", "--release", "--quiet", "--message-format=json-render-diagnostics"])
        .args(args)
        .stderr(Stdio::piped())
        .output()
        .map_err(|error| format!("cargo does not start: {error}"))?;
    if !output.status.success() {
        let text = String::from_utf8_lossy(&output.stderr);
        let lines: Vec<_> = text.lines().collect();
        return Err(format!(
            "cargo build failed:\n{}",
            lines[lines.len().saturating_sub(25)..].join("\n")
        ));
    }
    let text = String::from_utf8_lossy(&output.stdout);
    text.lines()
        .filter_map(|line| serde_json::from_str::<Value>(line).ok())
        .filter(|message| message["reason"] == "compiler-artifact")
        .filter_map(|message| pick(&message))
        .last()
        .ok_or_else(|| "cargo built nothing".to_owned())
}
