//! A policy as a file: lines of words and numbers, which people may read.
//!
//! ```text
//! hakmem policy 1                          the format's version
//! machine page=4096 cpus=2 memory=7949     where it was learned; memory in MiB
//! growth 32768                             the numbers, in this order
//! sharers 0
//! batch 4096
//! decay 500
//! kept 4096
//! fresh plain
//! list 8 64                                each class, smallest first: block size, blocks
//! ...
//! sum 0123456789abcdef                     FNV-1a (64 bits) of every byte before this line
//! ```
//! What [`write`] makes, [`parse`] takes, and nothing that differs from it by a byte: a file that was
//! cut short, changed or learned elsewhere is an error that says so. Lists that were good on one machine
//! are not worth much on another, and a policy that nobody can vouch for is worth less than none.

use super::{Fresh, Policy};
use crate::class::{CLASSES, size_at};
use core::fmt::{self, Write};

/// The version of the format that is written, and the only one that is read.
pub const VERSION: u32 = 1;
/// Bytes of such a file, at most.
pub const LONGEST: usize = 4 << 10;

const MAGIC: &[u8] = b"hakmem policy ";
const SUM: &[u8] = b"sum ";
/// Bytes of the last line.
const SUM_LINE: usize = SUM.len() + 16 + 1;

/// What a policy was learned on.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Machine {
    /// Bytes of a page.
    pub page: u32,
    /// Processors.
    pub cpus: u32,
    /// MiB of memory.
    pub memory: u32,
}

impl Machine {
    /// Whether a policy that was learned on the one is of use on the other: memory may differ by an
    /// eighth, for it is not the same in two starts of one virtual machine.
    pub fn is_like(&self, other: &Self) -> bool {
        let most = self.memory.max(other.memory);
        let near = self.memory.abs_diff(other.memory) <= most / 8;
        self.page == other.page && self.cpus == other.cpus && near
    }
}

/// Why a file is no policy for this machine.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum PolicyError {
    /// It does not begin as such a file does.
    Foreign,
    /// It is of another version of the format.
    Version(u32),
    /// It ends before its end.
    Short,
    /// It is longer than any such file.
    Long,
    /// Its bytes are not those that were written.
    Sum,
    /// It was learned on another machine, this one.
    Machine(Machine),
    /// A line is not what stands there in such a file, or its number is out of bounds.
    Line {
        /// Which one, from 1 on.
        number: u32,
        /// The word it should begin with.
        expected: &'static str,
    },
}

impl fmt::Display for PolicyError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Foreign => f.write_str("not a policy file"),
            Self::Version(version) => {
                write!(f, "of version {version} of the format, and {VERSION} is known")
            }
            Self::Short => f.write_str("cut short"),
            Self::Long => write!(f, "longer than {LONGEST} bytes"),
            Self::Sum => f.write_str("changed since it was written (its sum is wrong)"),
            Self::Machine(Machine { page, cpus, memory }) => write!(
                f,
                "learned on another machine (pages of {page} bytes, {cpus} CPUs, {memory} MiB)"
            ),
            Self::Line { number, expected } => {
                write!(f, "line {number}: expected `{expected}` and what may stand behind it")
            }
        }
    }
}

impl core::error::Error for PolicyError {}

/// Writes a policy that was learned on `machine`, its numbers brought between their bounds.
///
/// # Errors
/// Those of `out`.
pub fn write(policy: &Policy, machine: &Machine, out: &mut impl Write) -> fmt::Result {
    let mut summed = Summed { out, sum: SUM_OF_NOTHING };
    lines(&policy.bounded(), machine, &mut summed)?;
    let sum = summed.sum;
    writeln!(out, "sum {sum:016x}")
}

fn lines(policy: &Policy, machine: &Machine, out: &mut impl Write) -> fmt::Result {
    let Machine { page, cpus, memory } = machine;
    writeln!(out, "hakmem policy {VERSION}")?;
    writeln!(out, "machine page={page} cpus={cpus} memory={memory}")?;
    writeln!(out, "growth {}\nsharers {}", policy.growth, policy.sharers)?;
    writeln!(out, "batch {}\ndecay {}\nkept {}", policy.batch, policy.decay, policy.kept)?;
    writeln!(out, "fresh {}", policy.fresh.name())?;
    for (class, blocks) in policy.lists.iter().enumerate() {
        writeln!(out, "list {} {blocks}", size_at(class))?;
    }
    Ok(())
}

/// Reads the policy in a file's bytes, for use on `machine`.
///
/// # Errors
/// In this order: what is no such file, of another version, longer or shorter than one, changed since, of
/// lines that do not stand in one, and from another machine.
pub fn parse(text: &[u8], machine: &Machine) -> Result<Policy, PolicyError> {
    let (policy, learned_on) = read(text)?;
    if machine.is_like(&learned_on) { Ok(policy) } else { Err(PolicyError::Machine(learned_on)) }
}

