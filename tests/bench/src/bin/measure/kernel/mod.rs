//! `cargo measure kernel`: allocators of kernels, each on one fixed region, in tables.
//!
//! ```text
//!   scenario: what is played, on regions of which size
//!      |
//!   runner: every allocator in turn, in a process of its own
//!      |
//!   tables: medians, means, sums; ratios
//! ```

mod runner;
mod scenario;
mod tables;

use std::collections::BTreeSet;

use hakmem_bench::kernel::{Contestant, NOTHING, contestants};
use serde_json::{Value, json};

use crate::allocators::locked;
use crate::builds;
use crate::cli::{Cli, KernelArgs, fits};
use crate::machine::Machine;
use runner::{Line, Plan};
use scenario::{SCENARIOS, Scenario};

/// Runs what was asked for, and prints each scenario's tables once they are there; false where
/// something failed.
pub(crate) fn run(cli: &Cli, args: &KernelArgs) -> Result<bool, String> {
    if args.list {
        list();
        return Ok(true);
    }
    let (scenarios, lines) = (chosen(&args.only)?, lines(&cli.allocators)?);
    let plan = Plan {
        worker: builds::worker("kernel", None)?,
        rounds: args.rounds(),
        seeds: args.seeds(),
        is_quick: args.quick,
    };
    let machine = Machine::here();
    println!("# Allocators on one fixed region\n\n{}; {}\n", machine.line(), plan.how());
    for line in lines.iter().filter(|line| line.name != NOTHING) {
        println!("- {}: {}", line.label, described(line));
    }
    println!();
    let mut good = true;
    let mut parts = Vec::new();
    for scenario in scenarios {
        println!("## {}\n\n{}\n", scenario.name, scenario.about);
        let mut tables = Vec::new();
        for table in (scenario.tables)(args.quick) {
            let results = plan.run(scenario, &table, &lines);
            print!("{}", tables::text(scenario, &table, &results));
            good &= results.errors().is_empty();
            tables.push(results.json(&table));
        }
        parts.push(json!({ "scenario": scenario.name, "tables": tables }));
    }
    if let Some(path) = &cli.json {
        let described = |line: &Line| json!({ "name": line.name, "declared": described(line) });
        let allocators: Vec<Value> = lines.iter().map(described).collect();
        let all =
            json!({ "machine": machine.json(), "allocators": allocators, "scenarios": parts });
        let text = serde_json::to_string_pretty(&all).map_err(|error| error.to_string())?;
        std::fs::write(path, text).map_err(|error| format!("{}: {error}", path.display()))?;
    }
    Ok(good)
}

fn list() {
    for Scenario { name, about, .. } in &SCENARIOS {
        println!("{name:<14} {about}");
    }
    let mut seen = BTreeSet::new();
    for Contestant { name, label, .. } in contestants().filter(|one| seen.insert(one.name)) {
        println!("  {name:<16} {label}");
    }
}

/// The scenarios that `--only` names; all without it.
fn chosen(only: &[String]) -> Result<Vec<&'static Scenario>, String> {
    let unknown =
        |pattern: &&String| !SCENARIOS.iter().any(|scenario| fits(pattern, scenario.name));
    if let Some(pattern) = only.iter().find(unknown) {
        return Err(format!("no scenario is called {pattern}: see --list"));
    }
    let wanted = |name: &str| only.is_empty() || only.iter().any(|pattern| fits(pattern, name));
    Ok(SCENARIOS.iter().filter(|scenario| wanted(scenario.name)).collect())
}

/// The allocators that `--allocators` names; all without it.
fn lines(names: &[String]) -> Result<Vec<Line>, String> {
    let mut lines: Vec<Line> = Vec::new();
    for Contestant { name, label, .. } in contestants() {
        if !lines.iter().any(|line| line.name == name) {
            lines.push(Line { name, label });
        }
    }
    if let Some(name) = names.iter().find(|name| !lines.iter().any(|line| line.name == **name)) {
        return Err(format!("no allocator is called {name}: see --list"));
    }
    lines.retain(|line| names.is_empty() || names.iter().any(|name| name == line.name));
    Ok(lines)
}

/// Version, type and statics of a line.
fn described(line: &Line) -> String {
    let version = match locked(line.label) {
        version if version.starts_with(|c: char| c.is_ascii_digit()) => format!("{version}, "),
        _ => String::new(),
    };
    let all = contestants().filter(|one| one.name == line.name);
    let types = all.map(|one| format!("`{}` ({} bytes of static)", one.declared, one.statics));
    format!("{version}{}", types.collect::<Vec<_>>().join(", "))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_differ_and_can_be_chosen() {
        for scenario in &SCENARIOS {
            assert_eq!(chosen(&[scenario.name.to_owned()]).unwrap().len(), 1, "{}", scenario.name);
        }
        assert_eq!(chosen(&[]).unwrap().len(), SCENARIOS.len());
        assert!(chosen(&["nothing".to_owned()]).is_err());
        assert_eq!(lines(&["talc".to_owned()]).unwrap().len(), 1);
        assert!(lines(&["nobody".to_owned()]).is_err());
    }

    #[test]
    fn a_line_tells_its_version_and_statics() {
        let line = lines(&["talc".to_owned()]).unwrap().remove(0);
        let text = described(&line);
        assert!(text.starts_with(|c: char| c.is_ascii_digit()), "{text}");
        assert!(text.contains("bytes of static"), "{text}");
    }
}
