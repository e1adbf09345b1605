//! How near a container is to its limit of memory.

use super::group::{Group, Hierarchy, Version};
use super::limits::{Bounds, each, smaller};
use super::number::decimal;
use super::root::Root;

/// Memory of the group that has the least room left, of those whose limits hold for the process.
///
/// That need not be the group with the smallest limit: a larger one above it may be nearly full with
/// what other groups use.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Usage {
    /// Bytes that the group can have before the kernel slows it down or kills: in v2 the smaller of
    /// `memory.max` and `memory.high`; in v1 the hard limit, for it is no sign of trouble to be
    /// above the soft one.
    pub limit: u64,
    /// Bytes that the group has, contents of files included.
    pub current: u64,
    /// Of these, contents of files that were not used lately: the kernel drops them before it comes
    /// to anything else. 0 where it does not tell.
    pub inactive_file: u64,
}

impl Usage {
    /// Bytes left, at the cost of nothing but files not used lately; 0 at the limit and above.
    pub fn headroom(&self) -> u64 {
        self.limit.saturating_sub(self.current.saturating_sub(self.inactive_file))
    }
}

/// Reads how near the process is to its limit of memory below `root`. `None`: no group has a limit
/// and tells what it uses.
pub fn usage(root: &Root) -> Option<Usage> {
    let mut nearest: Option<Usage> = None;
    each(root, Hierarchy::Memory, |group| {
        if let Some(usage) = of(group) {
            if nearest.is_none_or(|nearest| usage.headroom() < nearest.headroom()) {
                nearest = Some(usage);
            }
        }
    });
    nearest
}

fn of(group: &mut Group) -> Option<Usage> {
    let bounds = Bounds::of(group);
    let (limit, current, inactive): (_, &[u8], &[u8]) = match group.version {
        Version::V1 => (bounds.max, b"/memory.usage_in_bytes", b"total_inactive_file "),
        Version::V2 => (smaller(bounds.max, bounds.high), b"/memory.current", b"inactive_file "),
    };
    let (limit, current) = (limit?, group.figure(current)?);
    let mut inactive_file = None;
    group.lines(b"/memory.stat", |line| {
        inactive_file = inactive_file.or(line.strip_prefix(inactive).and_then(decimal));
    });
    Some(Usage { limit, current, inactive_file: inactive_file.unwrap_or(0) })
}
