//! The record that `HAKMEM_LEARN_LOG` names: a header, then a JSON line for each step.

use serde_json::Value;

/// Numbers nearer to each other than this part count as the same.
const NEAR: f64 = 0.05;

/// A policy's numbers.
#[derive(Clone, Debug, PartialEq)]
pub(crate) struct Numbers {
    lists: Vec<f64>,
    /// `growth`, `sharers`, `batch`, `decay`, `kept`.
    others: [f64; OTHERS.len()],
    fresh: String,
}

const OTHERS: [&str; 5] = ["growth", "sharers", "batch", "decay", "kept"];
/// Where `decay` stands among them.
const DECAY: usize = 3;

/// What stood after a step.
#[derive(Clone, Debug, PartialEq)]
pub(crate) struct Step {
    /// Milliseconds on the learner's clock.
    pub(crate) at: f64,
    pub(crate) phase: String,
    /// Numbers that were changed in it.
    pub(crate) changes: usize,
    pub(crate) policy: Numbers,
}

/// A whole record.
#[derive(Clone, Debug, PartialEq)]
pub(crate) struct Log {
    /// What the program started with.
    pub(crate) start: Numbers,
    pub(crate) steps: Vec<Step>,
}

impl Numbers {
    fn of_header(policy: &Value) -> Option<Self> {
        let lists = policy["lists"].as_array()?.iter().map(Value::as_f64).collect::<Option<_>>()?;
        let mut others = [0.0; OTHERS.len()];
        for (number, name) in others.iter_mut().zip(OTHERS) {
            *number = policy[name].as_f64()?;
        }
        Some(Self { lists, others, fresh: policy["fresh"].as_str()?.to_owned() })
    }

    /// Takes over what a step changed.
    fn change(&mut self, policy: &Value) -> Option<()> {
        let policy = policy.as_object()?;
        for (name, value) in policy {
            match name.as_str() {
                "fresh" => value.as_str()?.clone_into(&mut self.fresh),
                "lists" => {
                    for pair in value.as_array()? {
                        let class = usize::try_from(pair[0].as_u64()?).ok()?;
                        *self.lists.get_mut(class)? = pair[1].as_f64()?;
                    }
                }
                name => {
                    let place = OTHERS.iter().position(|other| *other == name)?;
                    self.others[place] = value.as_f64()?;
                }
            }
        }
        Some(())
    }

    /// Whether no number differs by more than [`NEAR`].
    pub(crate) fn is_near(&self, other: &Self) -> bool {
        self.is_near_in_what_is_learned(other)
            && self.fresh == other.fresh
            && self.others.iter().zip(other.others).all(|(one, other)| near(*one, other))
    }

    /// The same for the lists and the decay time alone: the other levers follow what the program is
    /// doing at the moment.
    pub(crate) fn is_near_in_what_is_learned(&self, other: &Self) -> bool {
        near(self.others[DECAY], other.others[DECAY])
            && self.lists.iter().zip(&other.lists).all(|(one, other)| near(*one, *other))
    }
}

fn near(one: f64, other: f64) -> bool {
    (one - other).abs() <= NEAR * one.abs().max(other.abs())
}

impl Log {
    /// Reads a record; an error names the line. A last line that was cut short does not count: the
    /// program may have ended while it was written.
    pub(crate) fn of(text: &str) -> Result<Self, String> {
        let mut lines = text.split_inclusive('\n').filter(|line| line.ends_with('\n'));
        let bad = |number: usize| format!("line {number} of the record cannot be understood");
        let header: Value =
            lines.next().and_then(|line| serde_json::from_str(line).ok()).ok_or_else(|| bad(1))?;
        if header["hakmem"] != "learn" || header["version"] != 1 {
            return Err("this is no record of version 1".to_owned());
        }
        let start = Numbers::of_header(&header["policy"]).ok_or_else(|| bad(1))?;
        let mut policy = start.clone();
        let mut steps = Vec::new();
        for (index, line) in lines.enumerate() {
            let step = serde_json::from_str(line).ok().and_then(|line| step(&line, &mut policy));
            steps.push(step.ok_or_else(|| bad(index + 2))?);
        }
        Ok(Self { start, steps })
    }

    /// The policy at the end.
    pub(crate) fn last(&self) -> &Numbers {
        self.steps.last().map_or(&self.start, |step| &step.policy)
    }

    /// Numbers that were changed.
    pub(crate) fn changes(&self) -> usize {
        self.steps.iter().map(|step| step.changes).sum()
    }

    /// Seconds from the first step to the first one from which on every policy is near the last.
    pub(crate) fn settled(&self, is_near: impl Fn(&Numbers, &Numbers) -> bool) -> f64 {
        let last = self.last();
        let far = self.steps.iter().rposition(|step| !is_near(&step.policy, last));
        let settled = far.map_or(0, |index| index + 1);
        self.seconds(self.steps.get(settled))
    }

