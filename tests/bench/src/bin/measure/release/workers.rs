//! The scenarios that a worker runs, and what becomes of the lines that it prints.

use serde_json::Value;

use crate::child::run as run_child;
use crate::release::scenario::{Case, Contender, Field, Figure, Figures, Scenario};

/// Bytes of a MiB.
const MIB: f64 = 1_048_576.0;
/// Lazily freed memory below this is not worth a note, in MiB.
const SMALL: f64 = 1.0;

/// A mode of the worker.
struct Mode {
    name: &'static str,
    about: &'static str,
    field: Field,
    ratio: Option<&'static str>,
    /// The variants of a full run, and of a quick one.
    cases: [&'static [(&'static str, &'static str)]; 2],
    read: fn(&Lines) -> Result<Vec<Figure>, String>,
}

#[rustfmt::skip] // a table
const MODES: [Mode; 8] = [
    Mode {
        name: "burst",
        about: "Mixed blocks of 8 B to 1 MiB, all written, all freed in random order; then the program sleeps. \
                Resident MiB before, and so many seconds after.",
        field: Field::Background,
        ratio: None,
        cases: [
            &[("1 GiB, one thread", "burst 1024 1 0,1,2,5,10"), ("1 GiB, four threads that stay, blocked", "burst 1024 4 0,1,2,5,10")],
            &[("256 MiB, one thread", "burst 256 1 0,1,2,5"), ("256 MiB, four threads that stay, blocked", "burst 256 4 0,1,2,5")],
        ],
        read: resident,
    },
    Mode {
        name: "survivors",
        about: "The same on one thread, but some blocks stay: chosen at random, or 256 at a time that were allocated \
                one after another. Resident over live bytes, so many seconds after.",
        field: Field::Background,
        ratio: None,
        cases: [
            &[
                ("1 % at random, of 1 GiB", "survivors 1024 10 random 0,1,5"), ("1 % in runs, of 1 GiB", "survivors 1024 10 runs 0,1,5"),
                ("5 % at random, of 1 GiB", "survivors 1024 50 random 0,1,5"), ("5 % in runs, of 1 GiB", "survivors 1024 50 runs 0,1,5"),
            ],
            &[
                ("1 % at random, of 256 MiB", "survivors 256 10 random 0,1,3"), ("1 % in runs, of 256 MiB", "survivors 256 10 runs 0,1,3"),
                ("5 % at random, of 256 MiB", "survivors 256 50 random 0,1,3"), ("5 % in runs, of 256 MiB", "survivors 256 50 runs 0,1,3"),
            ],
        ],
        read: over_live,
    },
    Mode {
        name: "producer",
        about: "One thread allocates 200,000 blocks a second of 16 B to 16 KiB, another frees them, and stands still \
                for a second in five. Resident over the true peak of live bytes.",
        field: Field::Background,
        ratio: None,
        cases: [&[("60 s", "producer 60")], &[("12 s", "producer 12")]],
        read: over_live,
    },
    Mode {
        name: "phases",
        about: "One size at a time filled up and freed, then the next. Resident MiB when each is full; the peak over \
                the most live bytes of a phase.",
        field: Field::Background,
        ratio: None,
        cases: [&[("256 MiB a phase", "phases 256")], &[("64 MiB a phase", "phases 64")]],
        read: phases,
    },
    Mode {
        name: "threads",
        about: "Threads, 64 at a time, each with 100 blocks of 16 to 2,048 B, of which another thread frees 20. \
                Resident MiB.",
        field: Field::All,
        ratio: None,
        cases: [&[("100,000 threads", "threads 100000")], &[("10,000 threads", "threads 10000")]],
        read: growth,
    },
    Mode {
        name: "forks",
        about: "Children, one after another, that allocate, free what they inherited, and end by _exit. Resident MiB \
                of the parent.",
        field: Field::All,
        ratio: None,
        cases: [&[("10,000 forks", "forks 10000")], &[("1,000 forks", "forks 1000")]],
        read: growth,
    },
    Mode {
        name: "idle-threads",
        about: "Threads that each hold a burst at the same time, free it themselves, and block. Resident MiB before, \
                and so many seconds after.",
        field: Field::All,
        ratio: None,
        cases: [
            &[("100 threads, 10 MiB each", "idle-threads 100 10 0,1,5")],
            &[("100 threads, 4 MiB each", "idle-threads 100 4 0,1,3")],
        ],
        read: resident,
    },
    Mode {
        name: "stalls",
        about: "Nanoseconds of single calls, while two threads go through bursts of 32 MiB, idle times of 150 ms and \
                survivors (1 %).",
        field: Field::All,
        ratio: Some("hakmem/best peer"),
        cases: [&[("30 bursts", "stalls 30")], &[("10 bursts", "stalls 10")]],
        read: stalls,
    },
];

/// All of them, in the order of their tables.
pub(crate) fn all() -> impl Iterator<Item = Box<dyn Scenario>> {
    MODES.into_iter().map(|mode| Box::new(mode) as Box<dyn Scenario>)
}

impl Scenario for Mode {
    fn name(&self) -> &'static str {
        self.name
    }

