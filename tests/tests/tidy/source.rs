//! Source files, read line by line.

use hakmem_tests::artefacts::workspace;
use std::fs;
use std::path::{Path, PathBuf};

/// One file and its text.
pub(crate) struct Source {
    pub(crate) path: PathBuf,
    pub(crate) text: String,
}

impl Source {
    pub(crate) fn read(path: PathBuf) -> Self {
        let text = fs::read_to_string(&path);
        let text = text.unwrap_or_else(|error| panic!("{}: {error}", path.display()));
        Self { path, text }
    }

    /// The path from the root of the workspace.
    pub(crate) fn name(&self) -> String {
        super::short(&self.path).display().to_string()
    }

    /// The lines that are code, trimmed, each with its number from 0: no blank lines, comments,
    /// or unit tests at the end of a file.
    pub(crate) fn code(&self) -> impl Iterator<Item = (usize, &str)> {
        let lines = self.text.lines().enumerate().take_while(|(_, line)| !begins_tests(line));
        lines.map(|(number, line)| (number, line.trim())).filter(|(_, line)| !is_blank(line))
    }

    /// How long the file is, by the house rule.
    pub(crate) fn lines_of_code(&self) -> usize {
        self.code().count()
    }

    /// Whether a SAFETY comment stands directly above the statement that holds line `number`.
    pub(crate) fn is_justified(&self, number: usize) -> bool {
        let lines: Vec<&str> = self.text.lines().map(str::trim).collect();
        let mut in_comment = false;
        for line in lines[..number].iter().rev() {
            if line.starts_with("//") {
                if line.contains("SAFETY:") {
                    return true;
                }
                in_comment = true;
            } else if in_comment || line.is_empty() || ends_statement(line) {
                return false;
            }
        }
        false
    }
}

fn is_blank(line: &str) -> bool {
    line.is_empty() || line.starts_with("//") || line.starts_with("# ") || line == "#"
}

/// Unit tests stand at the end of a file, in a module `tests`.
fn begins_tests(line: &str) -> bool {
    line == "mod tests {"
}

fn ends_statement(line: &str) -> bool {
    line.ends_with([';', '{', '}']) || line.ends_with("},")
}

/// All files of the workspace with one of these endings, build directories left out.
pub(crate) fn files(endings: &[&str]) -> Vec<PathBuf> {
    let mut found = Vec::new();
    for part in ["core", "std-adapter", "preload", "tests", ".ci"] {
        search(&workspace().join(part), endings, &mut found);
    }
    for name in ["Cargo.toml", "README.md", "CHANGELOG.md"] {
        let path = workspace().join(name);
        if path.exists() && endings.iter().any(|ending| name.ends_with(ending)) {
            found.push(path);
        }
    }
    found.sort();
    found
}

fn search(dir: &Path, endings: &[&str], found: &mut Vec<PathBuf>) {
    for entry in fs::read_dir(dir).unwrap_or_else(|e| panic!("{}: {e}", dir.display())) {
        let path = entry.expect("an entry has a name").path();
        if path.is_dir() {
            if !path.ends_with("target") {
                search(&path, endings, found);
            }
        } else if path.extension().is_some_and(|is| endings.iter().any(|ending| is == *ending)) {
            found.push(path);
        }
    }
}
