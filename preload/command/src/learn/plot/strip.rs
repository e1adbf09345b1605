//! One diagram over the shared axis of time, with its legend at the right.

use super::palette::{self, FAINT, INK};
use super::timeline::Timeline;
use plotters::coord::types::RangedCoordf64;
use plotters::coord::{CoordTranslate, Shift};
use plotters::prelude::*;
use plotters::style::text_anchor::{HPos, Pos, VPos};
use std::error::Error;
use std::ops::Range;

/// Units of the picture in a pixel: shapes lie on whole units, so that two make lines smoother.
pub(super) const SCALE: u32 = 2;
/// Pixels.
pub(super) const WIDTH: u32 = 1200;
pub(super) const LEFT: u32 = 74;
pub(super) const RIGHT: u32 = 172;
/// Columns that shapes can fall into.
pub(super) const COLUMNS: usize = ((WIDTH - LEFT - RIGHT) * SCALE) as usize;
const LEGEND_LINE: i32 = 17;

pub(super) type Canvas<'a> = DrawingArea<SVGBackend<'a>, Shift>;
pub(super) type Chart<'a> =
    ChartContext<'a, SVGBackend<'a>, Cartesian2d<RangedCoordf64, RangedCoordf64>>;
pub(super) type Drawn = Result<(), Box<dyn Error>>;

/// Pixels, in units.
pub(super) const fn px(pixels: i32) -> i32 {
    pixels * SCALE as i32
}

/// How text looks, `size` pixels high.
pub(super) fn text(size: i32, colour: RGBColor) -> TextStyle<'static> {
    // The backend writes a size that is so many times smaller.
    let size = f64::from(px(size)) * 1.24;
    let style =
        TextStyle::from(("sans-serif", size).into_font()).pos(Pos::new(HPos::Left, VPos::Center));
    TextStyle { color: colour.to_backend_color(), ..style }
}

/// What stands in a legend before a text.
#[derive(Clone, Copy)]
pub(super) enum Key {
    Area(RGBColor),
    Line(RGBColor),
    Filled(RGBColor),
    Hollow(RGBColor),
}

impl Key {
    /// Draws it in the 14 pixels right of a place.
    pub(super) fn draw(self, canvas: &Canvas, (x, y): (i32, i32)) -> Drawn {
        let middle = (x + px(7), y);
        match self {
            Self::Area(colour) => {
                let corners = [(x, y - px(5)), (x + px(14), y + px(5))];
                canvas.draw(&Rectangle::new(corners, colour.filled()))?;
                canvas.draw(&Rectangle::new(corners, FAINT.mix(0.4)))?;
            }
            Self::Line(colour) => canvas.draw(&PathElement::new(
                [(x, y), (x + px(14), y)],
                colour.stroke_width(2 * SCALE),
            ))?,
            Self::Filled(colour) => dot(canvas, middle, colour, true)?,
            Self::Hollow(colour) => dot(canvas, middle, colour, false)?,
        }
        Ok(())
    }
}

/// A dot, filled or hollow, on whatever coordinates an area has.
fn dot<CT: CoordTranslate>(
    area: &DrawingArea<SVGBackend, CT>,
    at: CT::From,
    colour: RGBColor,
    filled: bool,
) -> Drawn
where
    CT::From: Copy,
{
    let (inside, edge) = if filled { (colour, WHITE) } else { (WHITE, colour) };
    area.draw(&Circle::new(at, px(4), inside.filled()))?;
    area.draw(&Circle::new(at, px(4), edge.stroke_width(if filled { 1 } else { 2 * SCALE })))?;
    Ok(())
}

/// The heights of a diagram.
pub(super) struct Heights<'f> {
    pub(super) range: Range<f64>,
    /// At most so many have a label.
    pub(super) labels: usize,
    pub(super) format: &'f dyn Fn(&f64) -> String,
}

/// From nothing to something more than `most`.
pub(super) fn up_to(most: f64) -> Range<f64> {
    0.0..if most > 0.0 { most * 1.06 } else { 1.0 }
}

