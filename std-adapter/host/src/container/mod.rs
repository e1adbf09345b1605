//! What a container allows this process, and how pressed for memory it is.
//!
//! ```text
//!   limits.rs   memory_max, memory_high, CPU quota     usage.rs   how near the tightest one is
//!   pressure.rs who waits for memory (PSI)
//!      \------------------ group.rs ------------------/
//!        the process's control group, and the way up to its mount:
//!        /proc/self/cgroup names it, /proc/self/mountinfo (mount.rs) says where it can be seen
//!   files.rs   paths, small files, lines       number.rs   figures       root.rs   where / is
//! ```
//!
//! | question | cgroup v2 | cgroup v1 |
//! |---|---|---|
//! | memory, hard | `memory.max` | `memory.limit_in_bytes` |
//! | memory, soft | `memory.high` | `memory.soft_limit_in_bytes` |
//! | memory in use | `memory.current` | `memory.usage_in_bytes` |
//! | of that, files not used lately | `inactive_file` in `memory.stat` | `total_inactive_file` |
//! | CPU | `cpu.max` | `cpu.cfs_quota_us`, `cpu.cfs_period_us` |
//! | pressure | `memory.pressure`, else `/proc/pressure/memory` | `/proc/pressure/memory` |
//!
//! A controller belongs to v1 where `/proc/self/cgroup` has a v1 line for it, else to v2: so a
//! machine that has both is read right. The limits of every group from the process's own up to the
//! mount hold for it, and the smallest counts.
//!
//! **A limit that cannot be read is no limit.** That is the answer to a file that is missing, not
//! readable, a folder, empty, longer than any such file, negative, too large for its type, or has
//! anything beside the figure. One unreadable file takes nothing away from the others. A limit of 0
//! is a limit of 0: the kernel takes it at its word. A CPU quota of 0, or of a period of 0, is none,
//! for the kernel refuses both.
//!
//! Which group it is counts for the whole process; that one thread may have been moved elsewhere is
//! passed over. Groups outside of what is mounted are not guessed at: of a mount that was made above
//! the process's namespace, only the group at the mount itself is known to hold it.
//!
//! Nothing here allocates, panics, keeps a descriptor between calls or remembers anything: each call
//! reads anew, so a limit that changes, and a process that is moved, show at the next one. A call
//! takes about 5 KiB of stack. `errno` stays as it was where rustix makes system calls itself, which
//! is what it does on x86-64, aarch64 and most other kinds of Linux machine.
//!
//! Sources: the kernel's documents on cgroup v2, cgroup v1 (memory, CPU bandwidth) and PSI, and
//! proc(5) on `mountinfo`.

mod files;
mod group;
mod limits;
mod mount;
mod number;
mod pressure;
mod root;
#[cfg(test)]
mod tests;
mod usage;

pub(crate) use files::{Path as PathBuffer, open_to_read, read_start, small_file};
pub use limits::{Limits, read};
pub use pressure::{Pressure, pressure};
pub use root::Root;
pub(crate) use root::Shared;
pub use usage::{Usage, usage};
