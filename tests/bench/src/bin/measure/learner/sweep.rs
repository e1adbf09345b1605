//! The sweep for the best static policies: of each workload, and of all together.
//!
//! Each number of the policy is moved alone, then what won alone is put together and checked. Costs are
//! kept as ratios to the default's in the same rounds, so that the machine's mood between two days does
//! not count. What was measured is kept in a file, and only what is missing in it is measured later.

use std::collections::{BTreeMap, BTreeSet};
use std::fs;
use std::path::{Path, PathBuf};

use serde_json::{Value, json};

use crate::learner::field::Field;
use crate::learner::load::Load;
use crate::learner::rounds::{Entry, Grid};
use crate::learner::scene;
use crate::learner::settings::{AXES, Setting};
use crate::learner::statistics::Cost;
use crate::samples::geometric_mean;
use crate::table::Table;

/// A value of one number is taken only where it wins this part: less may be chance.
const MARGIN: f64 = 0.01;
/// Scenarios of many seconds run at this part of their length, and in one of so many rounds.
const SCENE_PART: f64 = 0.5;
const SCENE_ROUNDS: usize = 3;

/// What was measured: costs over the default's, by workload and setting.
pub(crate) struct Sweep {
    path: PathBuf,
    /// The part of a full run that it was made with.
    part: f64,
    rounds: usize,
    costs: BTreeMap<String, BTreeMap<Setting, Cost>>,
}

impl Sweep {
    /// What a file holds; nothing, where there is none yet.
    pub(crate) fn open(path: &Path, part: f64, rounds: usize) -> Result<Self, String> {
        let mut sweep = Self { path: path.to_owned(), part, rounds, costs: BTreeMap::new() };
        if path.exists() {
            let bad = |error: String| format!("{}: {error}", path.display());
            let text = fs::read_to_string(path).map_err(|error| bad(error.to_string()))?;
            let value = serde_json::from_str(&text).map_err(|error| bad(error.to_string()))?;
            sweep.take(&value).map_err(bad)?;
        }
        Ok(sweep)
    }

    fn take(&mut self, value: &Value) -> Result<(), String> {
        let part = value["part"].as_f64().ok_or("this is no sweep")?;
        if (part - self.part).abs() > 1e-9 {
            return Err(format!(
                "it was made with {part} of the work, and now it is {}",
                self.part
            ));
        }
        let costs = value["costs"].as_array().ok_or("this is no sweep")?;
        for line in costs {
            let number = |name: &str| line[name].as_f64().filter(|number| *number > 0.0);
            let (Some(load), Some(setting)) = (line["workload"].as_str(), line["setting"].as_str())
            else {
                return Err(format!("not understood: {line}"));
            };
            // A setting that is no longer in the grid is of no use.
            let (Some(setting), Some(time), Some(memory)) =
                (Setting::of_text(setting), number("time"), number("memory"))
            else {
                continue;
            };
            let known = self.costs.entry(load.to_owned()).or_default();
            known.insert(setting, Cost { time, memory });
        }
        Ok(())
    }

    fn save(&self) -> Result<(), String> {
        let lines = self.costs.iter().flat_map(|(load, costs)| {
            costs.iter().map(move |(setting, Cost { time, memory })| {
                json!({ "workload": load, "setting": setting.text(), "time": time, "memory": memory })
            })
        });
        let all = json!({ "part": self.part, "costs": lines.collect::<Vec<_>>() });
        let text = serde_json::to_string_pretty(&all).map_err(|error| error.to_string())?;
        fs::write(&self.path, text).map_err(|error| format!("{}: {error}", self.path.display()))
    }

    /// Measures what is missing; lines about what could not be.
    pub(crate) fn complete(&mut self, field: &Field, loads: &[Load]) -> Vec<String> {
        let mut notes = Vec::new();
        let mut able = Vec::new();
        for load in loads {
            match load.ready(self.part_of(load)) {
                Ok(()) => able.push(load),
                Err(error) => notes.push(format!("{}: {error}", load.name())),
            }
        }
        notes.extend(self.measure_each(field, &able, |_, _| Setting::all()));
        let together = self.combination(None);
        let combined = |sweep: &Self, name: &str| vec![together, sweep.combination(Some(name))];
        notes.extend(self.measure_each(field, &able, combined));
        notes
    }

    /// Measures each workload under its settings; lines about what failed.
    fn measure_each(
        &mut self,
        field: &Field,
        loads: &[&Load],
        settings: impl Fn(&Self, &str) -> Vec<Setting>,
    ) -> Vec<String> {
        let mut failed = Vec::new();
        for load in loads {
            let wanted = settings(self, load.name());
            if let Err(error) = self.measure(field, load, &wanted) {
                failed.push(format!("{}: {error}", load.name()));
            }
        }
        failed
    }

