//! The panel of the policy: a diagram for each lever.

use super::palette::{self, Classes, FAINT, GREEN, INK, REST, VERMILION};
use super::strip::{
    COLUMNS, Canvas, Chart, Drawn, Heights, Key, SCALE, legend, mark, open, px, short, stroke, text,
};
use super::thin;
use super::timeline::{Course, Timeline};
use super::trips::bytes;
use hakmem_core::learn::Lever;
use hakmem_core::policy::Fresh;
use plotters::prelude::{Rectangle, Text};
use plotters::style::text_anchor::{HPos, Pos, VPos};
use plotters::style::{Color, RGBColor};

/// Milliseconds that decay doubles from.
const DECAY_LEAST: f64 = 125.0;
/// Doublings that lines of the same number lie apart, so that all are seen.
const BESIDE: f64 = 0.07;
/// Lines on either side of the number.
const BESIDE_MOST: f64 = 5.0;
/// Numbers below so many times what has a unit of its own elsewhere are written in full here: they
/// are powers of two.
const WIDEST: f64 = 10.0;
/// Where on the band of fresh memory marks are: above the words.
const MARKS_OF_FRESH: f64 = 0.8;
/// Pixels of a band that a word fits into.
const WORD: i32 = 58;

/// Blocks in a list of each class that changed, each line a doubling.
pub(super) fn lists(canvas: &Canvas, timeline: &Timeline, classes: &Classes) -> Drawn {
    let all = || classes.moved_too.iter().chain(&classes.moved).copied();
    let height = |blocks: u32| f64::from(blocks.max(1)).log2();
    let drawn = all().flat_map(|class| timeline.lists[class].iter().map(|(_, n)| height(*n)));
    let range = octaves(drawn, 4.0..7.0);
    let format = |height: &f64| power(*height, 1.0);
    let chart = open(canvas, timeline, &doublings(range, 12, &format), false)?;
    let beside = |index: usize| {
        let middle = (all().count() - 1) as f64 / 2.0;
        BESIDE * (index as f64 - middle).clamp(-BESIDE_MOST, BESIDE_MOST)
    };
    for (index, class) in all().enumerate() {
        let course = &timeline.lists[class];
        let line = stairs(course, timeline, |blocks| height(blocks) + beside(index));
        stroke(&chart, line, classes.colour(class).stroke_width(2 * SCALE))?;
    }
    for (index, class) in all().enumerate() {
        let height = |blocks| height(blocks) + beside(index);
        marks(&chart, timeline, (Lever::List, Some(class)), height, classes.colour(class))?;
    }
    let named = classes.moved.iter();
    let named =
        named.map(|class| (Key::Line(classes.colour(*class)), bytes(timeline.sizes[*class])));
    let mut entries: Vec<(Key, String)> = named.rev().collect();
    match classes.moved_too.len() {
        0 if entries.is_empty() => entries.push((Key::Line(FAINT), "none changed".into())),
        0 => {}
        1 => entries.push((Key::Line(REST), "1 other class".into())),
        others => entries.push((Key::Line(REST), format!("{others} other classes"))),
    }
    legend(canvas, "blocks in a list", &entries)
}

pub(super) fn decay(canvas: &Canvas, timeline: &Timeline) -> Drawn {
    let height = |ms: u32| (f64::from(ms.max(1)) / DECAY_LEAST).log2();
    let range = octaves(timeline.decay.iter().map(|(_, ms)| height(*ms)), 1.0..3.0);
    let format = |height: &f64| power(*height, DECAY_LEAST);
    let chart = open(canvas, timeline, &doublings(range, 4, &format), false)?;
    let line = stairs(&timeline.decay, timeline, height);
    stroke(&chart, line, VERMILION.stroke_width(2 * SCALE))?;
    marks(&chart, timeline, (Lever::Decay, None), height, VERMILION)?;
    legend(canvas, "milliseconds", &[(Key::Line(VERMILION), "between decays".into())])
}

/// Who shares what lists may grow by, and who was active: where all share, the line is on top.
pub(super) fn sharers(canvas: &Canvas, timeline: &Timeline) -> Drawn {
    let height = |caches: u32| f64::from(caches.max(1)).log2();
    let both = timeline.active.iter().chain(&timeline.sharers);
    let most = both.map(|(_, caches)| height(*caches)).fold(0.0, f64::max);
    let all = most.ceil() + 1.0;
    let format = |height: &f64| {
        if *height == all { "all".into() } else { power(*height, 1.0) }
    };
    let chart = open(canvas, timeline, &doublings(-0.4..all + 0.4, 4, &format), false)?;
    stroke(&chart, stairs(&timeline.active, timeline, height), REST.stroke_width(SCALE))?;
    let height = |caches: u32| if caches == 0 { all } else { height(caches) };
    let line = stairs(&timeline.sharers, timeline, height);
    stroke(&chart, line, GREEN.stroke_width(2 * SCALE))?;
    marks(&chart, timeline, (Lever::Sharers, None), height, GREEN)?;
    let entries =
        [(Key::Line(GREEN), "share the growth".into()), (Key::Line(REST), "active".into())];
    legend(canvas, "caches", &entries)
}

