//! `hakmem learn` and `hakmem policy`, as users run them.

mod faults;
mod plot;
mod policy;
mod replay;
mod show;
mod story;

use std::fs;
use std::path::PathBuf;
use std::process::Command;

/// What a command came to.
#[derive(Debug)]
struct Outcome {
    status: Option<i32>,
    out: String,
    err: String,
}

fn hakmem(words: &[&str]) -> Outcome {
    let output = Command::new(env!("CARGO_BIN_EXE_hakmem")).args(words).output();
    let output = output.expect("the command starts");
    Outcome {
        status: output.status.code(),
        out: String::from_utf8(output.stdout).expect("the output is text"),
        err: String::from_utf8(output.stderr).expect("the errors are text"),
    }
}

/// A file of a test's own, gone with it.
struct Scratch(PathBuf);

impl Scratch {
    fn new(name: &str) -> Self {
        Self(PathBuf::from(env!("CARGO_TARGET_TMPDIR")).join(name))
    }

    fn with(name: &str, contents: impl AsRef<[u8]>) -> Self {
        let file = Self::new(name);
        fs::write(&file.0, contents).expect("a scratch file can be written");
        file
    }

    fn path(&self) -> &str {
        self.0.to_str().expect("the path is text")
    }
}

impl Drop for Scratch {
    fn drop(&mut self) {
        let _ = fs::remove_file(&self.0);
    }
}
