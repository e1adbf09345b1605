//! Who takes part: hakmem with its learner or with a static policy, and the others.

use std::collections::BTreeSet;
use std::ffi::OsString;
use std::path::{Path, PathBuf};

use crate::allocators::{self, Found, OURS, Subject};
use crate::child::{run as run_child, under};
use crate::cli::{Cli, Side};
use crate::learner::settings::Setting;
use crate::release::complaints;

/// The allocators, and where files can be put.
pub(crate) struct Field {
    ours: Subject,
    peers: Vec<Subject>,
    /// Lines about peers that are not there.
    pub(crate) missing: Vec<String>,
    pub(crate) folder: PathBuf,
}

/// The allocator that is no peer here: every program has it.
const BESIDE: &str = "glibc";

impl Field {
    pub(crate) fn find(cli: &Cli, folder: PathBuf) -> Result<Self, String> {
        let Found { mut subjects, missing } = allocators::find(Side::Preload, cli)?;
        let ours = subjects.iter().position(|subject| subject.name == OURS);
        let ours = subjects.remove(ours.ok_or("the learner is hakmem's: it must take part")?);
        subjects.retain(|subject| subject.name != BESIDE || !cli.allocators.is_empty());
        std::fs::create_dir_all(&folder)
            .map_err(|error| format!("{}: {error}", folder.display()))?;
        Ok(Self { ours, peers: subjects, missing, folder })
    }

    /// hakmem with variables of its own.
    pub(crate) fn hakmem(&self, name: &str, environment: &[(&'static str, &str)]) -> Subject {
        let own = environment.iter().map(|&(variable, value)| (variable, OsString::from(value)));
        Subject { name: name.to_owned(), environment: own.collect(), ..self.ours.clone() }
    }

    /// hakmem with its learner.
    pub(crate) fn on(&self) -> Subject {
        self.hakmem("on", &[("HAKMEM_LEARN", "on")])
    }

    /// hakmem with a policy that stays as it is.
    pub(crate) fn fixed(&self, name: &str, setting: Setting) -> Result<Subject, String> {
        let mut subject = self.hakmem(name, &[("HAKMEM_LEARN", "off")]);
        if setting != Setting::USUAL {
            let file = setting.file(&self.folder)?;
            subject.environment.push(("HAKMEM_POLICY", file.into()));
        }
        Ok(subject)
    }

    /// hakmem as it is without its learner.
    pub(crate) fn usual(&self) -> Result<Subject, String> {
        self.fixed("default", Setting::USUAL)
    }

    pub(crate) fn peers(&self) -> &[Subject] {
        &self.peers
    }

    /// Lines on all of them, for the head of the report.
    pub(crate) fn head(&self) -> String {
        let mut text = format!("- {OURS}: {}\n", self.ours.version);
        for Subject { name, version, .. } in &self.peers {
            text += &format!("- {name}: {version}\n");
        }
        for line in &self.missing {
            text += &format!("- not run: {line}\n");
        }
        text
    }

    /// What hakmem says about the variables of some contenders: one that it does not take has no effect,
    /// and the figures would be of something else.
    pub(crate) fn complaints(&self, subjects: &[Subject]) -> BTreeSet<String> {
        let mut lines = BTreeSet::new();
        for subject in subjects {
            match run_child(under(&subject.worker, subject).args(["lifo-1", "0.001"])) {
                Ok(ended) => {
                    lines.extend(complaints(&ended.errors).map(|line| of(subject, &line)));
                }
                Err(error) => drop(lines.insert(of(subject, &error))),
            }
        }
        lines
    }
}

fn of(subject: &Subject, line: &str) -> String {
    format!("{}: {line}", subject.name)
}

/// Where the sweep and the policies of a program's own build lie.
pub(crate) fn folder() -> PathBuf {
    // The command is `target/release/measure`.
    let own = std::env::current_exe().unwrap_or_default();
    own.parent().and_then(Path::parent).unwrap_or(Path::new("target")).join("learner")
}
