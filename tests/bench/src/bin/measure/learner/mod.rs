//! `cargo measure learner`: hakmem's learner against static policies and other allocators, in tables.
//!
//! ```text
//!   stationary   changing   ablation   convergence   cost     one or more tables each
//!        \          |   \      /   \        |         /
//!       sweep       |    scene      \      log       /        the best static policies; scenarios
//!        |   \      |      |         \              /
//!     settings load |    watch ------------------- /          a child, looked at while it runs
//!            \      |
//!             rounds: contenders in turn, medians, pairs
//!                |
//!         field: who takes part;  statistics: intervals, scores, integrals
//! ```

mod ablation;
mod changing;
mod convergence;
mod cost;
mod field;
mod load;
mod log;
mod rounds;
mod scene;
mod settings;
mod stationary;
mod statistics;
mod sweep;
mod watch;

use std::cell::Cell;

use serde_json::{Value, json};

use crate::cli::{Cli, LearnerArgs, fits};
use crate::machine::Machine;
use crate::suite::{self, Task};
use field::Field;
use load::Load;
use rounds::Entry;
use settings::Setting;
use sweep::Sweep;

/// A part of the report.
struct Part {
    name: &'static str,
    about: &'static str,
    /// Whether it needs the best static policies.
    is_swept: bool,
    run: fn(&Session) -> Result<(String, Value), String>,
}

#[rustfmt::skip] // a table
const PARTS: [Part; 8] = [
    Part {
        name: "stationary", is_swept: true, run: stationary::run,
        about: "Workloads that stay as they are. `on` over `static` in pairs of one round, mean and 95 % interval, in percent \
                more (+) or less (-): less is better. `≤ 2 %`: whether the whole interval is at most 2 % behind (yes), beyond \
                (no), or neither (open). `oracle/static`: time and memory together; `share`: how much of that the \
                learner reached, where it is over 5 %.",
    },
    Part {
        name: "phases", is_swept: true, run: |session| changing::run(session, "phases"),
        about: "Programs whose phases differ. `mean MiB` and `MiB s`: mean and integral over time of the resident set, \
                sampled each 20 ms from outside.",
    },
    Part {
        name: "ceiling", is_swept: true, run: |session| changing::run(session, CEILING),
        about: "The phases of `shift`, each alone, with the static policy that is best for it: what this is worth over `static` is \
                the most that changing a policy's numbers from phase to phase can be worth.",
    },
    Part {
        name: "threads", is_swept: true, run: |session| changing::run(session, "threads"),
        about: "Many threads, few of them active.",
    },
    Part {
        name: "growth", is_swept: true, run: |session| changing::run(session, "growth"),
        about: "A heap that only grows.",
    },
    Part {
        name: "ablation", is_swept: false, run: ablation::run,
        about: "The learner with one lever held fast at its default, and (`default`) without a learner. A star: the 95 % \
                interval has no zero in it (from two rounds on).",
    },
    Part {
        name: "convergence", is_swept: false, run: convergence::run,
        about: "Seconds, from the first step on, until every number that follows is within 5 % of its last; cold, and warm \
                from the policy that the cold run saved. Medians.",
    },
    Part {
        name: "cost", is_swept: false, run: cost::run,
        about: "hakmem's background thread (HAKMEM_BACKGROUND=on), with the learner and without, while two threads of the \
                program are busy, and while none calls the allocator. Medians.",
    },
];

/// The part of [`scene::stages`].
const CEILING: &str = "ceiling";

/// What all parts share.
struct Session<'a> {
    args: &'a LearnerArgs,
    field: Field,
    /// The workloads that stay as they are.
    tasks: Vec<Task>,
    sweep: Sweep,
    /// The best static policy of all workloads together.
    fixed: Setting,
    has_failed: Cell<bool>,
}

impl Session<'_> {
    /// Notes that something failed.
    fn failed(&self, failed: bool) {
        self.has_failed.set(self.has_failed.get() | failed);
    }

    /// hakmem with its learner, with the static policy, and with the workload's own, where that is
    /// another one.
    fn hakmems(&self, workload: &str) -> Result<Vec<Entry>, String> {
        let best = self.sweep.best(Some(workload));
        let mut subjects = vec![self.field.on(), self.field.fixed("static", self.fixed)?];
        if best != self.fixed {
            subjects.push(self.field.fixed("oracle", best)?);
        }
        Ok(subjects.into_iter().map(Entry::always).collect())
    }

    /// hakmem as it is, and the other allocators, in every so many-th round.
    fn others(&self, every: usize) -> Result<impl Iterator<Item = Entry>, String> {
        let subjects = [self.field.usual()?].into_iter().chain(self.field.peers().iter().cloned());
        Ok(subjects.map(move |subject| Entry { subject, every }))
    }
}

