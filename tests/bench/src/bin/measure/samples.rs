//! Samples of one workload under one allocator, and their middle.

/// One run.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Sample {
    /// In the workload's unit.
    pub(crate) value: f64,
    /// The same for each second of CPU time, or the CPU time itself where the unit is a time.
    pub(crate) cpu: f64,
    pub(crate) peak_kib: f64,
}

/// All runs of one workload under one allocator.
#[derive(Default)]
pub(crate) struct Samples {
    pub(crate) runs: Vec<Sample>,
    /// Why it was given up.
    pub(crate) error: Option<String>,
}

/// Median, least and greatest of some numbers.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(crate) struct Spread {
    pub(crate) median: f64,
    pub(crate) least: f64,
    pub(crate) greatest: f64,
}

impl Spread {
    /// `None` without numbers.
    pub(crate) fn of(numbers: impl IntoIterator<Item = f64>) -> Option<Self> {
        let mut numbers: Vec<f64> = numbers.into_iter().collect();
        numbers.sort_by(f64::total_cmp);
        let (&least, &greatest) = (numbers.first()?, numbers.last()?);
        let middle = numbers.len() / 2;
        let median = if numbers.len() % 2 == 1 {
            numbers[middle]
        } else {
            f64::midpoint(numbers[middle - 1], numbers[middle])
        };
        Some(Self { median, least, greatest })
    }
}

impl Samples {
    /// The spread of one column, unless the workload failed.
    pub(crate) fn spread(&self, column: impl Fn(&Sample) -> f64) -> Option<Spread> {
        if self.error.is_some() {
            return None;
        }
        Spread::of(self.runs.iter().map(column))
    }
}

/// The geometric mean; `None` without numbers.
pub(crate) fn geometric_mean(numbers: &[f64]) -> Option<f64> {
    let sum: f64 = numbers.iter().map(|number| number.ln()).sum();
    (!numbers.is_empty()).then(|| (sum / numbers.len() as f64).exp())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn medians_of_odd_and_even_counts() {
        let spread = Spread::of([3.0, 1.0, 2.0]);
        assert_eq!(spread, Some(Spread { median: 2.0, least: 1.0, greatest: 3.0 }));
        assert_eq!(Spread::of([4.0, 1.0, 2.0, 3.0]).map(|spread| spread.median), Some(2.5));
        assert_eq!(Spread::of([]), None);
    }

    #[test]
    fn geometric_mean_of_inverse_numbers_is_one() {
        let mean = geometric_mean(&[4.0, 0.25]).unwrap();
        assert!((mean - 1.0).abs() < 1e-12);
        assert_eq!(geometric_mean(&[]), None);
    }
}
