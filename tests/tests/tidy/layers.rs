//! The order of the modules of hakmem-core, lowest first.

use crate::source::Source;
use crate::{files, short};
use hakmem_tests::artefacts::workspace;
use std::path::Path;

/// A module may name itself and those in the rows before its own. A file that stands higher than
/// its folder has a row of its own.
const LAYERS: &[&[&str]] = &[
    // Ground.
    &["broken", "geometry", "layer", "misuse", "steps"],
    &["sync"],
    &["extent"],
    &["huge", "losses", "marks", "regret", "runs", "sieve", "sums", "trips"],
    &["class"],
    &["block", "entry", "word"],
    // Source, registry.
    &["source"],
    &["ledger", "region"],
    &["small"],
    &["registry"],
    &["hints", "owners", "policy"],
    &["learn"],
    // Back.
    &["returned"],
    &["superslab"],
    &["slab", "pool"],
    &["arena", "numbers"],
    &["large", "span"],
    // Front.
    &["cold", "door", "outbox", "sorter"],
    &["cache"],
    &["lengths"],
    &["caches"],
    &["counters"],
    // The heap, and its methods.
    &["heap"],
    &["look", "stats"],
    &["arena/paths", "large/look", "large/paths", "large/resize", "supers"],
    &["span/alloc", "span/free", "span/look", "span/release", "span/resize"],
    &["describe", "validate"],
    &["home", "limit", "reach", "refill", "release"],
    &["alloc", "free", "now", "ready", "realloc"],
    // Whole heaps for kernels.
    &["kernel"],
];

/// What may be named from below, and why.
const FROM_BELOW: &[(&str, &str)] = &[
    // The trait tells its host about a cache, and looks at none.
    ("source", "cache"),
];

/// Modules that belong to tests alone, and may name all.
const TESTS: &[&str] = &["fakes", "models", "tests"];

fn rank(module: &str) -> Option<usize> {
    LAYERS.iter().position(|row| row.contains(&module))
}

fn is_allowed_from_below(module: &str, other: &str) -> bool {
    FROM_BELOW.contains(&(module, other))
}

/// The path of a file below `src`, without its ending.
fn file_of(path: &Path) -> String {
    let below = path.strip_prefix(workspace().join("core/src")).unwrap_or(path);
    below.with_extension("").to_string_lossy().into_owned()
}

/// The modules that a line of code names by `crate::`, several in braces included.
fn named(code: &str) -> Vec<String> {
    let mut found = Vec::new();
    for rest in code.split("crate::").skip(1) {
        match rest.strip_prefix('{') {
            Some(list) => {
                let mut depth = 0;
                let mut word = String::new();
                for c in list.chars() {
                    match c {
                        '{' => depth += 1,
                        '}' if depth == 0 => break,
                        '}' => depth -= 1,
                        ',' if depth == 0 => found.push(std::mem::take(&mut word)),
                        _ if depth == 0 => word.push(c),
                        _ => {}
                    }
                }
                found.push(word);
            }
            None => found.push(rest.to_owned()),
        }
    }
    let name = |text: &String| {
        let text = text.trim();
        text[..text.find(|c: char| !c.is_alphanumeric() && c != '_').unwrap_or(text.len())]
            .to_owned()
    };
    // A name with a capital is an item of the crate's root, exported for users.
    let mut found: Vec<String> = found.iter().map(name).collect();
    found.retain(|name| name.starts_with(|c: char| c.is_lowercase()));
    found
}

/// Every import that does not run downward.
pub(crate) fn faults() -> Vec<String> {
    let mut faults = Vec::new();
    let core = workspace().join("core/src");
    for path in files(&["rs"]).into_iter().filter(|path| path.starts_with(&core)) {
        let file = file_of(&path);
        let module = file.split('/').next().unwrap_or(&file);
        let in_tests = path.iter().any(|part| TESTS.iter().any(|t| part == *t))
            || TESTS.iter().any(|t| path.file_stem().is_some_and(|stem| stem == *t));
        if module == "lib" || in_tests {
            continue;
        }
        let Some(own) = rank(&file).or_else(|| rank(module)) else {
            faults.push(format!("{}: {module} is not in the list", short(&path).display()));
            continue;
        };
        let source = Source::read(path);
        let code: Vec<&str> = source.code().map(|(_, line)| line).collect();
        for other in named(&code.join(" ")) {
            match rank(&other) {
                _ if other == module || is_allowed_from_below(module, &other) => {}
                Some(rank) if rank < own => {}
                Some(_) => faults.push(format!("{}: names {other}", source.name())),
                None if TESTS.contains(&other.as_str()) => {}
                None => faults.push(format!("{}: {other} is not in the list", source.name())),
            }
        }
    }
    faults
}