/// Writes numbers of up to `most` as short as they can be read, all in the same unit.
pub(super) fn short(most: f64) -> impl Fn(&f64) -> String {
    let (unit, name) = match most {
        _ if most >= 1e10 => (1e9, " G"),
        _ if most >= 1e7 => (1e6, " M"),
        _ if most >= 1e4 => (1e3, " k"),
        _ => (1.0, ""),
    };
    move |number| match number / unit {
        0.0 => "0".into(),
        // Three digits at least, and no more than fit.
        number if number >= 1e3 => format!("{:.0}{name}", number),
        number => format!("{}{name}", (number * 1000.0).round() / 1000.0),
    }
}

/// A number in full, in groups of three digits.
pub(super) fn grouped(number: f64) -> String {
    let text = format!("{}", (number * 1000.0).round() / 1000.0);
    let whole = text.find('.').unwrap_or(text.len());
    let mut grouped = String::new();
    for (index, digit) in text.chars().enumerate() {
        if index > 0 && index < whole && (whole - index) % 3 == 0 {
            grouped.push(',');
        }
        grouped.push(digit);
    }
    grouped
}

/// Opens a diagram: phases in the background, then axes and a grid. `is_last`: the axis of time has
/// its labels here.
pub(super) fn open<'a>(
    canvas: &Canvas<'a>,
    timeline: &Timeline,
    heights: &Heights,
    is_last: bool,
) -> Result<Chart<'a>, Box<dyn Error>> {
    let span = timeline.span();
    let mut builder = ChartBuilder::on(canvas);
    builder.set_label_area_size(LabelAreaPosition::Left, px(LEFT as i32));
    builder.margin_right(px(RIGHT as i32));
    if is_last {
        builder.set_label_area_size(LabelAreaPosition::Bottom, px(super::AXIS as i32));
    }
    let mut chart = builder.build_cartesian_2d(0.0..span, heights.range.clone())?;
    let (low, high) = (heights.range.start, heights.range.end);
    for (from, to, phase) in timeline.phases(COLUMNS) {
        let corners = [(from, low), (to, high)];
        chart.plotting_area().draw(&Rectangle::new(corners, palette::phase(phase).filled()))?;
    }
    let mut mesh = chart.configure_mesh();
    mesh.light_line_style(TRANSPARENT)
        .bold_line_style(INK.mix(0.12).stroke_width(1))
        .axis_style(INK.mix(0.5).stroke_width(SCALE))
        .label_style(text(12, INK))
        .x_labels(12)
        .x_label_formatter(&|at| grouped(*at))
        .y_labels(heights.labels)
        .y_label_formatter(heights.format)
        .set_tick_mark_size(LabelAreaPosition::Left, px(4))
        .set_tick_mark_size(LabelAreaPosition::Bottom, px(4));
    if is_last {
        mesh.x_desc("seconds").axis_desc_style(text(12, FAINT));
    }
    mesh.draw()?;
    Ok(chart)
}

/// The legend of a diagram: its name, then what is in it.
pub(super) fn legend(canvas: &Canvas, name: &str, entries: &[(Key, String)]) -> Drawn {
    let x = px((WIDTH - RIGHT) as i32 + 14);
    let mut y = px(8);
    canvas.draw(&Text::new(name.to_owned(), (x, y), text(12, FAINT)))?;
    for (key, words) in entries {
        y += px(LEGEND_LINE);
        key.draw(canvas, (x, y))?;
        canvas.draw(&Text::new(words.clone(), (x + px(20), y), text(12, INK)))?;
    }
    Ok(())
}

/// A line through points; one point alone is a dot.
pub(super) fn stroke(chart: &Chart, points: Vec<(f64, f64)>, style: ShapeStyle) -> Drawn {
    match points[..] {
        [alone] => chart.plotting_area().draw(&Circle::new(alone, px(2), style.filled()))?,
        _ => chart.plotting_area().draw(&PathElement::new(points, style))?,
    }
    Ok(())
}

/// The area under points.
pub(super) fn fill(chart: &Chart, mut points: Vec<(f64, f64)>, colour: RGBColor) -> Drawn {
    if let (Some(first), Some(last)) = (points.first().copied(), points.last().copied()) {
        points.extend([(last.0, 0.0), (first.0, 0.0)]);
        chart.plotting_area().draw(&Polygon::new(points, colour.filled()))?;
    }
    Ok(())
}

/// A mark on what was tried.
pub(super) fn mark(chart: &Chart, at: (f64, f64), colour: RGBColor, stays: bool) -> Drawn {
    dot(chart.plotting_area(), at, colour, stays)
}