/// Runs what was asked for, and prints each part's tables once they are there; false where something
/// failed.
pub(crate) fn run(cli: &Cli, args: &LearnerArgs) -> Result<bool, String> {
    if args.list {
        list();
        return Ok(true);
    }
    if let Some((name, _)) = std::env::vars_os().find(|(name, _)| is_ours(name)) {
        return Err(format!("{} is set: the contenders have their own", name.display()));
    }
    let parts = chosen(&args.only)?;
    let tasks = suite::chosen(&args.workloads)?;
    let machine = Machine::here();
    let field = Field::find(cli, field::folder())?;
    let quick = if args.quick { "; a tenth of the work: a first look only" } else { "" };
    println!("# The learner\n\n{}{quick}\n\n{}", machine.line(), field.head());
    let (sweep, notes) = swept(args, &field, &parts)?;
    let fixed = sweep.best(None);
    let session = Session { args, field, tasks, sweep, fixed, has_failed: Cell::new(false) };
    for line in notes.iter().chain(&complaints(&session)?) {
        println!("- {line}");
    }
    println!();
    if session.sweep.workloads() > 0 {
        println!("## sweep\n\n{SWEEP}\n\n{}", session.sweep.text());
    }
    let mut figures = Vec::new();
    for part in parts {
        println!("## {}\n\n{}\n", part.name, part.about);
        let (text, json) = (part.run)(&session)?;
        print!("{text}");
        figures.push(json!({ "part": part.name, "figures": json }));
    }
    if let Some(path) = &cli.json {
        let all = json!({ "machine": machine.json(), "static": fixed.text(), "parts": figures });
        let text = serde_json::to_string_pretty(&all).map_err(|error| error.to_string())?;
        std::fs::write(path, text).map_err(|error| format!("{}: {error}", path.display()))?;
    }
    Ok(!session.has_failed.get())
}

/// Whether a variable is one that every contender would inherit.
fn is_ours(name: &std::ffi::OsStr) -> bool {
    name.as_encoded_bytes().starts_with(b"HAKMEM_")
}

const SWEEP: &str = "Static policies, learner off: the best of all workloads together, and of each. Percent less (-) or more \
                     (+) than hakmem's default; `both` is time times memory.";

/// The sweep, with what was missing in it; and lines about what could not be measured.
fn swept(
    args: &LearnerArgs,
    field: &Field,
    parts: &[&Part],
) -> Result<(Sweep, Vec<String>), String> {
    let is_wanted = parts.iter().any(|part| part.is_swept);
    let usual = field.folder.join(if args.quick { "sweep-quick.json" } else { "sweep.json" });
    if args.sweep.is_none() && is_wanted {
        // Without being asked, nothing old is used; there may be none.
        let _ = std::fs::remove_file(&usual);
    }
    let path = args.sweep.as_ref().unwrap_or(&usual);
    let mut sweep = Sweep::open(path, args.part(), args.sweep_rounds())?;
    if !is_wanted {
        return Ok((sweep, Vec::new()));
    }
    let tasks = suite::chosen(&args.workloads)?.into_iter().map(Load::Task);
    let has_stages = parts.iter().any(|part| part.name == CEILING);
    let scenes = scene::all().chain(scene::stages().filter(|_| has_stages));
    let loads: Vec<Load> = tasks.chain(scenes.map(Load::Scene)).collect();
    let mut notes = sweep.complete(field, &loads);
    notes.iter_mut().for_each(|note| note.insert_str(0, "not swept: "));
    eprintln!("measure: the sweep is in {}", path.display());
    Ok((sweep, notes))
}

/// What hakmem says about the variables that it is given.
fn complaints(session: &Session) -> Result<Vec<String>, String> {
    let field = &session.field;
    let fixed = field.hakmem("a fixed lever", &[("HAKMEM_LEARN_FIXED", "lists")]);
    let mut subjects = vec![field.on(), fixed, field.fixed("static", session.fixed)?];
    // Some file must be tried, even where the best policy is the default.
    if let Some(setting) = Setting::all().into_iter().nth(1) {
        subjects.push(field.fixed("a policy", setting)?);
    }
    Ok(field.complaints(&subjects).into_iter().collect())
}

fn list() {
    for Part { name, about, .. } in &PARTS {
        println!("{name:<14} {about}");
    }
    for scene::Scene { name, part, about, .. } in scene::all().chain(scene::stages()) {
        println!("  {name:<12} ({part}) {about}");
    }
}

/// The parts that `--only` names; all without it.
fn chosen(only: &[String]) -> Result<Vec<&'static Part>, String> {
    let unknown = |pattern: &&String| !PARTS.iter().any(|part| fits(pattern, part.name));
    if let Some(pattern) = only.iter().find(unknown) {
        return Err(format!("no part is called {pattern}: see --list"));
    }
    let wanted = |name: &str| only.is_empty() || only.iter().any(|pattern| fits(pattern, name));
    Ok(PARTS.iter().filter(|part| wanted(part.name)).collect())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_differ_and_can_be_chosen() {
        for part in &PARTS {
            assert_eq!(chosen(&[part.name.to_owned()]).unwrap().len(), 1, "{}", part.name);
        }
        assert_eq!(chosen(&[]).unwrap().len(), PARTS.len());
        assert!(chosen(&["nothing".to_owned()]).is_err());
    }

    #[test]
    fn every_scene_has_a_part() {
        for scene in scene::all().chain(scene::stages()) {
            assert!(PARTS.iter().any(|part| part.name == scene.part), "{}", scene.name);
        }
    }
}
