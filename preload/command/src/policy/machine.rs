//! The machine that this is, as hakmem in a program would find it.

use hakmem_core::policy::text::Machine;
use std::fs;

pub(super) fn this() -> Machine {
    let system = rustix::system::sysinfo();
    let unit = u64::from(system.mem_unit.max(1));
    let memory = system.totalram.saturating_mul(unit) >> 20;
    Machine {
        page: u32::try_from(rustix::param::page_size()).unwrap_or(0),
        cpus: cpus(),
        memory: u32::try_from(memory).unwrap_or(u32::MAX),
    }
}

/// Processors that are online, as the C library counts them: those that this process may not use
/// are among them.
fn cpus() -> u32 {
    let online = fs::read_to_string("/sys/devices/system/cpu/online").ok();
    online.and_then(|online| count(&online)).unwrap_or_else(|| {
        let usable = std::thread::available_parallelism().map_or(1, usize::from);
        u32::try_from(usable).unwrap_or(u32::MAX)
    })
}

/// How many numbers a list such as `0-3,8` names.
fn count(list: &str) -> Option<u32> {
    list.trim().split(',').try_fold(0_u32, |sum, part| {
        let (first, last) = part.split_once('-').unwrap_or((part, part));
        let (first, last): (u32, u32) = (first.parse().ok()?, last.parse().ok()?);
        sum.checked_add(last.checked_sub(first)?.checked_add(1)?)
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn counts_ranges() {
        assert_eq!(count("0-1\n"), Some(2));
        assert_eq!(count("0\n"), Some(1));
        assert_eq!(count("0-3,8,10-11"), Some(7));
        for bad in ["", "-", "3-1", "a", "0-4294967295"] {
            assert_eq!(count(bad), None, "{bad}");
        }
    }

    #[test]
    fn knows_where_it_is() {
        let machine = this();
        assert!(machine.page.is_power_of_two() && machine.cpus > 0 && machine.memory > 0);
    }
}
