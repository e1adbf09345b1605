//! Tests whose subject is the death of a process: the test runs itself again as a child.

use std::process::{Command, Output};

/// Set in the child to the name of its test. (`HAKMEM_` would be warned about.)
const CHILD: &str = "CHILD_OF_TEST";

/// In the child, does `act` and exits with 0 if that returns. In the parent, answers how the child
/// of the test `name` fared, with `variables` in its environment.
pub(crate) fn run(name: &str, variables: &[(&str, &str)], act: impl FnOnce()) -> Output {
    if std::env::var_os(CHILD).is_some_and(|child| child == name) {
        act();
        std::process::exit(0);
    }
    Command::new(std::env::current_exe().expect("a path to this test"))
        .args([name, "--exact", "--nocapture", "--test-threads=1"])
        .env(CHILD, name)
        .envs(variables.iter().copied())
        .output()
        .expect("a child process")
}

/// The child's words on standard error that are hakmem's.
pub(crate) fn words(output: &Output) -> Vec<String> {
    let text = String::from_utf8_lossy(&output.stderr);
    text.lines().filter(|line| line.starts_with("hakmem: ")).map(str::to_owned).collect()
}
