//! Colours that stay apart for colour-blind eyes, and in grey: after Okabe and Ito, "Color Universal
//! Design", 2008.

use super::timeline::Timeline;
use hakmem_core::CLASSES;
use hakmem_core::learn::Phase;
use hakmem_core::policy::Fresh;
use plotters::style::RGBColor;

pub(super) const BLUE: RGBColor = RGBColor(0x00, 0x72, 0xb2);
pub(super) const SKY: RGBColor = RGBColor(0x8c, 0xcb, 0xee);
pub(super) const VERMILION: RGBColor = RGBColor(0xd5, 0x5e, 0x00);
pub(super) const GREEN: RGBColor = RGBColor(0x00, 0x9e, 0x73);
pub(super) const PURPLE: RGBColor = RGBColor(0xcc, 0x79, 0xa7);
pub(super) const INK: RGBColor = RGBColor(0x22, 0x22, 0x22);
pub(super) const FAINT: RGBColor = RGBColor(0x66, 0x66, 0x66);
pub(super) const REST: RGBColor = RGBColor(0xa0, 0xa0, 0xa0);

/// Colours of classes.
const CLASS: [RGBColor; 7] = [
    BLUE,
    RGBColor(0xe6, 0x9f, 0x00),
    GREEN,
    PURPLE,
    RGBColor(0x56, 0xb4, 0xe9),
    VERMILION,
    RGBColor(0x5b, 0x3a, 0x8c),
];
/// Classes that are named among trips.
pub(super) const NAMED: usize = 5;

pub(super) fn phase(phase: Phase) -> RGBColor {
    match phase {
        Phase::Learn => RGBColor(0xe3, 0xf0, 0xfa),
        Phase::Canary => RGBColor(0xfd, 0xe6, 0xb8),
        Phase::Frozen => RGBColor(0xed, 0xed, 0xed),
    }
}

pub(super) fn fresh(fresh: Fresh) -> RGBColor {
    match fresh {
        Fresh::Plain => RGBColor(0xc8, 0xc8, 0xc8),
        Fresh::Populate => RGBColor(0x66, 0xc2, 0xa4),
        Fresh::Huge => RGBColor(0xe0, 0xa8, 0xc8),
    }
}

/// Which classes are drawn by themselves: the same colour for a class in every panel.
pub(super) struct Classes {
    colours: [Option<RGBColor>; CLASSES],
    /// The classes with the most trips, the first of them first.
    pub(super) busiest: Vec<usize>,
    /// Those whose lists changed, smallest first, and that have a colour.
    pub(super) moved: Vec<usize>,
    /// And that have none.
    pub(super) moved_too: Vec<usize>,
}

impl Classes {
    pub(super) fn of(timeline: &Timeline) -> Self {
        let mut trips = [0.0; CLASSES];
        for pair in timeline.samples.windows(2) {
            let Some(rates) = &pair[1].rates else { continue };
            for (sum, rate) in trips.iter_mut().zip(rates.trips) {
                *sum += f64::from(rate) * (pair[1].at - pair[0].at);
            }
        }
        let mut busiest: Vec<usize> = (0..CLASSES).filter(|class| trips[*class] > 0.0).collect();
        busiest.sort_by(|a, b| trips[*b].total_cmp(&trips[*a]));
        busiest.truncate(NAMED);

        let changes = |class: usize| timeline.lists[class].len() - 1;
        let mut moved: Vec<usize> = (0..CLASSES).filter(|class| changes(*class) > 0).collect();
        moved.sort_by_key(|class| std::cmp::Reverse(changes(*class)));
        let mut colours = [None; CLASSES];
        let mut left = CLASS.iter();
        for class in busiest.iter().chain(&moved) {
            if colours[*class].is_none() {
                colours[*class] = left.next().copied();
            }
        }
        moved.sort_unstable();
        let (moved, moved_too) = moved.into_iter().partition(|class| colours[*class].is_some());
        Self { colours, busiest, moved, moved_too }
    }

    pub(super) fn colour(&self, class: usize) -> RGBColor {
        self.colours[class].unwrap_or(REST)
    }
}
