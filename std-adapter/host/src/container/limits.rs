//! What a container allows.

use super::group::{Group, Hierarchy, Version};
use super::number::decimal;
use super::root::Root;

/// v1 writes "no limit" as the largest signed figure, rounded down to a page; no page of a kernel
/// that knows groups is larger than 64 KiB.
const NO_LIMIT: u64 = i64::MAX as u64 & !0xFFFF;

/// The limits that hold for the process; `None` is no limit.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Limits {
    /// Bytes that the process and its neighbours in the group can have; beyond, the kernel kills.
    pub memory_max: Option<u64>,
    /// Bytes beyond which the kernel slows the group down and takes memory back. In v1, the least
    /// of what it reclaims to when the machine runs short.
    pub memory_high: Option<u64>,
    /// CPU time over time, in thousandths of a CPU: rounded up, so 1 at least.
    pub cpus_milli: Option<u32>,
}

/// Reads the limits of the process below `root`.
pub fn read(root: &Root) -> Limits {
    let mut limits = Limits::default();
    each(root, Hierarchy::Memory, |group| {
        let bounds = Bounds::of(group);
        limits.memory_max = smaller(limits.memory_max, bounds.max);
        limits.memory_high = smaller(limits.memory_high, bounds.high);
    });
    each(root, Hierarchy::Cpu, |group| {
        limits.cpus_milli = smaller(limits.cpus_milli, cpus_milli(group));
    });
    limits
}

/// What one group allows, in bytes.
pub(super) struct Bounds {
    pub(super) max: Option<u64>,
    pub(super) high: Option<u64>,
}

impl Bounds {
    pub(super) fn of(group: &mut Group) -> Self {
        let [max, high]: [&[u8]; 2] = match group.version {
            Version::V1 => [b"/memory.limit_in_bytes", b"/memory.soft_limit_in_bytes"],
            Version::V2 => [b"/memory.max", b"/memory.high"],
        };
        Self { max: group.figure(max).filter(is_limit), high: group.figure(high).filter(is_limit) }
    }
}

/// Calls `visit` with every group whose limits hold for the process, its own first.
pub(super) fn each(root: &Root, hierarchy: Hierarchy, mut visit: impl FnMut(&mut Group)) {
    let mut group = Group::new();
    let mut is_group = group.find(root, hierarchy);
    while is_group {
        if group.binds() {
            visit(&mut group);
        }
        is_group = group.up();
    }
}

/// The smaller of two limits.
pub(super) fn smaller<T: Ord>(one: Option<T>, other: Option<T>) -> Option<T> {
    match (one, other) {
        (Some(one), Some(other)) => Some(one.min(other)),
        (one, other) => one.or(other),
    }
}

fn is_limit(bytes: &u64) -> bool {
    *bytes < NO_LIMIT
}

fn cpus_milli(group: &mut Group) -> Option<u32> {
    let (quota, period) = match group.version {
        Version::V1 => (group.figure(b"/cpu.cfs_quota_us")?, group.figure(b"/cpu.cfs_period_us")?),
        Version::V2 => group.text(b"/cpu.max", quota_and_period)??,
    };
    if quota == 0 || period == 0 {
        return None;
    }
    let milli = (u128::from(quota) * 1000).div_ceil(period.into());
    Some(u32::try_from(milli).unwrap_or(u32::MAX))
}

/// Two figures, a blank between them.
fn quota_and_period(text: &[u8]) -> Option<(u64, u64)> {
    let blank = text.iter().position(|&byte| byte == b' ')?;
    Some((decimal(&text[..blank])?, decimal(&text[blank + 1..])?))
}
