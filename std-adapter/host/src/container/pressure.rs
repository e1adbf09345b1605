//! Who waits for memory.

use super::files::{Path, open, read_whole};
use super::group::{FILE, Group, Hierarchy};
use super::number::percent;
use super::root::Root;

/// How much of the last ten seconds was lost to waiting for memory, in hundredths of a percent: 0 to
/// 10,000.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Pressure {
    /// Time in which one task at least waited.
    pub some_avg10: u32,
    /// Time in which all tasks that had work waited.
    pub full_avg10: u32,
}

/// Reads the pressure on the process's group below `root`; where that has no readable
/// `memory.pressure`, on the machine. `None`: neither can be read, as on kernels that do not measure
/// it or were told not to.
pub fn pressure(root: &Root) -> Option<Pressure> {
    // Pressure is v2's alone, and there even where v1 limits memory.
    let mut group = Group::new();
    let is_group = group.find(root, Hierarchy::Unified);
    let own = is_group.then(|| group.text(b"/memory.pressure", parse)).flatten().flatten();
    own.or_else(|| of_machine(root))
}

#[inline(never)]
fn of_machine(root: &Root) -> Option<Pressure> {
    let file = open(&Path::below(root, b"/proc/pressure/memory"))?;
    parse(read_whole(file, &mut [0; FILE])?)
}

/// Both lines have to be there: `some avg10=0.12 avg60=0.00 avg300=0.00 total=0`, and `full`.
fn parse(text: &[u8]) -> Option<Pressure> {
    let average = |kind: &[u8]| {
        let mut lines = text.split(|&byte| byte == b'\n');
        let values = lines.find_map(|line| line.strip_prefix(kind))?;
        let mut values = values.split(|&byte| byte == b' ');
        percent(values.find_map(|value| value.strip_prefix(b"avg10="))?)
    };
    Some(Pressure { some_avg10: average(b"some ")?, full_avg10: average(b"full ")? })
}
