//! The panel of memory.

use super::palette::{BLUE, INK, SKY};
use super::strip::{
    COLUMNS, Canvas, Drawn, Heights, Key, SCALE, fill, legend, open, short, stroke, up_to,
};
use super::thin;
use super::timeline::{Sample, Timeline};
use plotters::style::Color;

pub(super) fn draw(canvas: &Canvas, timeline: &Timeline) -> Drawn {
    let height = |sample: &Sample| sample.mapped.max(sample.in_use + sample.free);
    let most = timeline.samples.iter().map(height).fold(0.0, f64::max);
    let heights = Heights { range: up_to(most), labels: 6, format: &short(most) };
    let chart = open(canvas, timeline, &heights, false)?;
    for run in timeline.runs() {
        let points = |height: &dyn Fn(&Sample) -> f64| {
            let points: Vec<_> = run.iter().map(|sample| (sample.at, height(sample))).collect();
            thin::line(&points, timeline.span(), COLUMNS)
        };
        fill(&chart, points(&|sample| sample.in_use + sample.free), SKY)?;
        fill(&chart, points(&|sample| sample.in_use), BLUE)?;
        stroke(&chart, points(&|sample| sample.mapped), INK.stroke_width(2 * SCALE))?;
    }
    legend(
        canvas,
        "MiB",
        &[
            (Key::Line(INK), "mapped".into()),
            (Key::Area(SKY), "free, still backed".into()),
            (Key::Area(BLUE), "in use".into()),
        ],
    )
}
