//! House rules as tests, so that they hold without a reviewer.

use hakmem_tests::artefacts::workspace;
use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;

#[path = "tidy/layers.rs"]
mod layers;
#[path = "tidy/source.rs"]
mod source;

use source::{Source, files};

const MOST_LINES: usize = 400;

fn no_faults(faults: &[String]) {
    assert!(faults.is_empty(), "\n{}", faults.join("\n"));
}

/// The sources of the packages that go into users' programs.
fn library_sources() -> Vec<Source> {
    let sources = files(&["rs"]).into_iter().filter(|file| {
        let in_tests = file.components().any(|part| part.as_os_str() == "tests");
        !in_tests
    });
    sources.map(Source::read).collect()
}

#[test]
fn files_are_short() {
    let sources = files(&["rs", "c", "cc", "cpp", "h", "py", "sh"]);
    assert!(sources.len() > 50, "the sources were not found");
    let mut faults = Vec::new();
    for source in sources.into_iter().map(Source::read) {
        let lines = source.lines_of_code();
        if lines > MOST_LINES {
            faults.push(format!("{}: {lines} lines of code, at most {MOST_LINES}", source.name()));
        }
    }
    no_faults(&faults);
}

#[test]
fn unsafe_says_why_it_is_sound() {
    let mut faults = Vec::new();
    let mut seen = 0;
    for source in library_sources() {
        for (number, line) in source.code() {
            if line.contains("unsafe {") || line.starts_with("unsafe impl") {
                seen += 1;
                if !source.is_justified(number) {
                    faults.push(format!("{}:{}: no SAFETY comment", source.name(), number + 1));
                }
            }
        }
    }
    assert!(seen > 50, "the unsafe blocks were not found");
    no_faults(&faults);
}

#[test]
fn atomics_are_named_behind_one_door() {
    let names = ["core::sync::atomic", "std::sync::atomic", "spin::", "loom::"];
    let mut faults = Vec::new();
    let mut in_door = 0;
    for source in library_sources() {
        if !source.path.starts_with(workspace().join("core/src")) {
            continue;
        }
        let is_door = source.path.ends_with("core/src/sync.rs");
        let in_model = source.path.starts_with(workspace().join("core/src/models"));
        for (number, line) in source.code() {
            if !names.iter().any(|name| line.contains(name)) {
                continue;
            }
            in_door += usize::from(is_door);
            if !is_door && !in_model {
                faults.push(format!("{}:{}: {line}", source.name(), number + 1));
            }
        }
    }
    assert!(in_door > 0, "core/src/sync.rs was not found");
    no_faults(&faults);
}

#[test]
fn nothing_is_left_undone() {
    // In two parts, or this file would be the first to fail.
    let words = [
        concat!("to", "do!"),
        concat!("unimple", "mented!"),
        concat!("FIX", "ME"),
        concat!("TO", "DO"),
        concat!("XX", "X:"),
        concat!("#[ig", "nore"),
        concat!("db", "g!"),
    ];
    let mut faults = Vec::new();
    for source in files(&["rs", "c", "cc", "cpp", "h", "md", "toml", "sh"]) {
        let source = Source::read(source);
        for (number, line) in source.text.lines().enumerate() {
            if words.iter().any(|word| line.contains(word)) {
                faults.push(format!("{}:{}: {line}", source.name(), number + 1));
            }
        }
    }
    no_faults(&faults);
}

#[test]
fn layers_import_downward_only() {
    no_faults(&layers::faults());
}

#[test]
fn top_level_holds_what_belongs_there() {
    let allowed = [
        "CHANGELOG.md",
        "Cargo.lock",
        "Cargo.toml",
        "LICENSE-APACHE",
        "LICENSE-MIT",
        "README.md",
        "core",
        "preload",
        "std-adapter",
        "tests",
    ];
    let ignored = fs::read_to_string(workspace().join(".gitignore")).expect("there is one");
    let ignored: Vec<&str> = ignored.lines().map(|line| line.trim_matches(['/', '*'])).collect();
    let mut faults = Vec::new();
    for entry in fs::read_dir(workspace()).expect("the workspace is readable") {
        let name = entry.expect("an entry has a name").file_name();
        let name = name.to_string_lossy();
        let is_ignored = ignored.iter().any(|prefix| name.starts_with(prefix));
        if !name.starts_with('.') && !allowed.contains(&&*name) && !is_ignored {
            faults.push(format!("{name} does not belong at the top"));
        }
    }
    no_faults(&faults);
}

#[test]
fn no_crate_of_the_library_is_built_with_std() {
    for package in ["core", "std-adapter/host", "preload"] {
        let lib = fs::read_to_string(workspace().join(package).join("src/lib.rs"));
        let lib = lib.unwrap_or_else(|error| panic!("{package}/src/lib.rs: {error}"));
        assert!(lib.contains("no_std"), "{package} is not no_std");
    }
    // Features are shared by the whole workspace, so that is what the question is about.
    let cargo = std::env::var_os("CARGO").expect("cargo runs the tests");
    let manifest = fs::read_to_string(workspace().join("Cargo.toml")).expect("there is one");
    for shared in ["rustix", "spin"] {
        // Other crates' allocators, which are measured beside ours, may have it in another version.
        let entry = manifest.split_once(&format!("\n{shared} = {{ version = \""));
        let version = entry.and_then(|(_, rest)| rest.split('"').next()).expect("a version");
        let mut tree = Command::new(&cargo);
        tree.current_dir(workspace()).args(["tree", "--workspace", "--edges", "normal,features"]);
        tree.args(["--prefix", "none", "--invert", &format!("{shared}@{version}")]);
        let output = tree.output().expect("cargo starts");
        let text = String::from_utf8_lossy(&output.stdout);
        assert!(text.contains(shared), "{shared}: {}", String::from_utf8_lossy(&output.stderr));
        let fault = text.lines().find(|line| *line == format!("{shared} feature \"std\""));
        assert!(fault.is_none(), "{shared} is built with std:\n{text}");
    }
}

#[test]
fn readme_names_both_commands() {
    let readme = fs::read_to_string(workspace().join("README.md")).expect("there is a README");
    for command in ["cargo demo", "cargo verify"] {
        assert!(readme.contains(command), "README.md does not name `{command}`");
    }
}

#[test]
fn every_variable_is_documented() {
    let readme = fs::read_to_string(workspace().join("README.md")).expect("there is a README");
    let mut seen = 0;
    let mut faults = Vec::new();
    for source in library_sources() {
        for (number, line) in source.code() {
            for part in line.split("HAKMEM_").skip(1) {
                let end = part.find(|c: char| !c.is_ascii_uppercase() && c != '_');
                let name = format!("HAKMEM_{}", &part[..end.unwrap_or(part.len())]);
                seen += 1;
                if !readme.contains(&name) {
                    let place = format!("{}:{}", source.name(), number + 1);
                    faults.push(format!("{place}: README.md does not name {name}"));
                }
            }
        }
    }
    assert!(seen > 2, "the variables were not found");
    no_faults(&faults);
}

/// The path of a file, from the root of the workspace.
fn short(path: &Path) -> PathBuf {
    path.strip_prefix(workspace()).unwrap_or(path).to_path_buf()
}
