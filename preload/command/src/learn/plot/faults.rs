//! The panel of what the system does for the process.

use super::palette::{INK, PURPLE, VERMILION};
use super::strip::{
    COLUMNS, Canvas, Drawn, Heights, Key, SCALE, fill, legend, open, short, stroke, up_to,
};
use super::thin::bars;
use super::timeline::{Rates, Timeline};
use super::trips::{peaks, steps};
use plotters::style::{Color, RGBColor};

pub(super) fn faults(canvas: &Canvas, timeline: &Timeline) -> Drawn {
    let entry = (Key::Area(VERMILION), "page faults".into());
    rate(canvas, timeline, "per second", entry, |rates| rates.faults, (VERMILION, 4, false))
}

pub(super) fn system(canvas: &Canvas, timeline: &Timeline) -> Drawn {
    let entry = (Key::Area(PURPLE), "time in the system".into());
    rate(canvas, timeline, "% of CPU time", entry, |rates| rates.system, (PURPLE, 3, true))
}

fn rate(
    canvas: &Canvas,
    timeline: &Timeline,
    name: &str,
    entry: (Key, String),
    rate: fn(&Rates) -> f32,
    (colour, labels, is_last): (RGBColor, usize, bool),
) -> Drawn {
    let runs = timeline.runs().map(|run| {
        bars(run, timeline.span(), COLUMNS, |sample| {
            [sample.rates.as_ref().map_or(0.0, |rates| f64::from(rate(rates)))]
        })
    });
    let runs: Vec<_> = runs.filter(|bars| !bars.is_empty()).collect();
    let most = runs.iter().flatten().map(|bar| bar.peak).fold(0.0, f64::max);
    let heights = Heights { range: up_to(most), labels, format: &short(most) };
    let chart = open(canvas, timeline, &heights, is_last)?;
    for bars in &runs {
        let outline = steps(bars, |bar| bar.means[0]);
        fill(&chart, outline.clone(), colour)?;
        stroke(&chart, outline, colour.stroke_width(SCALE))?;
    }
    let mut entries = vec![entry];
    if peaks(&chart, &runs)? {
        entries.push((Key::Line(INK), "highest".into()));
    }
    legend(canvas, name, &entries)
}
