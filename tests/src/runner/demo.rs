//! `cargo demo`: builds hakmem and runs a real program under it.

use super::cargo::Cargo;
use super::suites::LIBRARY_AND_COMMAND;
use hakmem_tests::{artefacts, child, find};
use std::fs;
use std::path::PathBuf;

/// A program that is likely to be there, and arguments that make it work for a moment.
const CANDIDATES: &[(&str, &[&str])] = &[
    ("python3", &["-c", PYTHON]),
    ("perl", &["-e", PERL]),
    ("git", &["log", "--stat", "--oneline", "-20"]),
];

const PYTHON: &str = "\
import collections, json
words = [format(i * 2654435761 % 4093, 'x') for i in range(300000)]
counts = collections.Counter(words)
text = json.dumps({word: list(range(n)) for word, n in counts.items()})
print(len(json.loads(text)), 'words,', len(text), 'bytes of JSON')
";

const PERL: &str = "\
my %counts; $counts{sprintf '%x', $_ * 2654435761 % 4093}++ for 1 .. 300000;
my $text = join ',', map { \"$_=\" . 'x' x $counts{$_} } sort keys %counts;
print scalar(keys %counts), ' words, ', length($text), \" bytes\\n\";
";

const C: &str = "\
#include <stdio.h>
#include <stdlib.h>
struct tree { struct tree *left, *right; };
static struct tree *grow(int depth) {
    struct tree *tree = calloc(1, sizeof *tree);
    if (depth && tree) tree->left = grow(depth - 1), tree->right = grow(depth - 1);
    return tree;
}
static int fell(struct tree *tree) {
    if (!tree) return 0;
    int count = 1 + fell(tree->left) + fell(tree->right);
    free(tree);
    return count;
}
int main(void) { printf(\"%d nodes built and felled\\n\", fell(grow(19))); return 0; }
";

/// Builds and runs; whether both went well.
///
/// # Errors
/// When there is no program to run.
pub(crate) fn demo() -> Result<bool, String> {
    println!("Building libhakmem.so and the hakmem command.");
    if !Cargo::new().succeeds(LIBRARY_AND_COMMAND) {
        return Ok(false);
    }
    let (program, arguments) = program()?;
    let hakmem = artefacts::command();
    println!(
        "\nRunning {} with hakmem as its allocator:\n$ {} run --stats -- {}{}\n",
        program.display(),
        hakmem.display(),
        program.display(),
        if arguments.is_empty() { "" } else { " ..." }
    );
    let mut command = child::plain(hakmem);
    command.args(["run", "--stats", "--"]).arg(program).args(arguments);
    let status = command.current_dir(artefacts::workspace()).status();
    let status = status.map_err(|error| format!("the hakmem command does not start: {error}\n"))?;
    println!(
        "\nIt ended with {status}. The table above is hakmem's: what it held for the program."
    );
    Ok(status.success())
}

/// The first candidate that this machine has, or a small C program.
fn program() -> Result<(PathBuf, &'static [&'static str]), String> {
    for (program, arguments) in CANDIDATES {
        if let Some(path) = find::program(program) {
            return Ok((path, arguments));
        }
    }
    let dir = artefacts::scratch("demo");
    let (source, program) = (dir.join("trees.c"), dir.join("trees"));
    fs::write(&source, C).map_err(|error| format!("{}: {error}\n", source.display()))?;
    let built = child::plain("cc").arg("-O1").arg("-o").arg(&program).arg(&source).status();
    match built {
        Ok(status) if status.success() => Ok((program, &[])),
        _ => Err("neither python3, perl, git nor a C compiler is there to run\n".to_owned()),
    }
}
