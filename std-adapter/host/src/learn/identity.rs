//! Which file a descriptor leads to: numbers are given anew.

use rustix::fd::BorrowedFd;
use rustix::fs::fstat;
use rustix::io::Errno;

/// Device and inode.
pub(super) type Identity = [u64; 2];

/// The file's.
///
/// # Errors
/// The system's: the descriptor is not open.
#[allow(clippy::unnecessary_cast, reason = "their types differ between architectures")]
pub(super) fn of(fd: BorrowedFd<'_>) -> Result<Identity, Errno> {
    fstat(fd).map(|stat| [stat.st_dev as u64, stat.st_ino as u64])
}
