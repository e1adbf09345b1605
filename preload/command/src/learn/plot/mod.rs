//! `hakmem learn plot`: a log as one picture, four panels over one axis of time.
//!
//! | panel | diagrams |
//! |---|---|
//! | memory | in use, free but backed, mapped |
//! | cold trips | refills and spills of the busiest classes and of the rest, stacked |
//! | policy | lists that changed, decay, sharers, fresh; what was tried and kept, or undone |
//! | system | page faults, share of time |
//!
//! Behind them stands the learner's phase; white: no steps, most times because
//! the program slept. Where there are more steps than
//! pixels, lines keep the lowest and the highest of a pixel (`thin.rs`), areas the mean.

mod faults;
mod levers;
mod memory;
mod palette;
mod strip;
mod thin;
mod timeline;
mod trips;

use super::log::{Fault, Log};
use super::names::Named;
use super::show::counted;
use hakmem_core::learn::Phase;
use palette::{Classes, FAINT, INK};
use plotters::prelude::*;
use plotters::style::text_anchor::{HPos, Pos, VPos};
use std::io::BufRead;
use strip::{Canvas, Drawn, Key, LEFT, RIGHT, SCALE, WIDTH, grouped, px, text};
use timeline::Timeline;

/// Pixels of the axis of time, with its name.
const AXIS: u32 = 44;
const HEAD: u32 = 64;
const TITLE: u32 = 34;
const GAP: u32 = 10;

/// Pixels of each diagram.
const MEMORY: u32 = 170;
const TRIPS: u32 = 180;
const LISTS: u32 = 190;
const DECAY: u32 = 76;
const SHARERS: u32 = 70;
const FRESH: u32 = 42;
const FAULTS: u32 = 90;
const SYSTEM: u32 = 60;

/// The picture, SVG.
pub(super) fn plot<R: BufRead>(log: Log<R>, name: &str) -> Result<String, Fault> {
    let timeline = Timeline::read(log)?;
    if timeline.span() <= 0.0 {
        return Err(Fault::of_all("nothing to draw: it has less than two steps at two times"));
    }
    let drawn = draw(&timeline, name);
    drawn.map_err(|error| Fault::of_all(&format!("cannot be drawn: {error}")))
}

fn draw(timeline: &Timeline, name: &str) -> Result<String, Box<dyn std::error::Error>> {
    let rows = [
        HEAD,
        TITLE,
        MEMORY,
        TITLE,
        TRIPS,
        TITLE,
        LISTS,
        GAP,
        DECAY,
        GAP,
        SHARERS,
        GAP,
        FRESH,
        TITLE,
        FAULTS,
        GAP,
        SYSTEM + AXIS,
        GAP,
    ];
    let height: u32 = rows.iter().sum();
    let mut svg = String::new();
    {
        let size = (WIDTH * SCALE, height * SCALE);
        let whole = SVGBackend::with_string(&mut svg, size).into_drawing_area();
        whole.fill(&WHITE)?;
        let mut rest = whole.clone();
        let parts = rows.map(|height| {
            let (part, below) = rest.split_vertically(height * SCALE);
            rest = below;
            part
        });
        let [
            head,
            memory_title,
            memory,
            trips_title,
            trips,
            policy_title,
            lists,
            _,
            decay,
            _,
            sharers,
            _,
            fresh,
            system_title,
            faults,
            _,
            system,
            _,
        ] = parts;
        let classes = Classes::of(timeline);
        draw_head(&head, timeline, name)?;
        title(&memory_title, "Memory")?;
        memory::draw(&memory, timeline)?;
        title(&trips_title, "Cold trips")?;
        trips::draw(&trips, timeline, &classes)?;
        title(&policy_title, "Policy")?;
        key_of_marks(&policy_title)?;
        levers::lists(&lists, timeline, &classes)?;
        levers::decay(&decay, timeline)?;
        levers::sharers(&sharers, timeline)?;
        levers::fresh(&fresh, timeline)?;
        title(&system_title, "System")?;
        faults::faults(&faults, timeline)?;
        faults::system(&system, timeline)?;
        whole.present()?;
    }
    // Units are finer than pixels.
    let (units, pixels) = (|n: u32| n * SCALE, |n: u32| n);
    let size = |of: fn(u32) -> u32| format!("width=\"{}\" height=\"{}\"", of(WIDTH), of(height));
    Ok(svg.replacen(&size(units), &size(pixels), 1))
}

fn draw_head(canvas: &Canvas, timeline: &Timeline, name: &str) -> Drawn {
    let left = px(LEFT as i32);
    let bold = text(17, INK);
    let bold = TextStyle { font: bold.font.style(FontStyle::Bold), ..bold };
    canvas.draw(&Text::new(format!("hakmem's learner: {name}"), (left, px(24)), bold))?;
    let steps = counted(timeline.samples.len(), "step");
    let changes = counted(timeline.decisions.all.len(), "change");
    let (kept, undone) = timeline.decisions.kept_and_undone();
    let span = format!("{} s", grouped((timeline.span() * 10.0).round() / 10.0));
    let summary =
        format!("{steps} over {span}; {changes}, of those tried {kept} kept, {undone} undone");
    canvas.draw(&Text::new(summary, (left, px(48)), text(13, FAINT)))?;

    let words = [
        (Key::Area(palette::phase(Phase::Learn)), Phase::Learn.name()),
        (Key::Area(palette::phase(Phase::Canary)), Phase::Canary.name()),
        (Key::Area(palette::phase(Phase::Frozen)), Phase::Frozen.name()),
        (Key::Area(WHITE), "no steps"),
    ];
    keys(canvas, px(48), 80, &words)
}

fn key_of_marks(canvas: &Canvas) -> Drawn {
    let words = [(Key::Filled(INK), "tried and kept"), (Key::Hollow(INK), "tried and undone")];
    keys(canvas, px(TITLE as i32 - 11), 136, &words)
}

/// Keys in a row that ends where the diagrams do, each so many pixels wide.
fn keys(canvas: &Canvas, y: i32, width: i32, words: &[(Key, &str)]) -> Drawn {
    let end = px((WIDTH - RIGHT) as i32);
    for (index, (key, word)) in words.iter().rev().enumerate() {
        let x = end - px(width) * (index as i32 + 1);
        key.draw(canvas, (x, y))?;
        canvas.draw(&Text::new((*word).to_owned(), (x + px(20), y), text(12, INK)))?;
    }
    Ok(())
}

fn title(canvas: &Canvas, words: &str) -> Drawn {
    let style = text(14, INK);
    let style = TextStyle { font: style.font.style(FontStyle::Bold), ..style };
    let style = style.pos(Pos::new(HPos::Left, VPos::Center));
    canvas.draw(&Text::new(words.to_owned(), (px(LEFT as i32), px(TITLE as i32 - 11)), style))?;
    Ok(())
}