    /// Seconds from the first step to the first that is in this phase.
    pub(crate) fn reached(&self, phase: &str) -> Option<f64> {
        let step = self.steps.iter().find(|step| step.phase == phase)?;
        Some(self.seconds(Some(step)))
    }

    fn seconds(&self, step: Option<&Step>) -> f64 {
        match (self.steps.first(), step) {
            (Some(first), Some(step)) => (step.at - first.at).max(0.0) / 1000.0,
            _ => 0.0,
        }
    }
}

fn step(line: &Value, policy: &mut Numbers) -> Option<Step> {
    if let Some(change) = line.get("policy") {
        policy.change(change)?;
    }
    let notes = line.get("notes").and_then(Value::as_array).map_or(&[][..], Vec::as_slice);
    Some(Step {
        at: line["t"].as_f64()?,
        phase: line["phase"].as_str()?.to_owned(),
        changes: notes.iter().filter(|note| note.get("changed").is_some()).count(),
        policy: policy.clone(),
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    const HEADER: &str = r#"{"hakmem":"learn","version":1,"classes":[8,16,32],"start":"on","fixed":[],"policy":{"lists":[64,64,64],"growth":32768,"sharers":0,"batch":4096,"decay":500,"kept":4096,"fresh":"plain"}}"#;

    fn line(at: u64, phase: &str, changed: usize, policy: &str) -> String {
        let note =
            r#"{"changed":"list","class":16,"from":64,"to":96,"reason":"gain","expected":1}"#;
        let notes = vec![note; changed].join(",");
        format!(
            r#"{{"t":{at},"seen":{{}},"phase":"{phase}","notes":[{notes}],"policy":{policy},"pause":100}}"#
        )
    }

    fn log(lines: &[String]) -> Result<Log, String> {
        let lines: String = lines.iter().map(|line| format!("{line}\n")).collect();
        Log::of(&format!("{HEADER}\n{lines}"))
    }

    #[test]
    fn policies_are_followed_from_step_to_step() {
        let log = log(&[
            line(1000, "learn", 0, "{}"),
            line(1100, "canary", 1, r#"{"lists":[[1,96]]}"#),
            line(1300, "learn", 1, r#"{"decay":1000,"fresh":"huge"}"#),
        ])
        .unwrap();
        assert_eq!(log.changes(), 2);
        assert_eq!(log.start.lists, [64.0, 64.0, 64.0]);
        assert_eq!(log.steps[1].policy.lists, [64.0, 96.0, 64.0]);
        assert_eq!(log.steps[1].policy.fresh, "plain");
        assert_eq!((log.last().others[DECAY], log.last().fresh.as_str()), (1000.0, "huge"));
    }

    #[test]
    fn settled_is_when_nothing_far_comes_any_more() {
        let log = log(&[
            line(1000, "learn", 0, "{}"),
            line(1200, "learn", 0, r#"{"lists":[[1,100]]}"#),
            line(1400, "learn", 0, r#"{"lists":[[1,64]]}"#),
            line(1700, "learn", 0, r#"{"lists":[[1,97]]}"#),
            line(1900, "frozen", 0, r#"{"lists":[[1,100]]}"#),
            line(2900, "frozen", 0, r#"{"sharers":2}"#),
        ])
        .unwrap();
        let learned = log.settled(Numbers::is_near_in_what_is_learned);
        assert!((learned - 0.7).abs() < 1e-9, "{learned}");
        assert!((log.settled(Numbers::is_near) - 1.9).abs() < 1e-9);
        assert_eq!(log.reached("frozen"), Some(0.9));
        assert_eq!(log.reached("canary"), None);
    }

    #[test]
    fn a_run_without_a_change_was_there_from_the_start() {
        assert_eq!(log(&[]).unwrap().settled(Numbers::is_near), 0.0);
        let still = [line(5, "learn", 0, "{}"), line(900, "learn", 0, "{}")];
        assert_eq!(log(&still).unwrap().settled(Numbers::is_near), 0.0);
    }

    #[test]
    fn what_is_no_record_is_refused_and_a_cut_end_is_not() {
        assert!(Log::of("").is_err() && Log::of("{}\n").is_err());
        assert!(Log::of(&HEADER.replace("\"version\":1", "\"version\":2")).is_err());
        let error = log(&[line(1, "learn", 0, r#"{"colour":"red"}"#)]).unwrap_err();
        assert!(error.contains("line 2"), "{error}");
        assert!(log(&[line(1, "learn", 0, r#"{"lists":[[3,1]]}"#)]).is_err());
        let cut = format!("{HEADER}\n{}\n{{\"t\":", line(1, "learn", 0, "{}"));
        assert_eq!(Log::of(&cut).unwrap().steps.len(), 1);
    }
}
