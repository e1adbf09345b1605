//! A machine made by QEMU.

use hakmem_tests::child::{self, Outcome};
use hakmem_tests::{artefacts, find};
use std::path::PathBuf;
use std::time::Duration;

/// A kernel that takes so long hangs.
pub(crate) const LIMIT: Duration = Duration::from_secs(300);

pub(crate) const QEMU: &str = "qemu-system-x86_64";

/// The emulator, or why there is none.
pub(crate) fn qemu() -> Result<PathBuf, String> {
    if !cfg!(all(target_arch = "x86_64", target_os = "linux")) {
        return Err("the kernel is built on x86-64 Linux only".to_owned());
    }
    find::program(QEMU).ok_or_else(|| format!("{QEMU} is not installed"))
}

/// A machine that boots the kernel.
pub(crate) struct Machine {
    qemu: PathBuf,
    kernel: PathBuf,
    cpus: usize,
}

impl Machine {
    /// A machine with so many CPUs, each a thread of its own; or why there can be none.
    pub(crate) fn new(cpus: usize, optimised: bool) -> Result<Self, String> {
        Ok(Self { qemu: qemu()?, kernel: artefacts::kernel(optimised), cpus })
    }

    /// Boots it. What it says comes as standard output.
    pub(crate) fn run(&mut self, command_line: &str) -> Outcome {
        let mut command = child::plain(&self.qemu);
        command
            .args(["-nodefaults", "-no-user-config", "-no-reboot", "-display", "none"])
            .args(["-machine", "pc", "-accel", "tcg,thread=multi", "-m", "128M"])
            .args(["-smp", &self.cpus.to_string()])
            .args(["-serial", "stdio", "-device", "isa-debug-exit,iobase=0xf4,iosize=4"])
            .arg("-kernel")
            .arg(&self.kernel)
            .args(["-append", command_line]);
        child::run(&mut command, LIMIT)
    }
}

/// How a kernel ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Ending {
    /// By its own word, well.
    Success,
    /// By its own word, in a panic.
    Failure,
    /// In another way: it hung, or the machine gave up.
    Other,
}

impl Ending {
    pub(crate) fn of(outcome: &Outcome) -> Self {
        // What the kernel writes to the port, twice, and 1.
        match outcome.status.code() {
            _ if outcome.hung => Self::Other,
            Some(33) => Self::Success,
            Some(35) => Self::Failure,
            _ => Self::Other,
        }
    }
}
