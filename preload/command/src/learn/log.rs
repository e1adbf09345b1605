//! A learner's log, read line by line.
//!
//! Lines say what differs from the line before; what comes out of here is whole. A disk that fills
//! cuts a log in the middle of its last line: that line is left out, and [`Log::cut`] says so.

use super::wire;
use hakmem_core::CLASSES;
use hakmem_core::learn::{Change, Counters, Fixed, Lever, Note, Phase, Start, Verdict};
use hakmem_core::policy::Policy;
use std::fmt;
use std::fs::File;
use std::io::{self, BufRead, BufReader, Read};
use std::path::Path;

/// The version of the logs that are read here.
const VERSION: u64 = 1;
/// Bytes of a line at most: one that names every class and fills every note has some 5 KiB.
const LINE_MOST: u64 = 64 << 10;
/// How a log begins.
const BEGINNING: &[u8] = b"{\"hakmem\":\"learn\"";

/// What a log says first.
#[derive(Clone, Debug)]
pub(crate) struct Header {
    /// Bytes of each class's blocks.
    pub(crate) sizes: [u32; CLASSES],
    /// How the learner began.
    pub(crate) start: Start,
    /// The policy that it began with.
    pub(crate) policy: Policy,
}

/// One step: what went in, and what came out.
#[derive(Clone, Debug)]
pub(crate) struct Step {
    /// Its line in the log.
    pub(crate) line: usize,
    /// How the learner began anew before it, where the program had given the heap another policy.
    pub(crate) anew: Option<(Start, Policy)>,
    /// Milliseconds.
    pub(crate) now: u64,
    pub(crate) seen: Counters,
    pub(crate) phase: Phase,
    pub(crate) notes: Vec<Note>,
    /// The whole of it, from this step on.
    pub(crate) policy: Policy,
    /// Milliseconds until the next step is due.
    pub(crate) pause: u32,
}

/// Why a log is not read.
#[derive(Debug)]
pub(crate) struct Fault {
    /// 0: it is not about a line.
    line: usize,
    reason: String,
}

impl Fault {
    /// A fault that is in no line.
    pub(crate) fn of_all(reason: &str) -> Self {
        Self { line: 0, reason: reason.into() }
    }
}

impl fmt::Display for Fault {
    fn fmt(&self, f: &mut fmt::Formatter) -> fmt::Result {
        match self.line {
            0 => f.write_str(&self.reason),
            line => write!(f, "line {line}: {}", self.reason),
        }
    }
}

/// A log: its header, and an iterator over its steps. A header among them is a learner that began anew.
pub(crate) struct Log<R> {
    pub(crate) header: Header,
    lines: Lines<R>,
    seen: Counters,
    policy: Policy,
    ended: bool,
    /// The line that was cut.
    cut: Option<usize>,
}

impl Log<BufReader<File>> {
    pub(crate) fn open(path: &Path) -> Result<Self, Fault> {
        let none = |error: io::Error| Fault::of_all(&error.to_string());
        Self::read(BufReader::new(File::open(path).map_err(none)?))
    }
}

impl<R: BufRead> Log<R> {
    /// Reads the header.
    pub(crate) fn read(reader: R) -> Result<Self, Fault> {
        let mut lines = Lines { reader, number: 0, buffer: Vec::new() };
        let header = match lines.next()? {
            Line::Whole(line) => header(line),
            Line::Last(line) => header(line).map_err(|reason| {
                if line.starts_with(BEGINNING) { "the log ends in it".into() } else { reason }
            }),
            Line::None => Err("the log is empty".into()),
        };
        let header = header.map_err(|reason| Fault { line: 1, reason })?;
        let policy = header.policy;
        Ok(Self { header, lines, seen: Counters::ZERO, policy, ended: false, cut: None })
    }

    /// The line that was cut, known at the end of the steps.
    pub(crate) fn cut(&self) -> Option<usize> {
        self.cut
    }

    fn step(&mut self) -> Result<Option<Step>, Fault> {
        let mut anew = None;
        let (line, last) = loop {
            match self.lines.next()? {
                Line::None => return Ok(None),
                Line::Last(line) => break (line, true),
                Line::Whole(line) if !line.starts_with(BEGINNING) => break (line, false),
                Line::Whole(line) => {
                    let next = header(line).and_then(|next| {
                        let is_same = next.sizes == self.header.sizes;
                        is_same.then_some(next).ok_or("other size classes than before".into())
                    });
                    let number = self.lines.number;
                    let next = next.map_err(|reason| Fault { line: number, reason })?;
                    (self.seen, self.policy) = (Counters::ZERO, next.policy);
                    anew = Some((next.start, next.policy));
                }
            }
        };
        let read = serde_json::from_slice::<wire::Step>(line);
        let number = self.lines.number;
        let fault = |reason| Fault { line: number, reason };
        let step = match read {
            Ok(step) => step,
            Err(error) if last && error.is_eof() => {
                self.cut = Some(number);
                return Ok(None);
            }
            Err(error) => return Err(fault(in_line(&error))),
        };
        step.seen.onto(&mut self.seen).map_err(fault)?;
        step.policy.onto(&mut self.policy).map_err(fault)?;
        let notes = step.notes.iter().map(|entry| note(entry, &self.header.sizes));
        Ok(Some(Step {
            line: number,
            anew,
            now: step.t,
            seen: self.seen,
            phase: step.phase.0,
            notes: notes.collect::<Result<_, _>>().map_err(fault)?,
            policy: self.policy,
            pause: step.pause,
        }))
    }
}

