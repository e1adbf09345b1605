//! The assembly text of the instructions that were executed.

use crate::tracer::Walk;
use hakmem_tests::child;
use std::collections::HashMap;
use std::path::Path;
use std::time::Duration;

/// A path that takes more steps than this needs no longer listing to be seen as wrong.
const MOST_LINES: usize = 80;

/// The disassembly of one file, by address.
pub(crate) struct Listing(HashMap<u64, String>);

impl Listing {
    pub(crate) fn of(file: &Path) -> Self {
        let mut objdump = child::plain("objdump");
        objdump.args(["-d", "--no-show-raw-insn"]).arg(file);
        let output = child::run(&mut objdump, Duration::from_secs(60)).expect_success("objdump");
        let instructions = output.stdout.lines().filter_map(|line| {
            let (address, text) = line.split_once(":\t")?;
            let address = u64::from_str_radix(address.trim(), 16).ok()?;
            Some((address, text.trim().to_owned()))
        });
        Self(instructions.collect())
    }

    /// The text of a walk, an instruction a line.
    pub(crate) fn lines(&self, walk: &Walk) -> String {
        let line = |(number, address): (usize, &u64)| {
            let text = self.0.get(address).map_or("(in another file)", String::as_str);
            format!("{:4}  {address:8x}  {text}\n", number + 1)
        };
        walk.steps.iter().enumerate().take(MOST_LINES).map(line).collect()
    }
}

/// What no hot path may hold.
pub(crate) fn forbidden(lines: &str) -> Option<&'static str> {
    lines.lines().find_map(|line| {
        let mut words = line.split_whitespace().skip(2);
        let instruction = words.next()?;
        let operands = words.next().unwrap_or("");
        match instruction {
            "(in" => Some("leaves its own file"),
            "lock" => Some("a locked instruction"),
            "syscall" => Some("a system call"),
            _ if line.contains("__tls_get_addr") => Some("a look-up of thread-local storage"),
            _ if instruction.starts_with("call") => Some("a call"),
            // An exchange with memory locks without a prefix.
            _ if instruction.starts_with("xchg") && operands.contains('(') => {
                Some("a locked instruction")
            }
            _ => None,
        }
    })
}
