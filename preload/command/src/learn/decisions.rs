//! The decisions of a log: each change, with what became of it.

use super::log::Step;
use hakmem_core::learn::{Change, Note, Reason, Verdict};

/// A change, and its verdict where it was tried first.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Decision {
    /// When, as steps count time.
    pub(crate) at: u64,
    pub(crate) change: Change,
    /// When it settled, and how.
    pub(crate) settled: Option<(u64, Verdict)>,
}

/// Decisions as they come.
#[derive(Debug, Default)]
pub(crate) struct Decisions {
    pub(crate) all: Vec<Decision>,
}

impl Decisions {
    /// Takes the notes of one step. A verdict on a change that the log does not have is left out.
    pub(crate) fn take(&mut self, step: &Step) {
        for note in &step.notes {
            match *note {
                Note::Changed(change) => {
                    self.all.push(Decision { at: step.now, change, settled: None });
                }
                Note::Settled(verdict) => {
                    let tried = self.all.iter_mut().rev().find(|decision| {
                        decision.change.lever == verdict.lever
                            && decision.change.class == verdict.class
                            && !matches!(decision.change.reason, Reason::Undone | Reason::Unclear)
                    });
                    if let Some(tried) = tried.filter(|decision| decision.settled.is_none()) {
                        tried.settled = Some((step.now, verdict));
                    }
                }
            }
        }
    }

    /// How many were tried and stay, and how many were tried and do not.
    pub(crate) fn kept_and_undone(&self) -> (usize, usize) {
        let settled = || self.all.iter().filter_map(|decision| decision.settled);
        let kept = settled().filter(|(_, verdict)| verdict.stays).count();
        (kept, settled().count() - kept)
    }
}
