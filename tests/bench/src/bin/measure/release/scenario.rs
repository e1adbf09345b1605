//! What a scenario of `measure release` is, and who takes part.

use std::process::Command;

use crate::allocators::{OURS, Subject};
use crate::child::under;

/// An allocator with the settings that one line of a table is for.
pub(crate) struct Contender<'a> {
    /// As printed.
    pub(crate) label: String,
    pub(crate) subject: &'a Subject,
    /// Variables set for it, beside the preload.
    pub(crate) environment: Vec<(&'static str, &'static str)>,
    /// The one that ratios are for.
    pub(crate) is_main: bool,
}

impl Contender<'_> {
    /// A command that runs under it.
    pub(crate) fn command(&self, program: impl AsRef<std::ffi::OsStr>) -> Command {
        self.set(under(program, self.subject))
    }

    /// A command that has the preload, with the variables, too.
    pub(crate) fn set(&self, mut command: Command) -> Command {
        command.envs(self.environment.iter().copied());
        command
    }
}

/// Who takes part in a scenario.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Field {
    /// Every allocator as it is.
    All,
    /// The same, but hakmem with each setting of its background thread.
    Background,
    /// hakmem alone: as it is, and never giving anything back.
    Release,
}

impl Field {
    pub(crate) fn contenders(self, subjects: &[Subject]) -> Vec<Contender<'_>> {
        subjects.iter().flat_map(|subject| self.of(subject)).collect()
    }

    fn of(self, subject: &Subject) -> Vec<Contender<'_>> {
        let is_ours = subject.name == OURS;
        let plain = || Contender {
            label: subject.name.clone(),
            subject,
            environment: Vec::new(),
            is_main: is_ours,
        };
        let with = |variable, value, word: &str| Contender {
            label: format!("{}, {word} {value}", subject.name),
            environment: vec![(variable, value)],
            is_main: false,
            ..plain()
        };
        match self {
            Self::Background if is_ours => {
                let settings = ["off", "on", "auto"];
                settings.map(|value| with("HAKMEM_BACKGROUND", value, "background")).into()
            }
            Self::Release if is_ours => vec![plain(), with("HAKMEM_DECAY", "off", "decay")],
            Self::Release => Vec::new(),
            _ => vec![plain()],
        }
    }
}

/// One variant of a scenario, which gets tables of its own.
pub(crate) struct Case {
    /// As printed; empty where there is but one.
    pub(crate) label: String,
    /// Arguments of the worker, or what else the scenario makes of them.
    pub(crate) args: Vec<String>,
}

impl Case {
    pub(crate) fn new(label: &str, args: &str) -> Self {
        let args = args.split_whitespace().map(str::to_owned).collect();
        Self { label: label.to_owned(), args }
    }
}

/// One number of a run.
#[derive(Clone, Debug, PartialEq)]
pub(crate) struct Figure {
    /// The table that it belongs to; empty where there is but one.
    pub(crate) table: &'static str,
    pub(crate) column: String,
    pub(crate) value: f64,
}

impl Figure {
    pub(crate) fn new(column: impl Into<String>, value: f64) -> Self {
        Self { table: "", column: column.into(), value }
    }
}

/// What a run gave.
#[derive(Default)]
pub(crate) struct Figures {
    pub(crate) figures: Vec<Figure>,
    /// Lines below the tables.
    pub(crate) notes: Vec<String>,
}

/// One scenario.
pub(crate) trait Scenario {
    /// As given on the command line.
    fn name(&self) -> &'static str;
    /// What it does, and what its tables hold: a line or two.
    fn about(&self) -> &'static str;
    /// Who takes part.
    fn field(&self) -> Field;

    /// Whether it measures time, so that several rounds are needed.
    fn is_timed(&self) -> bool {
        false
    }

    /// The name of a last line with the main contender's figures over the least of the others'.
    fn ratio(&self) -> Option<&'static str> {
        None
    }

    /// An error says what is not installed, and which Debian package brings it.
    fn ready(&self) -> Result<(), String> {
        Ok(())
    }

    /// Its variants, smaller and shorter for a first look.
    fn cases(&self, quick: bool) -> Vec<Case>;

    /// One run.
    fn run(&self, case: &Case, contender: &Contender) -> Result<Figures, String>;
}

#[cfg(test)]
mod tests {
    use super::*;

    fn labels(field: Field) -> Vec<String> {
        let subject = |name: &str| Subject {
            name: name.to_owned(),
            worker: "worker".into(),
            preload: None,
            environment: Vec::new(),
            version: String::new(),
        };
        let subjects = [subject(OURS), subject("other")];
        field.contenders(&subjects).into_iter().map(|contender| contender.label).collect()
    }

    #[test]
    fn only_hakmem_has_settings() {
        assert_eq!(labels(Field::All), ["hakmem", "other"]);
        assert_eq!(labels(Field::Background).len(), 4);
        assert_eq!(labels(Field::Release), ["hakmem", "hakmem, decay off"]);
    }
}
