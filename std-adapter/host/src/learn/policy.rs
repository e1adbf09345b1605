//! The policy's file.

use super::identity;
use super::log::write_through;
use super::quietly::quietly;
use crate::container::{PathBuffer, open_to_read, read_start};
use crate::libc;
use crate::line::Line;
use core::fmt::{self, Display, Formatter, Write};
use hakmem_core::Policy;
use hakmem_core::policy::text::{self, LONGEST, Machine, PolicyError};
use rustix::fd::AsFd;
use rustix::fs::{Mode, OFlags, fdatasync, open, rename, unlink};
use rustix::io::Errno;

/// Why a file could not be read.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum Fault {
    Missing,
    Unreadable(Errno),
    Broken(PolicyError),
}

impl Display for Fault {
    fn fmt(&self, f: &mut Formatter<'_>) -> fmt::Result {
        match self {
            Self::Missing => f.write_str("there is no such file"),
            Self::Unreadable(error) => write!(f, "cannot be read (error {})", error.raw_os_error()),
            Self::Broken(error) => error.fmt(f),
        }
    }
}

/// The machine that this is.
pub(crate) fn machine(page: usize) -> Machine {
    let number = |name| u64::try_from(libc::sysconf(name)).unwrap_or(0);
    let memory = number(libc::SC_PHYS_PAGES).saturating_mul(page as u64) >> 20;
    Machine {
        page: page as u32,
        cpus: number(libc::SC_NPROCESSORS_ONLN) as u32,
        memory: u32::try_from(memory).unwrap_or(u32::MAX),
    }
}

/// Reads a policy that was written on a machine like this one.
pub(super) fn load(path: &PathBuffer, machine: &Machine) -> Result<Policy, Fault> {
    let file = open_to_read(path).map_err(|error| match error {
        Errno::NOENT => Fault::Missing,
        error => Fault::Unreadable(error),
    })?;
    let mut bytes = [0; LONGEST + 1];
    let read = read_start(file, &mut bytes).map_err(Fault::Unreadable)?;
    text::parse(read, machine).map_err(Fault::Broken)
}

/// What is worked with while a policy is written: too much for the stack of any thread. All zero at first.
pub(super) struct Desk {
    pub(super) path: PathBuffer,
    beside: PathBuffer,
    piece: Line<512>,
}

impl Desk {
    pub(super) const fn new() -> Self {
        Self { path: PathBuffer::new(), beside: PathBuffer::new(), piece: Line::new() }
    }

    /// Writes a policy beside the file at `path`, and puts it into its place at once. `lasts`: the disk is
    /// waited for before, or a machine that stops may be found with an empty file.
    ///
    /// # Errors
    /// The system's; then the file is as it was.
    pub(super) fn save(
        &mut self,
        policy: &Policy,
        machine: &Machine,
        lasts: bool,
    ) -> Result<(), Errno> {
        let mut ending = Line::<24>::new();
        // Writing to a line cannot fail.
        let _ = write!(ending, ".{}.new", libc::getpid());
        let Self { path, beside, piece } = self;
        if !beside.set(&[path.as_bytes(), ending.as_bytes()]) {
            return Err(Errno::NAMETOOLONG);
        }
        // Left by a process of the same number that did not come to an end of its own.
        let _ = unlink(beside.as_c_str());
        let flags = OFlags::WRONLY | OFlags::CREATE | OFlags::EXCL | OFlags::CLOEXEC;
        let low = open(beside.as_c_str(), flags, Mode::from_raw_mode(0o666))?;
        // The disk may take its time, and meanwhile the program may close every number it knows of.
        let found = identity::of(low.as_fd()).and_then(|file| Ok((identity::far(&low)?, file)));
        drop(low);
        let (file, identity) = found.inspect_err(|_| _ = unlink(beside.as_c_str()))?;
        let text = Text(policy, machine);
        let written = quietly(|| write_through(&file, piece, format_args!("{text}")));
        let kept = written.and_then(|()| if lasts { fdatasync(&file) } else { Ok(()) });
        identity::close(file, identity);
        let placed = kept.and_then(|()| rename(beside.as_c_str(), path.as_c_str()));
        if placed.is_err() {
            let _ = unlink(beside.as_c_str());
        }
        placed
    }
}

struct Text<'a>(&'a Policy, &'a Machine);

impl Display for Text<'_> {
    fn fmt(&self, f: &mut Formatter<'_>) -> fmt::Result {
        text::write(self.0, self.1, f)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::{env, fs, process};

    #[test]
    fn what_is_saved_is_loaded() {
        let folder = env::temp_dir().join(std::format!("hakmem-{}-policy", process::id()));
        fs::create_dir_all(&folder).unwrap();
        let mut desk = Desk::new();
        assert!(desk.path.push(folder.join("p").to_str().expect("UTF-8").as_bytes()));
        let machine = machine(4096);
        assert!(machine.cpus > 0 && machine.memory > 0);
        assert_eq!(load(&desk.path, &machine), Err(Fault::Missing));
        let policy = Policy { decay: 123, ..Policy::DEFAULT };
        for policy in [policy, Policy::DEFAULT, policy] {
            assert_eq!(desk.save(&policy, &machine, true), Ok(()));
            assert_eq!(load(&desk.path, &machine), Ok(policy));
            assert_eq!(fs::read_dir(&folder).unwrap().count(), 1);
        }
        let other = Machine { cpus: machine.cpus + 1, ..machine };
        assert_eq!(load(&desk.path, &other), Err(Fault::Broken(PolicyError::Machine(machine))));
        fs::write(folder.join("p"), "x".repeat(LONGEST + 9)).unwrap();
        assert_eq!(load(&desk.path, &machine), Err(Fault::Broken(PolicyError::Foreign)));
        fs::remove_file(folder.join("p")).unwrap();
        fs::create_dir(folder.join("p")).unwrap();
        assert_eq!(load(&desk.path, &machine), Err(Fault::Unreadable(Errno::ISDIR)));
        assert!(desk.save(&policy, &machine, true).is_err());
        assert_eq!(fs::read_dir(&folder).unwrap().count(), 1);
        fs::remove_dir_all(&folder).unwrap();
        assert!(desk.save(&policy, &machine, true).is_err());
    }
}