impl<R: BufRead> Iterator for Log<R> {
    type Item = Result<Step, Fault>;

    fn next(&mut self) -> Option<Self::Item> {
        if self.ended {
            return None;
        }
        let step = self.step().transpose();
        self.ended = !matches!(step, Some(Ok(_)));
        step
    }
}

fn header(line: &[u8]) -> Result<Header, String> {
    let foreign = |error| format!("this is no log of hakmem's learner: {}", in_line(&error));
    let mark: wire::Mark = serde_json::from_slice(line).map_err(foreign)?;
    if mark.hakmem != "learn" {
        return Err(format!("this is a log of {}, not of hakmem's learner", mark.hakmem));
    }
    if mark.version != VERSION {
        return Err(format!("a log of version {}, not {VERSION}", mark.version));
    }
    let header: wire::Header = serde_json::from_slice(line).map_err(|error| in_line(&error))?;
    let sizes = header.classes.as_slice().try_into();
    let policy = header.policy.policy();
    let (Ok(sizes), Some(policy)) = (sizes, policy) else {
        let (classes, lists) = (header.classes.len(), header.policy.lists.len());
        return Err(format!("{classes} classes and {lists} lists, not {CLASSES}"));
    };
    let freeze = match header.start.as_str() {
        "on" => false,
        "freeze" => true,
        other => return Err(format!("{other:?} is no way to start")),
    };
    let fixed = fixed(header.fixed.iter().map(String::as_str))?;
    Ok(Header { sizes, start: Start { freeze, settled: header.settled, fixed }, policy })
}

/// Levers by the names that `HAKMEM_LEARN_FIXED` takes.
pub(super) fn fixed<'a>(names: impl Iterator<Item = &'a str>) -> Result<Fixed, String> {
    let mut fixed = Fixed::default();
    for name in names {
        if !fixed.add(name.as_bytes()) {
            let known = Lever::ALL.map(Lever::whole).join(", ");
            return Err(format!("{name:?} is none of {known}"));
        }
    }
    Ok(fixed)
}

fn note(note: &wire::Note, sizes: &[u32; CLASSES]) -> Result<Note, String> {
    let class = |size: Option<u32>| {
        let Some(size) = size else { return Ok(None) };
        let class = sizes.iter().position(|known| *known == size);
        class.map(|class| Some(class as u8)).ok_or(format!("no class has blocks of {size} bytes"))
    };
    Ok(match note {
        wire::Note::Changed(change) => Note::Changed(Change {
            lever: change.changed.0,
            class: class(change.class)?,
            from: change.from,
            to: change.to,
            reason: change.reason.0,
            expected: change.expected,
        }),
        wire::Note::Settled(verdict) => Note::Settled(Verdict {
            lever: verdict.settled.0,
            class: class(verdict.class)?,
            expected: verdict.expected,
            realised: verdict.realised,
            stays: verdict.stays,
        }),
    })
}

/// An error without its line number: each line is read by itself.
fn in_line(error: &serde_json::Error) -> String {
    let text = error.to_string();
    match text.rsplit_once(" at line 1 column ") {
        Some((what, column)) => format!("{what} (column {column})"),
        None => text,
    }
}

struct Lines<R> {
    reader: R,
    number: usize,
    buffer: Vec<u8>,
}

enum Line<'a> {
    Whole(&'a [u8]),
    /// It has no end of line.
    Last(&'a [u8]),
    None,
}

impl<R: BufRead> Lines<R> {
    fn next(&mut self) -> Result<Line<'_>, Fault> {
        self.number += 1;
        self.buffer.clear();
        let fault = |reason| Fault { line: self.number, reason };
        let mut reader = self.reader.by_ref().take(LINE_MOST);
        reader.read_until(b'\n', &mut self.buffer).map_err(|error| fault(error.to_string()))?;
        match self.buffer.split_last() {
            None => Ok(Line::None),
            Some((b'\n', line)) => Ok(Line::Whole(line)),
            Some(_) if self.buffer.len() as u64 == LINE_MOST => {
                Err(fault(format!("longer than {} KiB", LINE_MOST >> 10)))
            }
            Some(_) => Ok(Line::Last(&self.buffer)),
        }
    }
}