/// Reads the policy in a file's bytes, wherever it was learned.
///
/// # Errors
/// As [`parse`], but for the machine.
pub fn read(text: &[u8]) -> Result<(Policy, Machine), PolicyError> {
    let end = text.iter().take(64).position(|&byte| byte == b'\n');
    let Some(first) = end.map(|end| &text[..end]) else {
        let begun = MAGIC.starts_with(text) || text.starts_with(MAGIC);
        return Err(if begun { PolicyError::Short } else { PolicyError::Foreign });
    };
    match first.strip_prefix(MAGIC).and_then(number) {
        Some(VERSION) => {}
        Some(other) => return Err(PolicyError::Version(other)),
        None => return Err(PolicyError::Foreign),
    }
    if text.len() > LONGEST {
        return Err(PolicyError::Long);
    }
    let start = text.len().checked_sub(SUM_LINE).ok_or(PolicyError::Short)?;
    let (body, last) = text.split_at(start);
    let sum = last.strip_prefix(SUM).and_then(|rest| rest.strip_suffix(b"\n"));
    let sum = sum.filter(|_| body.ends_with(b"\n")).ok_or(PolicyError::Short)?;
    if hex(sum) != Some(sum_of(SUM_OF_NOTHING, body)) {
        return Err(PolicyError::Sum);
    }
    let mut lines = Lines { rest: &body[first.len() + 1..], number: 1 };
    let machine = lines.next("machine", |[page, cpus, memory]| {
        Some(Machine {
            page: number(page.strip_prefix(b"page=")?)?,
            cpus: number(cpus.strip_prefix(b"cpus=")?)?,
            memory: number(memory.strip_prefix(b"memory=")?)?,
        })
    })?;
    let mut policy = Policy {
        growth: lines.number("growth", Policy::GROWTH)?,
        sharers: lines.number("sharers", (0, u32::MAX))?,
        batch: lines.number("batch", Policy::BATCH)?,
        decay: lines.number("decay", Policy::DECAY)?,
        kept: lines.number("kept", Policy::KEPT)?,
        fresh: lines.next("fresh", |[name]| {
            [Fresh::Plain, Fresh::Populate, Fresh::Huge]
                .into_iter()
                .find(|fresh| fresh.name().as_bytes() == name)
        })?,
        lists: [0; CLASSES],
    };
    for (class, list) in policy.lists.iter_mut().enumerate() {
        *list = lines.next("list", |[size, blocks]| {
            let blocks = number(blocks).and_then(|blocks| u16::try_from(blocks).ok())?;
            let fits = number(size)? as usize == size_at(class);
            (fits && (1..=Policy::LIST_MOST).contains(&blocks)).then_some(blocks)
        })?;
    }
    if lines.rest.is_empty() { Ok((policy, machine)) } else { Err(lines.unlike("sum")) }
}

/// The lines that are still to be read.
struct Lines<'a> {
    rest: &'a [u8],
    /// Lines that were read, from the file's first on.
    number: u32,
}

impl<'a> Lines<'a> {
    /// Takes the next line: a name, so many words, each behind one space, and what `take` makes of them.
    fn next<const N: usize, T>(
        &mut self,
        name: &'static str,
        take: impl FnOnce([&'a [u8]; N]) -> Option<T>,
    ) -> Result<T, PolicyError> {
        let unlike = self.unlike(name);
        let end = self.rest.iter().position(|&byte| byte == b'\n').ok_or(unlike)?;
        let mut words = self.rest[..end].split(|&byte| byte == b' ');
        let named = words.next() == Some(name.as_bytes());
        let taken = [(); N].map(|()| words.next().unwrap_or_default());
        if !named || words.next().is_some() {
            return Err(unlike);
        }
        self.rest = &self.rest[end + 1..];
        self.number += 1;
        take(taken).ok_or(unlike)
    }

    fn number(&mut self, name: &'static str, bounds: (u32, u32)) -> Result<u32, PolicyError> {
        self.next(name, |[word]| number(word).filter(|n| (bounds.0..=bounds.1).contains(n)))
    }

    fn unlike(&self, expected: &'static str) -> PolicyError {
        PolicyError::Line { number: self.number + 1, expected }
    }
}

/// Digits alone; the standard library would take a sign as well.
fn number(word: &[u8]) -> Option<u32> {
    if word.is_empty() {
        return None;
    }
    word.iter().try_fold(0_u32, |number, &byte| {
        let digit = byte.is_ascii_digit().then(|| u32::from(byte - b'0'))?;
        number.checked_mul(10)?.checked_add(digit)
    })
}

/// Sixteen digits as [`write`] makes them: small letters.
fn hex(word: &[u8]) -> Option<u64> {
    word.iter().try_fold(0, |number: u64, &byte| {
        let digit = match byte {
            b'0'..=b'9' => byte - b'0',
            b'a'..=b'f' => byte - b'a' + 10,
            _ => return None,
        };
        Some(number << 4 | u64::from(digit))
    })
}

/// FNV-1a's offset basis and prime, as its authors give them.
const SUM_OF_NOTHING: u64 = 0xcbf2_9ce4_8422_2325;
const SUM_PRIME: u64 = 0x0100_0000_01b3;

/// Each step can be undone, so two texts that differ in one byte never have the same sum.
fn sum_of(sum: u64, bytes: &[u8]) -> u64 {
    bytes.iter().fold(sum, |sum, &byte| (sum ^ u64::from(byte)).wrapping_mul(SUM_PRIME))
}

/// Passes text on and sums it up.
struct Summed<'a, W> {
    out: &'a mut W,
    sum: u64,
}

impl<W: Write> Write for Summed<'_, W> {
    fn write_str(&mut self, text: &str) -> fmt::Result {
        self.sum = sum_of(self.sum, text.as_bytes());
        self.out.write_str(text)
    }
}

#[cfg(all(test, not(loom)))]
#[path = "text/tests.rs"]
mod tests;