    fn part_of(&self, load: &Load) -> f64 {
        match load {
            Load::Task(_) => self.part,
            Load::Scene(_) => self.part * SCENE_PART,
        }
    }

    /// Measures a workload under those settings that it was not measured with, beside the default.
    fn measure(&mut self, field: &Field, load: &Load, wanted: &[Setting]) -> Result<(), String> {
        let known = self.costs.entry(load.name().to_owned()).or_default();
        let missing: BTreeSet<Setting> =
            wanted.iter().copied().filter(|setting| !known.contains_key(setting)).collect();
        let others: Vec<Setting> =
            missing.into_iter().filter(|&setting| setting != Setting::USUAL).collect();
        if others.is_empty() {
            return Ok(());
        }
        let name = |setting: Setting| setting.text();
        let entry = |&setting: &Setting| field.fixed(&name(setting), setting).map(Entry::always);
        let settings = [&[Setting::USUAL], &others[..]].concat();
        let entries: Vec<Entry> = settings.iter().map(entry).collect::<Result<_, _>>()?;
        let rounds = match load {
            Load::Task(_) => self.rounds,
            Load::Scene(_) => self.rounds.div_ceil(SCENE_ROUNDS),
        };
        let part = self.part_of(load);
        let what = format!("sweep of {} over {} policies", load.name(), entries.len());
        let grid = Grid::measure(&what, &["time", "memory"], &entries, rounds, |subject| {
            load.run(subject, part).map(|Cost { time, memory }| vec![time, memory])
        });
        if !grid.is_good() {
            return Err(grid.failures().trim().to_owned());
        }
        for &setting in &settings {
            let ratio = |column| grid.median_ratio(&name(setting), &name(Setting::USUAL), column);
            if let (Some(time), Some(memory)) = (ratio(0), ratio(1)) {
                let known = self.costs.entry(load.name().to_owned()).or_default();
                known.insert(setting, Cost { time, memory });
            }
        }
        self.save()
    }

    /// Workloads whose costs are known.
    pub(crate) fn workloads(&self) -> usize {
        self.costs.values().filter(|costs| !costs.is_empty()).count()
    }

    /// Those of them that count where all are weighed together.
    fn counted(&self) -> usize {
        self.costs.iter().filter(|(name, costs)| !costs.is_empty() && counts(name)).count()
    }

    /// The score of a setting, 1 being the default's: of one workload, or the geometric mean of all.
    /// `None` where it was not measured everywhere.
    fn score(&self, setting: Setting, load: Option<&str>) -> Option<f64> {
        let costs = |name: &str| self.costs.get(name)?.get(&setting).map(|cost| cost.score());
        if let Some(name) = load {
            return costs(name);
        }
        let known = self.costs.iter().filter(|(name, costs)| !costs.is_empty() && counts(name));
        let scores: Vec<f64> = known.map(|(name, _)| costs(name)).collect::<Option<_>>()?;
        geometric_mean(&scores)
    }

    /// For each number of the policy the value that wins alone, if it wins anything.
    fn combination(&self, load: Option<&str>) -> Setting {
        (0..AXES).fold(Setting::USUAL, |together, axis| {
            let scored = Setting::singles(axis)
                .filter_map(|setting| Some((setting, self.score(setting, load)?)));
            let best = scored.min_by(|one, other| one.1.total_cmp(&other.1));
            match best {
                Some((setting, score)) if score < 1.0 - MARGIN => together.taking(axis, setting),
                _ => together,
            }
        })
    }

    /// The best static policy: of one workload, or of all together.
    pub(crate) fn best(&self, load: Option<&str>) -> Setting {
        let singles = Setting::all().into_iter();
        let tried = singles.chain([self.combination(None), self.combination(load)]);
        let scored = tried.filter_map(|setting| Some((setting, self.score(setting, load)?)));
        let best = scored.min_by(|one, other| one.1.total_cmp(&other.1));
        best.filter(|best| best.1 < 1.0 - MARGIN).map_or(Setting::USUAL, |best| best.0)
    }

