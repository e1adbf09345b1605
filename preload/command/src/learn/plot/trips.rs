//! The panel of cold trips: refills and spills of lists.

use super::palette::{Classes, INK, NAMED, REST};
use super::strip::{
    COLUMNS, Canvas, Chart, Drawn, Heights, Key, legend, open, short, stroke, up_to,
};
use super::thin::{Bar, bars};
use super::timeline::{Sample, Timeline};
use plotters::prelude::Polygon;
use plotters::style::{Color, RGBColor};

/// The busiest classes, and the rest.
const LAYERS: usize = NAMED + 1;

pub(super) fn draw(canvas: &Canvas, timeline: &Timeline, classes: &Classes) -> Drawn {
    let rates = |sample: &Sample| {
        let mut layers = [0.0; LAYERS];
        let Some(rates) = &sample.rates else { return layers };
        for (class, rate) in rates.trips.into_iter().enumerate() {
            let layer = classes.busiest.iter().position(|busy| *busy == class);
            layers[layer.unwrap_or(LAYERS - 1)] += f64::from(rate);
        }
        layers
    };
    let runs = timeline.runs().map(|run| bars(run, timeline.span(), COLUMNS, rates));
    let runs: Vec<_> = runs.filter(|bars| !bars.is_empty()).collect();
    let most = runs.iter().flatten().map(|bar| bar.peak).fold(0.0, f64::max);
    let heights = Heights { range: up_to(most), labels: 6, format: &short(most) };
    let chart = open(canvas, timeline, &heights, false)?;

    let colours = classes.busiest.iter().map(|class| classes.colour(*class));
    let mut colours: Vec<RGBColor> = colours.collect();
    colours.resize(LAYERS, REST);
    for bars in &runs {
        for (layer, colour) in colours.iter().enumerate() {
            let below = steps(bars, |bar| bar.means[..layer].iter().sum());
            let mut outline = steps(bars, |bar| bar.means[..=layer].iter().sum());
            outline.extend(below.into_iter().rev());
            chart.plotting_area().draw(&Polygon::new(outline, colour.filled()))?;
        }
    }
    let thinned = peaks(&chart, &runs)?;

    let size = |class: &usize| bytes(timeline.sizes[*class]);
    let named =
        classes.busiest.iter().map(|class| (Key::Area(classes.colour(*class)), size(class)));
    let mut entries: Vec<(Key, String)> = named.collect();
    if runs.iter().flatten().any(|bar| bar.means[LAYERS - 1] > 0.0) {
        entries.push((Key::Area(REST), "other classes".into()));
    }
    // The topmost layer is named first.
    entries.reverse();
    if thinned {
        entries.push((Key::Line(INK), "highest".into()));
    }
    legend(canvas, "per second", &entries)
}

/// Where bars are means of several stretches, a line over the highest of them. Whether there is any.
pub(super) fn peaks<const N: usize>(
    chart: &Chart,
    runs: &[Vec<Bar<N>>],
) -> Result<bool, Box<dyn std::error::Error>> {
    let thinned = runs.iter().flatten().any(|bar| bar.of > 1);
    for bars in runs.iter().filter(|_| thinned) {
        stroke(chart, steps(bars, |bar| bar.peak), INK.mix(0.5).stroke_width(1))?;
    }
    Ok(thinned)
}

/// The outline of bars, from left to right.
pub(super) fn steps<const N: usize>(
    bars: &[Bar<N>],
    height: impl Fn(&Bar<N>) -> f64,
) -> Vec<(f64, f64)> {
    bars.iter().flat_map(|bar| [(bar.from, height(bar)), (bar.to, height(bar))]).collect()
}

/// The size of a class.
pub(super) fn bytes(size: u32) -> String {
    match size {
        0..1024 => format!("{size} B"),
        _ => format!("{} KiB", f64::from(size) / 1024.0),
    }
}
