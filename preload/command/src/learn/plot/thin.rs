//! More points than pixels: what is left of them.

use super::timeline::Sample;

/// Of the points that share one of `columns`, those that a line through all of them would be seen to
/// touch: the first, the lowest, the highest, the last. Points come in order of time, from 0 to
/// `span`.
pub(super) fn line(points: &[(f64, f64)], span: f64, columns: usize) -> Vec<(f64, f64)> {
    if points.len() <= columns {
        return points.to_vec();
    }
    let mut kept = Vec::new();
    for group in points.chunk_by(|a, b| column(a.0, span, columns) == column(b.0, span, columns)) {
        let by_height = |a: &&(f64, f64), b: &&(f64, f64)| a.1.total_cmp(&b.1);
        let ends = [group.first(), group.last()];
        let extremes = [group.iter().min_by(by_height), group.iter().max_by(by_height)];
        let mut four: Vec<(f64, f64)> =
            ends.into_iter().chain(extremes).flatten().copied().collect();
        four.sort_by(|a, b| a.0.total_cmp(&b.0));
        four.dedup();
        kept.extend(four);
    }
    kept
}

/// What happened in a stretch of time: means, and the highest sum of them.
#[derive(Clone, Debug, PartialEq)]
pub(super) struct Bar<const N: usize> {
    pub(super) from: f64,
    pub(super) to: f64,
    pub(super) means: [f64; N],
    pub(super) peak: f64,
    /// Stretches that it is made of.
    pub(super) of: usize,
}

/// The rates of one run: a bar for each stretch between samples, or one for all that share a column.
pub(super) fn bars<const N: usize>(
    run: &[Sample],
    span: f64,
    columns: usize,
    rates: impl Fn(&Sample) -> [f64; N],
) -> Vec<Bar<N>> {
    let mut bars: Vec<Bar<N>> = Vec::new();
    let thins = run.len() > columns;
    let mut in_column = None;
    for pair in run.windows(2) {
        let (from, to, rates) = (pair[0].at, pair[1].at, rates(&pair[1]));
        let peak = rates.iter().sum();
        let here = Some(column(from, span, columns));
        match bars.last_mut() {
            Some(bar) if thins && here == in_column => {
                for (mean, rate) in bar.means.iter_mut().zip(rates) {
                    *mean = (*mean * (bar.to - bar.from) + rate * (to - from)) / (to - bar.from);
                }
                bar.to = to;
                bar.peak = bar.peak.max(peak);
                bar.of += 1;
            }
            _ => bars.push(Bar { from, to, means: rates, peak, of: 1 }),
        }
        in_column = here;
    }
    bars
}

fn column(at: f64, span: f64, columns: usize) -> usize {
    (at / span * columns as f64) as usize
}

#[cfg(test)]
mod tests {
    use super::*;
    use hakmem_core::learn::Phase;

    #[test]
    fn few_points_stay() {
        let points = [(0.0, 1.0), (0.5, 7.0), (1.0, 3.0)];
        assert_eq!(line(&points, 1.0, 3), points);
    }

    #[test]
    fn spikes_survive_in_both_directions() {
        let mut points: Vec<(f64, f64)> = (0..10_000).map(|n| (f64::from(n), 50.0)).collect();
        points[1234].1 = 99.0;
        points[4321].1 = 1.0;
        let kept = line(&points, 10_000.0, 100);
        assert!(kept.len() <= 400, "{} points", kept.len());
        assert!(kept.contains(&(1234.0, 99.0)) && kept.contains(&(4321.0, 1.0)));
        assert!(kept.is_sorted_by(|a, b| a.0 < b.0));
        assert_eq!((kept[0], *kept.last().unwrap()), (points[0], points[9999]));
    }

    fn sample(at: u32) -> Sample {
        let at = f64::from(at);
        let phase = Phase::Learn;
        Sample { at, phase, in_use: at, free: 0.0, mapped: 0.0, rates: None }
    }

    #[test]
    fn bars_keep_what_happened() {
        let run: Vec<Sample> = (0..=1000).map(sample).collect();
        let rate = |sample: &Sample| [sample.in_use, 1.0];
        let all: f64 = bars(&run, 1000.0, 5000, rate).iter().map(|bar| bar.means[0]).sum();
        let few = bars(&run, 1000.0, 10, rate);
        assert!((10..=11).contains(&few.len()), "{} bars", few.len());
        let sum: f64 = few.iter().map(|bar| bar.means[0] * (bar.to - bar.from)).sum();
        assert!((sum - all).abs() < 1e-6 * all);
        assert_eq!(few.last().unwrap().peak, 1001.0);
        assert!(few.windows(2).all(|pair| pair[0].to == pair[1].from));
    }
}