    /// What won, where.
    pub(crate) fn text(&self) -> String {
        let percent = |score: Option<f64>| {
            score.map_or("-".to_owned(), |score| format!("{:+.1}", (score - 1.0) * 100.0))
        };
        let head = [
            "workload",
            "best policy",
            "time, %",
            "memory, %",
            "both, %",
            "`static` there, both, %",
        ];
        let mut table = Table::new(head.map(str::to_owned).into());
        let overall = self.best(None);
        let means = |pick: fn(&Cost) -> f64| {
            let counted = self.costs.iter().filter(|(name, _)| counts(name));
            let all = counted.filter_map(|(_, costs)| costs.get(&overall).map(pick));
            geometric_mean(&all.collect::<Vec<_>>())
        };
        let all = self.score(overall, None);
        table.row(vec![
            format!("all {} (`static`)", self.counted()),
            overall.text(),
            percent(means(|cost| cost.time)),
            percent(means(|cost| cost.memory)),
            percent(all),
            percent(all),
        ]);
        for (name, costs) in self.costs.iter().filter(|(_, costs)| !costs.is_empty()) {
            let best = self.best(Some(name));
            let cost = costs.get(&best);
            table.row(vec![
                name.clone(),
                best.text(),
                percent(cost.map(|cost| cost.time)),
                percent(cost.map(|cost| cost.memory)),
                percent(self.score(best, Some(name))),
                percent(self.score(overall, Some(name))),
            ]);
        }
        table.text()
    }
}

/// Whether a workload counts where all are weighed together: a part of another does not.
fn counts(name: &str) -> bool {
    scene::stages().all(|stage| stage.name != name)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn sweep(costs: &[(&str, &str, f64, f64)]) -> Sweep {
        let mut sweep =
            Sweep { path: "nowhere".into(), part: 1.0, rounds: 1, costs: BTreeMap::new() };
        for &(load, text, time, memory) in costs {
            let known = sweep.costs.entry(load.to_owned()).or_default();
            known.insert(Setting::USUAL, Cost { time: 1.0, memory: 1.0 });
            known.insert(Setting::of_text(text).unwrap(), Cost { time, memory });
        }
        sweep
    }

    #[test]
    fn the_best_of_one_is_not_the_best_of_all() {
        let sweep = sweep(&[
            ("a", "lists x8", 0.5, 1.0),
            ("b", "lists x8", 4.0, 1.0),
            ("a", "lists x2", 0.9, 1.0),
            ("b", "lists x2", 0.9, 1.0),
        ]);
        assert_eq!(sweep.best(Some("a")).text(), "lists x8");
        assert_eq!(sweep.best(Some("b")).text(), "lists x2");
        assert_eq!(sweep.best(None).text(), "lists x2");
        assert_eq!(sweep.workloads(), 2);
    }

    #[test]
    fn winners_are_put_together_and_must_win_together() {
        let alone = [("a", "lists x2", 0.9, 1.0), ("a", "decay 2 s", 0.9, 1.0)];
        let both = "lists x2, decay 2 s";
        assert_eq!(sweep(&alone).combination(Some("a")).text(), both);
        // Not measured yet: it cannot be the best.
        assert_ne!(sweep(&alone).best(Some("a")).text(), both);
        let good = [&alone[..], &[("a", both, 0.8, 1.0)]].concat();
        assert_eq!(sweep(&good).best(Some("a")).text(), both);
        let bad = [&alone[..], &[("a", both, 1.2, 1.0)]].concat();
        assert_ne!(sweep(&bad).best(Some("a")).text(), both);
    }

    #[test]
    fn what_may_be_chance_wins_nothing() {
        let sweep = sweep(&[("a", "kept 1 MiB", 0.996, 1.0)]);
        assert_eq!(sweep.best(Some("a")), Setting::USUAL);
        assert_eq!(sweep.combination(None), Setting::USUAL);
    }

    #[test]
    fn a_part_of_another_counts_for_itself_alone() {
        let of = |name| [(name, "the default", 1.0, 1.0), (name, "decay 2 s", 0.5, 1.0)];
        let alone = sweep(&of("shift-nodes"));
        assert_eq!(alone.best(Some("shift-nodes")).text(), "decay 2 s");
        assert_eq!(alone.counted(), 0);
        assert_eq!(alone.best(None), Setting::USUAL);
        assert_eq!(sweep(&of("shift")).best(None).text(), "decay 2 s");
    }

    #[test]
    fn a_file_gives_back_what_was_saved() {
        let folder = std::env::temp_dir().join(format!("hakmem-sweep-{}", std::process::id()));
        fs::create_dir_all(&folder).unwrap();
        let path = folder.join("sweep.json");
        let made = Sweep { path: path.clone(), ..sweep(&[("a", "fresh huge", 0.7, 1.1)]) };
        made.save().unwrap();
        let read = Sweep::open(&path, 1.0, 1).unwrap();
        assert_eq!(read.costs, made.costs);
        assert!(Sweep::open(&path, 0.2, 1).is_err(), "another scale");
        fs::write(&path, "{}").unwrap();
        assert!(Sweep::open(&path, 1.0, 1).is_err());
        fs::remove_dir_all(&folder).unwrap();
        assert_eq!(Sweep::open(&path, 1.0, 1).unwrap().workloads(), 0);
    }
}
