//! Adds up what test harnesses say.

use std::fmt;
use std::ops::Add;

/// How many tests passed, failed and were skipped.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) struct Tally {
    pub(crate) passed: usize,
    pub(crate) failed: usize,
    pub(crate) skipped: usize,
}

impl Tally {
    /// For a step that is no run of tests.
    pub(crate) fn one_success() -> Self {
        Self { passed: 1, ..Self::default() }
    }

    /// For a step that failed as a whole.
    pub(crate) fn one_failure() -> Self {
        Self { failed: 1, ..Self::default() }
    }

    /// For a suite that cannot run on this machine.
    pub(crate) fn one_skipped() -> Self {
        Self { skipped: 1, ..Self::default() }
    }
}

impl Add for Tally {
    type Output = Self;

    fn add(self, other: Self) -> Self {
        Self {
            passed: self.passed + other.passed,
            failed: self.failed + other.failed,
            skipped: self.skipped + other.skipped,
        }
    }
}

impl fmt::Display for Tally {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { passed, failed, skipped } = self;
        write!(f, "{passed} passed, {failed} failed, {skipped} skipped")
    }
}

/// Reads the output of `cargo test`, line by line.
#[derive(Default)]
pub(crate) struct Reader {
    tally: Tally,
    harnesses_begun: usize,
    harnesses_ended: usize,
}

impl Reader {
    pub(crate) fn line(&mut self, line: &str) {
        if line.starts_with("running ") && (line.ends_with(" tests") || line.ends_with(" test")) {
            self.harnesses_begun += 1;
        } else if let Some(counts) = line.strip_prefix("test result: ") {
            self.harnesses_ended += 1;
            self.tally = self.tally
                + Tally {
                    passed: before(counts, " passed"),
                    failed: before(counts, " failed"),
                    skipped: before(counts, " ignored"),
                };
        }
    }

    /// The sum. A harness that died without a result is a failure, and so are a run that failed
    /// for another reason than a test and a run without a test.
    pub(crate) fn finish(self, success: bool) -> Tally {
        let mut tally = self.tally;
        tally.failed += self.harnesses_begun - self.harnesses_ended.min(self.harnesses_begun);
        let empty = tally == Tally::default();
        if empty || (!success && tally.failed == 0) {
            tally.failed += 1;
        }
        tally
    }
}

/// The number that stands before `word`, or 0.
fn before(text: &str, word: &str) -> usize {
    let upto = text.find(word).map_or("", |at| &text[..at]);
    let digits = upto.rsplit(|c: char| !c.is_ascii_digit()).next();
    digits.and_then(|digits| digits.parse().ok()).unwrap_or(0)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read(output: &str, success: bool) -> Tally {
        let mut reader = Reader::default();
        output.lines().for_each(|line| reader.line(line));
        reader.finish(success)
    }

    #[test]
    fn harnesses_add_up() {
        let output = "running 3 tests\ntest a ... ok\n\
            test result: ok. 3 passed; 0 failed; 0 ignored; 0 measured; 0 filtered out\n\
            running 1 test\n\
            test result: FAILED. 10 passed; 2 failed; 41 ignored; 0 measured; 7 filtered out\n";
        assert_eq!(read(output, false), Tally { passed: 13, failed: 2, skipped: 41 });
    }

    #[test]
    fn a_harness_that_dies_is_a_failure() {
        let output = "running 3 tests\ntest a ... ok\n";
        assert_eq!(read(output, false), Tally::one_failure());
    }

    #[test]
    fn a_build_that_fails_is_a_failure() {
        assert_eq!(read("", false), Tally::one_failure());
        let one_good = "running 1 test\ntest result: ok. 1 passed; 0 failed; 0 ignored\n";
        assert_eq!(read(one_good, false).failed, 1);
        assert_eq!(read(one_good, true).failed, 0);
    }

    #[test]
    fn no_test_at_all_is_a_failure() {
        let output = "running 0 tests\ntest result: ok. 0 passed; 0 failed; 0 ignored\n";
        assert_eq!(read(output, true), Tally::one_failure());
    }
}