    fn about(&self) -> &'static str {
        self.about
    }

    fn field(&self) -> Field {
        self.field
    }

    fn is_timed(&self) -> bool {
        self.ratio.is_some()
    }

    fn ratio(&self) -> Option<&'static str> {
        self.ratio
    }

    fn cases(&self, quick: bool) -> Vec<Case> {
        let cases = self.cases[usize::from(quick)];
        cases.iter().map(|(label, args)| Case::new(label, args)).collect()
    }

    fn run(&self, case: &Case, contender: &Contender) -> Result<Figures, String> {
        let mut command = contender.command(&contender.subject.worker);
        let ended = run_child(command.arg("release").args(&case.args))?;
        let lines = Lines::of(&ended.text)?;
        let own = lazy(&lines).chain(complaints(&ended.errors));
        let own = own.map(|note| format!("{}: {note}", contender.label));
        let notes = own.chain(lines.overhead()).chain(lines.bookkeeping()).collect();
        Ok(Figures { figures: (self.read)(&lines)?, notes })
    }
}

/// What the library had to say about its variables: a setting that it does not know has no effect.
pub(crate) fn complaints(errors: &str) -> impl Iterator<Item = String> {
    errors.lines().filter(|line| line.contains("HAKMEM_")).map(|line| format!("it says \"{line}\""))
}

/// The lines of a worker.
struct Lines(Vec<Value>);

impl Lines {
    fn of(text: &str) -> Result<Self, String> {
        let lines: Result<Vec<Value>, _> = text.lines().map(serde_json::from_str).collect();
        lines.map(Self).map_err(|error| format!("a line of the worker cannot be read: {error}"))
    }

    /// The samples: name, MiB resident, bytes live.
    fn samples(&self) -> impl Iterator<Item = (&str, f64, f64)> {
        self.0.iter().filter_map(|line| {
            let rss = line["rss_kib"].as_f64()?;
            Some((line["sample"].as_str()?, rss / 1024.0, line["live"].as_f64()?))
        })
    }

    /// One sample: MiB resident, MiB live.
    fn sample(&self, name: &str) -> Result<(f64, f64), String> {
        let found = self.samples().find(|sample| sample.0 == name);
        found
            .map(|(_, rss, live)| (rss, live / MIB))
            .ok_or_else(|| format!("the worker gave no sample {name}"))
    }

    /// What the clock itself adds to a measured call.
    fn overhead(&self) -> Option<String> {
        let nanos = self.0.iter().find_map(|line| line["overhead_ns"].as_f64())?;
        Some(format!("every call includes {nanos:.0} ns of reading the clock"))
    }

    /// What is subtracted from the samples.
    fn bookkeeping(&self) -> Option<String> {
        let kib = self.0.iter().filter_map(|line| line["bookkeeping_kib"].as_f64());
        let mib = kib.fold(0.0, f64::max) / 1024.0;
        (mib > 0.0).then(|| format!("{mib:.1} MiB of bookkeeping are subtracted"))
    }
}

/// A note for each sample of which the kernel may take a part when it is short of memory.
fn lazy(lines: &Lines) -> impl Iterator<Item = String> {
    lines.0.iter().filter_map(|line| {
        let (name, mib) = (line["sample"].as_str()?, line["lazy_kib"].as_f64()? / 1024.0);
        let text = || {
            format!("at \"{name}\" {mib:.0} MiB of it are freed lazily (MADV_FREE): the kernel may take them")
        };
        (mib >= SMALL).then(text)
    })
}

/// MiB of each sample.
fn resident(lines: &Lines) -> Result<Vec<Figure>, String> {
    lines.sample("before")?;
    Ok(lines.samples().map(|(name, rss, _)| Figure::new(name, rss)).collect())
}

