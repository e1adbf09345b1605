//! Which file a descriptor leads to: numbers are given anew.

use rustix::fd::{AsFd, BorrowedFd, IntoRawFd, OwnedFd};
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

/// The same file by a number far up, out of the way of programs that count on getting the lowest ones.
///
/// # Errors
/// The system's.
pub(super) fn far(file: &OwnedFd) -> Result<OwnedFd, Errno> {
    rustix::io::fcntl_dupfd_cloexec(file, 200).or_else(|_| rustix::io::fcntl_dupfd_cloexec(file, 3))
}

/// Closes a descriptor, unless its number leads elsewhere by now: then it is the program's own.
pub(super) fn close(fd: OwnedFd, file: Identity) {
    if of(fd.as_fd()) != Ok(file) {
        let _ = fd.into_raw_fd();
    }
}
