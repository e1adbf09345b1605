//! `cargo measure release`: how memory goes back, in tables, beside other allocators at their default
//! settings, each preloaded.
//!
//! ```text
//!   workers (modes of the worker)   refaults, flush (real programs)
//!                   \                 /
//!                 scenario: who takes part, in what, with which figures
//!                          |
//!                 results: medians, ratios, tables
//! ```

mod flush;
mod refaults;
mod results;
mod scenario;
mod workers;

use serde_json::{Value, json};

use crate::allocators::{self, Found, Subject};
use crate::cli::{Cli, ReleaseArgs, Side, fits};
use crate::machine::Machine;
use results::{Results, Runs};
use scenario::{Case, Scenario};
pub(crate) use workers::complaints;

/// Every scenario, in the order of their tables.
fn scenarios() -> Vec<Box<dyn Scenario>> {
    let programs: [Box<dyn Scenario>; 2] = [Box::new(refaults::Refaults), Box::new(flush::Flush)];
    workers::all().chain(programs).collect()
}

/// The scenarios that `--only` names; all without it.
fn chosen(only: &[String]) -> Result<Vec<Box<dyn Scenario>>, String> {
    let all = scenarios();
    let unknown = |pattern: &&String| !all.iter().any(|scenario| fits(pattern, scenario.name()));
    if let Some(pattern) = only.iter().find(unknown) {
        return Err(format!("no scenario is called {pattern}: see --list"));
    }
    let wanted = |name: &str| only.is_empty() || only.iter().any(|pattern| fits(pattern, name));
    Ok(all.into_iter().filter(|scenario| wanted(scenario.name())).collect())
}

/// Runs what was asked for, and prints each scenario's tables once they are there; false where
/// something failed.
pub(crate) fn run(cli: &Cli, args: &ReleaseArgs) -> Result<bool, String> {
    if args.list {
        for scenario in scenarios() {
            println!("{:<14} {}", scenario.name(), scenario.about());
        }
        return Ok(true);
    }
    let chosen = chosen(&args.only)?;
    let Found { subjects, missing } = allocators::find(Side::Preload, cli)?;
    let machine = Machine::here();
    let quick = if args.quick { "; small and short: a first look only" } else { "" };
    println!("# Memory given back\n\n{}{quick}\n", machine.line());
    for Subject { name, version, .. } in &subjects {
        println!("- {name}: {version}");
    }
    for line in &missing {
        println!("- not run: {line}");
    }
    println!();
    let mut good = true;
    let mut parts = Vec::new();
    for scenario in chosen {
        println!("## {}\n\n{}\n", scenario.name(), scenario.about());
        if let Err(error) = scenario.ready() {
            println!("- not run: {error}\n");
            continue;
        }
        let mut cases = Vec::new();
        for case in scenario.cases(args.quick) {
            let results = run_case(&*scenario, &case, &subjects, args);
            print!("{}", results.text());
            good &= results.is_good();
            cases.push(results.json());
        }
        parts.push(json!({ "scenario": scenario.name(), "cases": cases }));
    }
    if let Some(path) = &cli.json {
        let names: Vec<Value> = subjects
            .iter()
            .map(|subject| json!({ "name": subject.name, "version": subject.version }))
            .collect();
        let all = json!({ "machine": machine.json(), "allocators": names, "scenarios": parts });
        let text = serde_json::to_string_pretty(&all).map_err(|error| error.to_string())?;
        std::fs::write(path, text).map_err(|error| format!("{}: {error}", path.display()))?;
    }
    Ok(good)
}

/// All rounds of a case. In a round each contender runs once, and the one that goes first changes:
/// what slows the machine down for a while hits them alike.
fn run_case(
    scenario: &dyn Scenario,
    case: &Case,
    subjects: &[Subject],
    args: &ReleaseArgs,
) -> Results {
    let contenders = scenario.field().contenders(subjects);
    let rows = contenders.iter().map(|contender| Runs::new(&contender.label, contender.is_main));
    let mut results = Results::new(&case.label, scenario.ratio(), rows.collect());
    let rounds = args.rounds(scenario.is_timed());
    for round in 0..rounds {
        eprintln!("measure: round {}/{rounds}: {}, {}", round + 1, scenario.name(), case.label);
        for turn in 0..contenders.len() {
            let index = (turn + round) % contenders.len();
            if results.rows[index].error.is_none() {
                results.add(index, scenario.run(case, &contenders[index]));
            }
        }
    }
    results
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_differ_and_can_be_chosen() {
        let all = scenarios();
        for scenario in &all {
            let found = chosen(&[scenario.name().to_owned()]).unwrap();
            assert_eq!(found.len(), 1, "{}", scenario.name());
        }
        assert_eq!(chosen(&[]).unwrap().len(), all.len());
        assert!(chosen(&["nothing".to_owned()]).is_err());
    }

    #[test]
    fn a_quick_run_has_the_same_variants() {
        for scenario in scenarios() {
            let count = |quick| scenario.cases(quick).len();
            assert_eq!(count(true), count(false), "{}", scenario.name());
        }
    }
}