/// Each sample after the first over its live bytes.
fn over_live(lines: &Lines) -> Result<Vec<Figure>, String> {
    let (before, _) = lines.sample("before")?;
    let live = lines.samples().map(|sample| sample.2).fold(0.0, f64::max) / MIB;
    if live <= 0.0 {
        return Err("the worker had nothing live".to_owned());
    }
    let head = [Figure::new("before, MiB", before), Figure::new("live, MiB", live)];
    let rest = lines.samples().skip(1).map(|(name, rss, _)| Figure::new(name, rss / live));
    Ok(head.into_iter().chain(rest).collect())
}

/// MiB of each sample, and the peak over the most live bytes.
fn phases(lines: &Lines) -> Result<Vec<Figure>, String> {
    let (peak, live) = lines.sample("peak")?;
    let mut figures = resident(lines)?;
    figures.push(Figure::new("peak/live", peak / live));
    Ok(figures)
}

/// MiB of each sample, and how much came after the first tenth.
fn growth(lines: &Lines) -> Result<Vec<Figure>, String> {
    let grown = lines.sample("end")?.0 - lines.sample("first tenth")?.0;
    let mut figures = resident(lines)?;
    figures.push(Figure::new("growth", grown));
    Ok(figures)
}

/// Nanoseconds at each quantile, a table for each call.
fn stalls(lines: &Lines) -> Result<Vec<Figure>, String> {
    let figures = lines.0.iter().filter_map(|line| {
        let table = ["malloc", "free"].into_iter().find(|&call| line["call"] == call)?;
        let column = line["quantile"].as_str()?.to_owned();
        Some(Figure { table, column, value: line["ns"].as_f64()? })
    });
    let figures: Vec<Figure> = figures.collect();
    if figures.is_empty() { Err("the worker gave no times".to_owned()) } else { Ok(figures) }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn lines(text: &[&str]) -> Lines {
        Lines::of(&text.join("\n")).unwrap()
    }

    const BEFORE: &str = r#"{"sample":"before","rss_kib":2048,"lazy_kib":0,"live":0}"#;
    const AFTER: &str = r#"{"sample":"0 s","rss_kib":30720,"lazy_kib":4096,"live":10485760}"#;

    #[test]
    fn samples_become_mib_or_a_part_of_what_is_live() {
        let lines = lines(&[BEFORE, AFTER]);
        let mib = [Figure::new("before", 2.0), Figure::new("0 s", 30.0)];
        assert_eq!(resident(&lines).unwrap(), mib);
        let parts = [("before, MiB", 2.0), ("live, MiB", 10.0), ("0 s", 3.0)];
        assert_eq!(over_live(&lines).unwrap(), parts.map(|(name, value)| Figure::new(name, value)));
    }

    #[test]
    fn lazily_freed_memory_is_told() {
        let notes: Vec<String> = lazy(&lines(&[BEFORE, AFTER])).collect();
        assert_eq!(notes.len(), 1);
        assert!(notes[0].contains("4 MiB"), "{notes:?}");
    }

    #[test]
    fn bookkeeping_is_told_where_there_is_some() {
        let sample = |kib| format!(r#"{{"sample":"0 s","bookkeeping_kib":{kib}}}"#);
        assert_eq!(lines(&[&sample(0)]).bookkeeping(), None);
        let note = lines(&[&sample(0), &sample(2048)]).bookkeeping().unwrap();
        assert!(note.starts_with("2.0 MiB"), "{note}");
    }

    #[test]
    fn a_worker_that_stops_early_is_an_error() {
        assert!(resident(&lines(&[])).is_err());
        assert!(over_live(&lines(&[BEFORE])).is_err());
        assert!(growth(&lines(&[BEFORE])).is_err());
        assert!(phases(&lines(&[BEFORE])).is_err());
        assert!(stalls(&lines(&[BEFORE])).is_err());
        assert!(Lines::of("{").is_err());
    }

    #[test]
    fn each_call_has_a_table() {
        let line = |call: &str| format!(r#"{{"call":"{call}","quantile":"p99","ns":7.5}}"#);
        let figures = stalls(&lines(&[&line("malloc"), &line("free")])).unwrap();
        assert_eq!((figures[0].table, figures[1].table), ("malloc", "free"));
        assert!((figures[1].value - 7.5).abs() < 1e-9);
    }

    #[test]
    fn complaints_about_variables_are_kept() {
        let text = "hakmem: HAKMEM_X is not known\nsomething else\n";
        assert_eq!(complaints(text).count(), 1);
    }
}