pub(super) fn fresh(canvas: &Canvas, timeline: &Timeline) -> Drawn {
    let heights = Heights { range: 0.0..1.0, labels: 0, format: &|_| String::new() };
    let chart = open(canvas, timeline, &heights, false)?;
    let area = chart.plotting_area();
    for (index, (from, number)) in timeline.fresh.iter().enumerate() {
        let to = timeline.fresh.get(index + 1).map_or(timeline.span(), |(next, _)| *next);
        let fresh = Fresh::of(*number as u8);
        let corners = [(*from, 0.0), (to, 1.0)];
        area.draw(&Rectangle::new(corners, palette::fresh(fresh).filled()))?;
        let [left, right] = corners.map(|corner| chart.backend_coord(&(corner.0, 0.5)).0);
        if right - left > px(WORD) {
            let style = text(12, INK).pos(Pos::new(HPos::Center, VPos::Center));
            area.draw(&Text::new(fresh.name(), ((from + to) / 2.0, 0.5), style))?;
        }
    }
    let ways = [Fresh::Huge, Fresh::Populate].into_iter();
    let ways = ways.filter(|way| timeline.fresh.iter().any(|(_, fresh)| *fresh == *way as u32));
    let key = |way: Fresh| (Key::Area(palette::fresh(way)), way.name().into());
    marks(&chart, timeline, (Lever::Fresh, None), |_| MARKS_OF_FRESH, INK)?;
    legend(canvas, "fresh memory", &ways.map(key).collect::<Vec<_>>())
}

/// A course as a line, its corners right-angled.
fn stairs(course: &Course, timeline: &Timeline, height: impl Fn(u32) -> f64) -> Vec<(f64, f64)> {
    let mut points: Vec<(f64, f64)> = Vec::new();
    for (at, number) in course {
        if let Some((_, last)) = points.last() {
            points.push((*at, *last));
        }
        points.push((*at, height(*number)));
    }
    if let Some((_, last)) = points.last() {
        points.push((timeline.span(), *last));
    }
    thin::line(&points, timeline.span(), COLUMNS)
}

/// Marks where something that was tried settled, at the number that was tried.
fn marks(
    chart: &Chart,
    timeline: &Timeline,
    (lever, class): (Lever, Option<usize>),
    height: impl Fn(u32) -> f64,
    colour: RGBColor,
) -> Drawn {
    for decision in &timeline.decisions.all {
        let change = &decision.change;
        let Some((when, verdict)) = decision.settled else { continue };
        if change.lever == lever && change.class.map(usize::from) == class {
            let at = timeline.seconds(when).unwrap_or_default();
            mark(chart, (at, height(change.to)), colour, verdict.stays)?;
        }
    }
    Ok(())
}

/// Heights in doublings, at least `least`, with some room at both ends.
fn octaves(
    heights: impl Iterator<Item = f64>,
    least: std::ops::Range<f64>,
) -> std::ops::Range<f64> {
    let (low, high) = heights.fold((f64::MAX, f64::MIN), |(low, high), height| {
        (low.min(height.floor()), high.max(height.ceil()))
    });
    let (mut low, mut high) = if low > high { (least.start, least.end) } else { (low, high) };
    let short = (least.end - least.start) - (high - low);
    if short > 0.0 {
        low -= (short / 2.0).floor();
        high += (short / 2.0).ceil();
    }
    low - 0.4..high + 0.4
}

fn doublings(
    range: std::ops::Range<f64>,
    most_labels: usize,
    format: &dyn Fn(&f64) -> String,
) -> Heights<'_> {
    // One a doubling, so that none falls between two.
    let labels = ((range.end - range.start).floor() as usize + 1).min(most_labels);
    Heights { range, labels, format }
}

/// The number at a height, where it is a whole number of doublings.
fn power(height: f64, of: f64) -> String {
    let number = (of * height.exp2()).round();
    if height.fract() == 0.0 { short(number / WIDEST)(&number) } else { String::new() }
}
