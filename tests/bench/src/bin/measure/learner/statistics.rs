//! What can be said of figures that scatter: intervals, a score, and sums over time.

/// A 95 % interval of the mean of logarithms of ratios, by Student's t: right where these scatter as a
/// bell does, and near enough where they nearly do.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(crate) struct Interval {
    pub(crate) mean: f64,
    pub(crate) low: f64,
    pub(crate) high: f64,
}

/// Whether something is behind by no more than a bound.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Answer {
    /// The whole interval is within.
    Yes,
    /// The whole interval is beyond.
    No,
    /// The bound lies in the interval: more rounds would tell.
    Open,
}

impl Interval {
    /// Of pairs, each one's first over its second; `None` for less than two.
    pub(crate) fn of_ratios(pairs: impl IntoIterator<Item = (f64, f64)>) -> Option<Self> {
        let logs: Vec<f64> = pairs.into_iter().map(|(one, other)| (one / other).ln()).collect();
        let logs: Vec<f64> = logs.into_iter().filter(|log| log.is_finite()).collect();
        if logs.len() < 2 {
            return None;
        }
        let count = logs.len() as f64;
        let mean = logs.iter().sum::<f64>() / count;
        let square = logs.iter().map(|log| (log - mean).powi(2)).sum::<f64>();
        let error = (square / (count - 1.0) / count).sqrt();
        let reach = student(logs.len() - 1) * error;
        Some(Self { mean, low: mean - reach, high: mean + reach })
    }

    /// As percent more or less: `+1.2 (-0.3 to +2.7)`.
    pub(crate) fn text(self) -> String {
        let Self { mean, low, high } = self;
        let [mean, low, high] = [mean, low, high].map(percent);
        format!("{mean} ({low} to {high})")
    }

    /// Whether the ratio is at most 1 and that part more.
    pub(crate) fn is_within(self, part: f64) -> Answer {
        let bound = (1.0 + part).ln();
        match self {
            Self { high, .. } if high <= bound => Answer::Yes,
            Self { low, .. } if low > bound => Answer::No,
            _ => Answer::Open,
        }
    }

    /// Whether there is a difference at all.
    pub(crate) fn is_clear(self) -> bool {
        self.low > 0.0 || self.high < 0.0
    }
}

impl Answer {
    pub(crate) fn text(self) -> &'static str {
        match self {
            Self::Yes => "yes",
            Self::No => "no",
            Self::Open => "open",
        }
    }
}

/// The logarithm of a ratio as percent more or less.
pub(crate) fn percent(log: f64) -> String {
    format!("{:+.1}", log.exp_m1() * 100.0)
}

/// Student's t for 95 % on both sides, up to 30 degrees of freedom.
const STUDENT: [f64; 30] = [
    12.706, 4.303, 3.182, 2.776, 2.571, 2.447, 2.365, 2.306, 2.262, 2.228, 2.201, 2.179, 2.160,
    2.145, 2.131, 2.120, 2.110, 2.101, 2.093, 2.086, 2.080, 2.074, 2.069, 2.064, 2.060, 2.056,
    2.052, 2.048, 2.045, 2.042,
];

/// The same for any; beyond the table by a series that is right to the third place.
fn student(freedom: usize) -> f64 {
    let many = freedom as f64;
    let series = 1.96 + 2.3722 / many + 2.8225 / (many * many);
    STUDENT.get(freedom.wrapping_sub(1)).copied().unwrap_or(series)
}

/// What a run cost, or that over what another cost: less is better in both.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(crate) struct Cost {
    /// Any measure of time for the same work.
    pub(crate) time: f64,
    /// Any measure of memory.
    pub(crate) memory: f64,
}

impl Cost {
    /// One percent of time is worth one percent of memory, as the learner itself weighs them.
    pub(crate) fn score(self) -> f64 {
        self.time * self.memory
    }
}

/// How much of a possible advantage was reached: 1 is all of it, below 0 the way went backwards. `None`
/// where what is possible is no more than `least`, as a part: then there is nothing to reach.
pub(crate) fn share(reached: f64, possible: f64, least: f64) -> Option<f64> {
    (possible > least.ln_1p()).then(|| reached / possible)
}

/// The integral over time of samples, each a time and a value.
pub(crate) fn integral(samples: &[(f64, f64)]) -> f64 {
    let part = |pair: &[(f64, f64)]| (pair[1].0 - pair[0].0) * f64::midpoint(pair[0].1, pair[1].1);
    samples.windows(2).map(part).sum()
}

/// The mean over time of samples; `None` without any.
pub(crate) fn mean_over_time(samples: &[(f64, f64)]) -> Option<f64> {
    let (first, last) = (samples.first()?, samples.last()?);
    let length = last.0 - first.0;
    Some(if length > 0.0 { integral(samples) / length } else { first.1 })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn near(one: f64, other: f64) -> bool {
        (one - other).abs() < 1e-3
    }

    #[test]
    fn an_interval_by_hand() {
        // Logs 0.1, 0.2, 0.3: mean 0.2, deviation 0.1, error 0.0577, t 4.303.
        let pairs = [0.1_f64, 0.2, 0.3].map(|log| (5.0 * log.exp(), 5.0));
        let interval = Interval::of_ratios(pairs).unwrap();
        assert!(near(interval.mean, 0.2), "{interval:?}");
        assert!(near(interval.low, 0.2 - 0.2484) && near(interval.high, 0.2 + 0.2484));
        assert!(!interval.is_clear());
        assert!(interval.text().starts_with("+22.1 ("), "{}", interval.text());
    }

    #[test]
    fn less_than_two_pairs_tell_nothing() {
        assert_eq!(Interval::of_ratios([(1.0, 2.0)]), None);
        assert_eq!(Interval::of_ratios([(1.0, 2.0), (1.0, 0.0)]), None);
    }

    #[test]
    fn answers_need_the_whole_interval() {
        let answer = |low, high| Interval { mean: 0.0, low, high }.is_within(0.02);
        assert_eq!(answer(-0.01, 0.019), Answer::Yes);
        assert_eq!(answer(-0.01, 0.021), Answer::Open);
        assert_eq!(answer(0.0199, 0.03), Answer::No);
    }

    #[test]
    fn intervals_narrow_with_the_number_of_pairs() {
        assert!((1..200).all(|freedom| student(freedom) > student(freedom + 1)));
        assert!(near(student(40), 2.021) && near(student(120), 1.980));
    }

    #[test]
    fn a_percent_of_time_weighs_as_one_of_memory() {
        let slower = Cost { time: 1.01, memory: 1.0 }.score();
        let larger = Cost { time: 1.0, memory: 1.01 }.score();
        assert!(near(slower, larger) && slower > 1.009);
        assert!(Cost { time: 0.98, memory: 1.01 }.score() < 1.0);
    }

    #[test]
    fn shares_of_nothing_are_none() {
        assert_eq!(share(0.03, 0.04, 0.05), None);
        assert_eq!(share(0.1, 0.2, 0.05), Some(0.5));
        assert!(share(-0.1, 0.2, 0.05).unwrap() < 0.0);
    }

    #[test]
    fn integrals_are_of_trapezoids() {
        let samples = [(0.0, 1.0), (1.0, 3.0), (4.0, 3.0)];
        assert!(near(integral(&samples), 2.0 + 9.0));
        assert!(near(mean_over_time(&samples).unwrap(), 11.0 / 4.0));
        assert_eq!(mean_over_time(&[(5.0, 7.0)]), Some(7.0));
        assert_eq!(mean_over_time(&[]), None);
    }
}
