//! The notes of one step.

use super::{Change, Decisions, Note, Verdict};

/// Notes as they are gathered: as many as fit, which are as many as a step can make.
pub(super) struct Notes {
    notes: [Option<Note>; Decisions::NOTES],
    len: usize,
}

impl Notes {
    pub(super) fn new() -> Self {
        Self { notes: [None; Decisions::NOTES], len: 0 }
    }

    pub(super) fn changed(&mut self, change: Change) {
        self.add(Note::Changed(change));
    }

    pub(super) fn settled(&mut self, verdict: Verdict) {
        self.add(Note::Settled(verdict));
    }

    /// Whether anything was changed.
    pub(super) fn any_changed(&self) -> bool {
        self.notes.iter().flatten().any(|note| matches!(note, Note::Changed(_)))
    }

    pub(super) fn into_array(self) -> [Option<Note>; Decisions::NOTES] {
        self.notes
    }

    fn add(&mut self, note: Note) {
        if let Some(place) = self.notes.get_mut(self.len) {
            *place = Some(note);
            self.len += 1;
        }
    }
}
