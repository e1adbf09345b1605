//! git on a real repository that is made on the spot.

use crate::Verdict;
use crate::both::{installed, same_output};

pub(crate) fn history_gc_and_fsck() -> Verdict {
    match installed("git").and_then(|_| installed("sh")) {
        Err(reason) => Verdict::Skipped(reason),
        Ok(shell) => {
            same_output(&shell, "git", |command, _| {
                command.args(["-c", include_str!("git.sh")]);
            });
            Verdict::Passed
        }
    }
}
