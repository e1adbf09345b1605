//! The static policies that a sweep tries, and the files that hold them.

use std::fs;
use std::path::{Path, PathBuf};

use hakmem_core::policy::text::{self, Machine};
use hakmem_core::{Fresh, Policy};

/// One number of a policy, or what stands for all lists, and the values that it takes.
struct Axis {
    name: &'static str,
    values: &'static [(u32, &'static str)],
    /// Which of them is the default.
    usual: usize,
}

/// Axes of the grid.
pub(crate) const AXES: usize = 5;

#[rustfmt::skip] // a table
const GRID: [Axis; AXES] = [
    // In halves of the default lists.
    Axis { name: "lists", values: &[(1, "1/2"), (2, "x1"), (4, "x2"), (8, "x4"), (16, "x8")], usual: 1 },
    Axis { name: "growth", values: &[(8 << 10, "8 MiB"), (32 << 10, "32 MiB"), (128 << 10, "128 MiB")], usual: 1 },
    Axis { name: "decay", values: &[(125, "125 ms"), (500, "500 ms"), (2000, "2 s"), (8000, "8 s")], usual: 1 },
    Axis { name: "kept", values: &[(1 << 10, "1 MiB"), (4 << 10, "4 MiB"), (16 << 10, "16 MiB"), (64 << 10, "64 MiB")], usual: 1 },
    Axis { name: "fresh", values: &[(0, "plain"), (1, "populate"), (2, "huge")], usual: 0 },
];

/// A point of the grid: for each axis, which value.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) struct Setting([usize; AXES]);

impl Setting {
    /// hakmem as it is.
    pub(crate) const USUAL: Self = {
        let mut places = [0; AXES];
        let mut axis = 0;
        while axis < AXES {
            places[axis] = GRID[axis].usual;
            axis += 1;
        }
        Self(places)
    };

    /// What differs from the usual one in `axis` alone; none of them is the usual one.
    pub(crate) fn singles(axis: usize) -> impl Iterator<Item = Self> {
        let places = (0..GRID[axis].values.len()).filter(move |&place| place != GRID[axis].usual);
        places.map(move |place| Self::USUAL.with(axis, place))
    }

    /// All of these, behind the usual one.
    pub(crate) fn all() -> Vec<Self> {
        let singles = (0..AXES).flat_map(Self::singles);
        std::iter::once(Self::USUAL).chain(singles).collect()
    }

    fn with(mut self, axis: usize, place: usize) -> Self {
        self.0[axis] = place;
        self
    }

    /// This one, but in `axis` as the other.
    pub(crate) fn taking(self, axis: usize, other: Self) -> Self {
        self.with(axis, other.0[axis])
    }

    /// What is not as usual, in words.
    pub(crate) fn text(self) -> String {
        let differs = GRID.iter().zip(self.0).filter(|(axis, place)| *place != axis.usual);
        let words: Vec<String> = differs
            .map(|(axis, place)| format!("{} {}", axis.name, axis.values[place].1))
            .collect();
        if words.is_empty() { "the default".to_owned() } else { words.join(", ") }
    }

    /// The setting that [`text`](Self::text) describes.
    pub(crate) fn of_text(text: &str) -> Option<Self> {
        if text == Self::USUAL.text() {
            return Some(Self::USUAL);
        }
        text.split(", ").try_fold(Self::USUAL, |setting, word| {
            let (name, label) = word.split_once(' ')?;
            let axis = GRID.iter().position(|axis| axis.name == name)?;
            let place = GRID[axis].values.iter().position(|value| value.1 == label)?;
            Some(setting.with(axis, place))
        })
    }

    fn value(self, axis: usize) -> u32 {
        GRID[axis].values[self.0[axis]].0
    }

    /// The numbers themselves.
    pub(crate) fn policy(self) -> Policy {
        let [halves, growth, decay, kept, fresh] = core::array::from_fn(|axis| self.value(axis));
        let usual = Policy::DEFAULT;
        let list = |blocks: u16| (u32::from(blocks) * halves / 2).min(Policy::LIST_MOST.into());
        let lists = usual.lists.map(|blocks| list(blocks) as u16);
        Policy { lists, growth, decay, kept, fresh: Fresh::of(fresh as u8), ..usual }.bounded()
    }

    /// Writes the policy's file into a folder; its path.
    pub(crate) fn file(self, folder: &Path) -> Result<PathBuf, String> {
        let name = self.0.map(|place| place.to_string()).concat();
        let path = folder.join(format!("static-{name}.policy"));
        let mut file = String::new();
        text::write(&self.policy(), &here(), &mut file).map_err(|error| error.to_string())?;
        fs::write(&path, file).map_err(|error| format!("{}: {error}", path.display()))?;
        Ok(path)
    }
}

/// This machine, as a policy's file tells it.
fn here() -> Machine {
    // SAFETY: plain queries.
    let ask = |name| u64::try_from(unsafe { libc::sysconf(name) }).unwrap_or(0);
    let page = ask(libc::_SC_PAGESIZE);
    Machine {
        page: page as u32,
        cpus: ask(libc::_SC_NPROCESSORS_ONLN) as u32,
        memory: ((ask(libc::_SC_PHYS_PAGES) * page) >> 20) as u32,
    }
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use super::*;

    #[test]
    fn the_usual_setting_is_the_default_policy() {
        assert_eq!(Setting::USUAL.policy(), Policy::DEFAULT);
    }

    #[test]
    fn settings_differ_and_are_known_by_their_text() {
        let all = Setting::all();
        let texts: BTreeSet<String> = all.iter().map(|setting| setting.text()).collect();
        assert_eq!(texts.len(), all.len());
        for setting in all {
            assert_eq!(Setting::of_text(&setting.text()), Some(setting));
        }
        let both = Setting::singles(0).last().unwrap();
        let both = both.taking(4, Setting::singles(4).last().unwrap());
        assert_eq!(both.text(), "lists x8, fresh huge");
        assert_eq!(Setting::of_text(&both.text()), Some(both));
        assert_eq!(Setting::of_text("lists x3"), None);
    }

    #[test]
    fn every_setting_is_within_bounds() {
        for setting in Setting::all() {
            let policy = setting.policy();
            assert_eq!(policy, policy.bounded(), "{}", setting.text());
        }
        let longest = Setting::singles(0).last().unwrap().policy();
        assert_eq!(longest.lists[0], 8 * Policy::DEFAULT.lists[0]);
    }

    #[test]
    fn files_can_be_read_again() {
        for setting in Setting::all() {
            let mut file = String::new();
            text::write(&setting.policy(), &here(), &mut file).unwrap();
            assert_eq!(text::parse(file.as_bytes(), &here()), Ok(setting.policy()));
        }
    }
}
