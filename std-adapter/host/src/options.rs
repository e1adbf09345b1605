//! What the environment asks of hakmem: the variables `HAKMEM_*`, read once.
//!
//! | variable | values | default |
//! |---|---|---|
//! | `HAKMEM_FOREIGN` | `abort`, `libc`, `ignore` | `abort` |
//! | `HAKMEM_STATS` | `0`, `1` | `0` |
//! | `HAKMEM_CRASH` | `0`, `1` | `0` |
//! | `HAKMEM_ROOT` | a folder that has `proc` and `sys` below it, for the readers of limits | `/` |
//! | `HAKMEM_BACKGROUND` | `auto`, `on`, `off` | `auto` |
//! | `HAKMEM_DECAY` | milliseconds, 1 to 3,600,000; `off` | the policy's, 500 at first |
//! | `HAKMEM_LIMIT` | bytes, as `512M` or `2GiB` (see `bytes`) | no limit |
//! | `HAKMEM_SOFT_LIMIT` | the same | no limit |
//! | `HAKMEM_HUGE` | `never`, `auto`, `always` | `auto` |
//! | `HAKMEM_LEARN` | `off`, `on`, `freeze` | `on` |
//! | `HAKMEM_LEARN_FIXED` | of `lists`, `sharers`, `decay`, `fresh` any, with commas | none |
//! | `HAKMEM_LEARN_LOG` | a path (relative: to the working directory of the start), where `%p` stands for the process's number | no log |
//! | `HAKMEM_POLICY` | a path, likewise | no file |
//! | `HAKMEM_LIB` | a path; read by the `hakmem` command alone | |
//!
//! Reading is a function from the environment's bytes to [`Settings`]; it has no other effect than
//! the calls of its `warn` argument.

use crate::background::Background;
use crate::bytes;
use crate::container::Root;
use crate::learn::{Learn, Learning, Path, levers};
use core::ffi::{CStr, c_char};
use core::sync::atomic::{AtomicU8, Ordering::Relaxed};
use hakmem_core::{Huge, Policy};

/// What becomes of a pointer that the heap never gave out.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Foreign {
    /// One line on standard error, then `abort`.
    #[default]
    Abort,
    /// The C library's own heap gets it.
    Libc,
    /// The call does nothing.
    Ignore,
}

/// Everything the environment can ask for.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Settings {
    /// What is looked up while the process runs.
    pub options: Options,
    /// What the heap is told at the start, and keeps itself.
    pub limits: Limits,
    /// How memory goes back.
    pub release: Release,
    /// `HAKMEM_HUGE`: when memory is to lie on huge pages.
    pub huge: Huge,
    /// How the heap tunes itself.
    pub learning: Learning,
}

/// How memory goes back by itself.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Release {
    /// `HAKMEM_BACKGROUND`.
    pub background: Background,
    /// `HAKMEM_DECAY`.
    pub decay: Decay,
}

/// How long free memory is kept at least.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Decay {
    /// As long as the policy says.
    #[default]
    Policy,
    /// So many milliseconds, whatever the policy says.
    Fixed(u32),
    /// Memory goes back on demand alone.
    Off,
}

/// Bytes that the heap may hold.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Limits {
    /// `HAKMEM_LIMIT`: the most.
    pub hard: Option<usize>,
    /// `HAKMEM_SOFT_LIMIT`: above this, what is free goes back before more is mapped.
    pub soft: Option<usize>,
}

/// What is looked up while the process runs.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Options {
    /// `HAKMEM_FOREIGN`.
    pub foreign: Foreign,
    /// `HAKMEM_STATS`: a table of the heap's counters at exit.
    pub stats: bool,
    /// `HAKMEM_CRASH`: a line about the address when a fatal signal arrives.
    pub crash: bool,
}

/// A variable that was passed over.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Trouble<'a> {
    /// The variable's name, or the part before the first `=` of whatever stood there.
    pub name: &'a [u8],
    /// Its value.
    pub value: &'a [u8],
    /// What would have been accepted; `None`: no such variable is known.
    pub expected: Option<&'static str>,
}

/// A known variable.
struct Known {
    name: &'static [u8],
    /// In words, for the warning.
    expected: &'static str,
    /// Stores the value; `false` if it is none of the variable's values.
    set: fn(&mut Settings, &[u8]) -> bool,
}

const ROOT: &[u8] = b"HAKMEM_ROOT";

const POLICY: &[u8] = b"HAKMEM_POLICY";
const LEARN_LOG: &[u8] = b"HAKMEM_LEARN_LOG";

const KNOWN: [Known; 14] = [
    Known {
        name: b"HAKMEM_FOREIGN",
        expected: "abort, libc or ignore",
        set: |settings, value| {
            settings.options.foreign = match value {
                b"abort" => Foreign::Abort,
                b"libc" => Foreign::Libc,
                b"ignore" => Foreign::Ignore,
                _ => return false,
            };
            true
        },
    },
    Known {
        name: b"HAKMEM_STATS",
        expected: "0 or 1",
        set: |settings, value| switch(&mut settings.options.stats, value),
    },
    Known {
        name: b"HAKMEM_CRASH",
        expected: "0 or 1",
        set: |settings, value| switch(&mut settings.options.crash, value),
    },
    Known {
        name: b"HAKMEM_BACKGROUND",
        expected: "auto, on or off",
        set: |settings, value| {
            settings.release.background = match value {
                b"auto" => Background::Auto,
                b"on" => Background::On,
                b"off" => Background::Off,
                _ => return false,
            };
            true
        },
    },
    Known {
        name: b"HAKMEM_DECAY",
        expected: "milliseconds from 1 to 3600000, or off",
        set: |settings, value| {
            let decay = core::str::from_utf8(value).ok().and_then(|text| text.parse().ok());
            let (least, most) = Policy::DECAY;
            settings.release.decay = match decay {
                _ if value == b"off" => Decay::Off,
                Some(decay) if (least..=most).contains(&decay) => Decay::Fixed(decay),
                _ => return false,
            };
            true
        },
    },
    Known {
        name: b"HAKMEM_LIMIT",
        expected: BYTES,
        set: |settings, value| limit(&mut settings.limits.hard, value),
    },
    Known {
        name: b"HAKMEM_SOFT_LIMIT",
        expected: BYTES,
        set: |settings, value| limit(&mut settings.limits.soft, value),
    },
    Known {
        name: b"HAKMEM_HUGE",
        expected: "never, auto or always",
        set: |settings, value| {
            settings.huge = match value {
                b"never" => Huge::Never,
                b"auto" => Huge::Auto,
                b"always" => Huge::Always,
                _ => return false,
            };
            true
        },
    },
    Known {
        name: ROOT,
        expected: "a folder that has proc and sys below it, as an absolute path",
        // It is not in `Options`, which are read on every reallocation: see `root`.
        set: |_, value| Root::at(value).is_some(),
    },
    Known {
        name: b"HAKMEM_LEARN",
        expected: "off, on or freeze",
        set: |settings, value| {
            settings.learning.learn = match value {
                b"off" => Learn::Off,
                b"on" => Learn::On,
                b"freeze" => Learn::Freeze,
                _ => return false,
            };
            true
        },
    },
    Known {
        name: b"HAKMEM_LEARN_FIXED",
        expected: "any of lists, sharers, decay and fresh, with commas between",
        set: |settings, value| {
            let fixed = levers(value);
            settings.learning.fixed = fixed.unwrap_or_default();
            fixed.is_some()
        },
    },
    // As for the root: paths are no part of what is copied about.
    Known { name: POLICY, expected: PATH, set: |_, value| Path::at(value).is_some() },
    Known { name: LEARN_LOG, expected: PATH, set: |_, value| Path::at(value).is_some() },
    Known { name: b"HAKMEM_LIB", expected: "a path", set: |_, _| true },
];

const PATH: &str = "a path of 1 to 1000 bytes";

const BYTES: &str = "a number of bytes above 0, as 512M (K, M, G, T)";

fn limit(limit: &mut Option<usize>, value: &[u8]) -> bool {
    *limit = bytes::parse(value);
    limit.is_some()
}

fn switch(flag: &mut bool, value: &[u8]) -> bool {
    match value {
        b"0" => *flag = false,
        b"1" => *flag = true,
        _ => return false,
    }
    true
}

/// Reads the variables `HAKMEM_*`. Every unknown one and every one with a broken value is handed to
/// `warn` once and changes nothing. Of several definitions of one known name the first counts, as
/// for `getenv`.
pub fn parse<'a>(
    environment: impl Iterator<Item = &'a [u8]>,
    mut warn: impl FnMut(Trouble<'a>),
) -> Settings {
    let mut settings = Settings::default();
    let mut seen = [false; KNOWN.len()];
    for variable in environment.filter(|variable| variable.starts_with(b"HAKMEM_")) {
        let equals = variable.iter().position(|&byte| byte == b'=').unwrap_or(variable.len());
        let name = &variable[..equals];
        let value = variable.get(equals + 1..).unwrap_or_default();
        let Some(index) = KNOWN.iter().position(|known| known.name == name) else {
            warn(Trouble { name, value, expected: None });
            continue;
        };
        if !core::mem::replace(&mut seen[index], true) && !(KNOWN[index].set)(&mut settings, value)
        {
            warn(Trouble { name, value, expected: Some(KNOWN[index].expected) });
        }
    }
    settings
}

/// What `HAKMEM_ROOT` says; `/` where it is not set or where [`parse`] warns of it.
pub(crate) fn root<'a>(environment: impl Iterator<Item = &'a [u8]>) -> Root {
    first(environment, ROOT).and_then(Root::at).unwrap_or_default()
}

/// The file of `HAKMEM_POLICY`; `None` where it is not set or where [`parse`] warns of it.
pub(crate) fn policy<'a>(environment: impl Iterator<Item = &'a [u8]>) -> Option<Path<'a>> {
    first(environment, POLICY).and_then(Path::at)
}

/// The file of `HAKMEM_LEARN_LOG`, likewise.
pub(crate) fn learn_log<'a>(environment: impl Iterator<Item = &'a [u8]>) -> Option<Path<'a>> {
    first(environment, LEARN_LOG).and_then(Path::at)
}

fn first<'a>(environment: impl Iterator<Item = &'a [u8]>, name: &[u8]) -> Option<&'a [u8]> {
    let mut values =
        environment.filter_map(|variable| variable.strip_prefix(name)?.strip_prefix(b"="));
    values.next()
}

/// The strings of a C environment.
///
/// # Safety
/// `envp` is null, or an array of pointers to strings that ends with a null pointer; array and
/// strings outlive `'a`, unchanged.
pub(crate) unsafe fn variables<'a>(envp: *const *const c_char) -> impl Iterator<Item = &'a [u8]> {
    let mut at = envp;
    core::iter::from_fn(move || {
        if at.is_null() {
            return None;
        }
        // SAFETY: `at` has not passed the null pointer at the end, by the caller's word.
        let string = unsafe { *at };
        if string.is_null() {
            return None;
        }
        // SAFETY: the end was not reached, so one more pointer follows.
        at = unsafe { at.add(1) };
        // SAFETY: a string of the environment, by the caller's word.
        Some(unsafe { CStr::from_ptr(string) }.to_bytes())
    })
}

/// [`Options`] that threads share: written once at the start, read at any time, the default before.
pub(crate) struct Shared {
    foreign: AtomicU8,
    stats: AtomicU8,
    crash: AtomicU8,
}

impl Shared {
    pub(crate) const fn new() -> Self {
        Self { foreign: AtomicU8::new(0), stats: AtomicU8::new(0), crash: AtomicU8::new(0) }
    }

    pub(crate) fn store(&self, options: Options) {
        self.foreign.store(options.foreign as u8, Relaxed);
        self.stats.store(options.stats as u8, Relaxed);
        self.crash.store(options.crash as u8, Relaxed);
    }

    #[inline]
    pub(crate) fn load(&self) -> Options {
        Options {
            foreign: match self.foreign.load(Relaxed) {
                1 => Foreign::Libc,
                2 => Foreign::Ignore,
                _ => Foreign::Abort,
            },
            stats: self.stats.load(Relaxed) != 0,
            crash: self.crash.load(Relaxed) != 0,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use hakmem_core::learn::Lever;
    use std::vec::Vec;

    fn read_all<'a>(environment: &[&'a str]) -> (Settings, Vec<Trouble<'a>>) {
        let mut troubles = Vec::new();
        let strings = environment.iter().map(|string| string.as_bytes());
        let settings = parse(strings, |trouble| troubles.push(trouble));
        (settings, troubles)
    }

    fn read<'a>(environment: &[&'a str]) -> (Options, Vec<Trouble<'a>>) {
        let (settings, troubles) = read_all(environment);
        (settings.options, troubles)
    }

    #[test]
    fn an_empty_environment_gives_the_default() {
        assert_eq!(read(&[]), (Options::default(), Vec::new()));
        assert_eq!(read(&["PATH=/bin", "XHAKMEM_STATS=1", "HAKMEM=1"]).0, Options::default());
        assert_eq!(
            Options::default(),
            Options { foreign: Foreign::Abort, stats: false, crash: false }
        );
    }

    #[test]
    fn every_value_of_every_variable() {
        let foreign = |value| read(&[value]).0.foreign;
        assert_eq!(foreign("HAKMEM_FOREIGN=abort"), Foreign::Abort);
        assert_eq!(foreign("HAKMEM_FOREIGN=libc"), Foreign::Libc);
        assert_eq!(foreign("HAKMEM_FOREIGN=ignore"), Foreign::Ignore);
        assert!(read(&["HAKMEM_STATS=1"]).0.stats);
        assert!(!read(&["HAKMEM_STATS=0"]).0.stats);
        assert!(read(&["HAKMEM_CRASH=1"]).0.crash);
        let all =
            ["HAKMEM_CRASH=1", "A=b", "HAKMEM_STATS=1", "HAKMEM_FOREIGN=libc", "HAKMEM_LIB=x"];
        let expected = Options { foreign: Foreign::Libc, stats: true, crash: true };
        assert_eq!(read(&all), (expected, Vec::new()));
    }

    #[test]
    fn huge_pages_come_by_one_of_three_words() {
        let huge = |value| read_all(&[value]).0.huge;
        assert_eq!(huge("HAKMEM_HUGE=never"), Huge::Never);
        assert_eq!(huge("HAKMEM_HUGE=auto"), Huge::Auto);
        assert_eq!(huge("HAKMEM_HUGE=always"), Huge::Always);
        let (settings, troubles) = read_all(&["HAKMEM_HUGE=madvise"]);
        assert_eq!(settings, Settings::default());
        assert_eq!(troubles[0].expected, Some("never, auto or always"));
        assert_eq!(settings.huge, Huge::default());
    }

    #[test]
    fn limits_are_numbers_of_bytes() {
        let (settings, troubles) = read_all(&["HAKMEM_SOFT_LIMIT=4096", "HAKMEM_LIMIT=1G"]);
        let limits = Limits { hard: Some(1 << 30), soft: Some(4096) };
        assert_eq!(settings, Settings { limits, ..Settings::default() });
        assert_eq!(troubles, []);
        let (settings, troubles) = read_all(&["HAKMEM_LIMIT=0", "HAKMEM_SOFT_LIMIT=lots"]);
        assert_eq!(settings, Settings::default());
        assert_eq!(troubles.len(), 2);
        assert!(troubles.iter().all(|trouble| trouble.expected == Some(BYTES)));
    }

    #[test]
    fn the_background_thread_and_its_time() {
        let release = |environment: &[&'static str]| {
            let (settings, troubles) = read_all(environment);
            (settings.release, troubles.len())
        };
        let default = Release::default();
        for (text, background) in
            [("auto", Background::Auto), ("on", Background::On), ("off", Background::Off)]
        {
            let variable = ["HAKMEM_BACKGROUND=", text].concat();
            assert_eq!(read_all(&[&variable]).0.release, Release { background, ..default });
        }
        for (variable, decay) in [
            ("HAKMEM_DECAY=1", Decay::Fixed(1)),
            ("HAKMEM_DECAY=3600000", Decay::Fixed(3_600_000)),
            ("HAKMEM_DECAY=off", Decay::Off),
        ] {
            assert_eq!(release(&[variable]), (Release { decay, ..default }, 0));
        }
        for broken in ["-1", "0", "3600001", "99999999999", "abc", "5ms", "1.5", " 5", "", "OFF"] {
            let variable = ["HAKMEM_DECAY=", broken].concat();
            let (settings, troubles) = read_all(&[&variable]);
            assert_eq!((settings.release, troubles.len()), (default, 1), "{broken}");
        }
        assert_eq!(release(&["HAKMEM_BACKGROUND=maybe"]), (default, 1));
    }

    #[test]
    fn learning_and_what_it_leaves_alone() {
        let learning = |variable| {
            let (settings, troubles) = read_all(&[variable]);
            (settings.learning, troubles.len())
        };
        let default = Learning::default();
        for (variable, learn) in [
            ("HAKMEM_LEARN=off", Learn::Off),
            ("HAKMEM_LEARN=on", Learn::On),
            ("HAKMEM_LEARN=freeze", Learn::Freeze),
        ] {
            assert_eq!(learning(variable), (Learning { learn, ..default }, 0));
        }
        let fixed = levers(b"decay,lists").unwrap();
        assert_eq!(learning("HAKMEM_LEARN_FIXED=decay,lists"), (Learning { fixed, ..default }, 0));
        let expected = read_all(&["HAKMEM_LEARN_FIXED="]).1[0].expected.unwrap_or_default();
        assert!(Lever::ALL.into_iter().all(|lever| expected.contains(lever.whole())), "{expected}");
        for broken in [
            "HAKMEM_LEARN=",
            "HAKMEM_LEARN=1",
            "HAKMEM_LEARN_FIXED=all",
            "HAKMEM_LEARN_FIXED=",
            "HAKMEM_POLICY=",
            "HAKMEM_LEARN_LOG=",
            "HAKMEM_LEARN_LOG",
        ] {
            assert_eq!(learning(broken), (default, 1), "{broken}");
        }
    }

    #[test]
    fn paths_of_the_learner() {
        let environment = ["HAKMEM_LEARN_LOG=log.%p", "HAKMEM_POLICY=/p", "HAKMEM_POLICY=/q"];
        let strings = || environment.iter().map(|string| string.as_bytes());
        assert_eq!(policy(strings()), Path::at(b"/p"));
        assert_eq!(learn_log(strings()), Path::at(b"log.%p"));
        assert_eq!(policy([&b"HAKMEM_POLICY="[..]].into_iter()), None);
        assert_eq!(learn_log([&b"HAKMEM_LEARN=on"[..]].into_iter()), None);
        let longest = ["HAKMEM_POLICY=", &"x".repeat(Path::LONGEST)].concat();
        assert_eq!(read_all(&[&longest]).1, []);
        let too_long = longest + "x";
        assert_eq!(read_all(&[&too_long]).1[0].expected, Some(PATH));
        assert!(PATH.contains(&std::format!("to {} bytes", Path::LONGEST)));
    }

    #[test]
    fn one_warning_for_each_unknown_or_broken_variable() {
        let (options, troubles) = read(&[
            "HAKMEM_STATS=yes",
            "HAKMEM_FOREIGN",
            "HAKMEM_CRASH=",
            "HAKMEM_COLOUR=red=blue",
            "HAKMEM_FOREIGN=libc",
            "HAKMEM_=",
        ]);
        assert_eq!(options, Options::default());
        let names: Vec<_> = troubles.iter().map(|trouble| trouble.name).collect();
        let expected: [&[u8]; 5] =
            [b"HAKMEM_STATS", b"HAKMEM_FOREIGN", b"HAKMEM_CRASH", b"HAKMEM_COLOUR", b"HAKMEM_"];
        assert_eq!(names, expected);
        assert_eq!(troubles[0].expected, Some("0 or 1"));
        assert_eq!(troubles[3].value, b"red=blue");
        assert_eq!(troubles[3].expected, None);
    }

    #[test]
    fn the_first_definition_counts() {
        assert!(read(&["HAKMEM_STATS=1", "HAKMEM_STATS=0"]).0.stats);
    }

    #[test]
    fn the_root_is_an_absolute_path() {
        let root = |environment: &[&'static str]| {
            let environment = environment.iter().map(|string| string.as_bytes());
            super::root(environment)
        };
        let too_long = ["HAKMEM_ROOT=/", &"x".repeat(Root::LONGEST)].concat();
        for broken in ["HAKMEM_ROOT=", "HAKMEM_ROOT=made", "HAKMEM_ROOT", &too_long] {
            let (options, troubles) = read(&[broken]);
            assert_eq!(options, Options::default());
            assert_eq!(troubles.len(), 1, "{broken}");
            assert!(troubles[0].expected.is_some_and(|text| text.contains("proc and sys")));
            assert_eq!(super::root([broken.as_bytes()].into_iter()), Root::new());
        }
        let made = Root::at(b"/made").unwrap();
        assert_eq!(root(&["HAKMEM_ROOTS=/a", "HAKMEM_ROOT=/made", "HAKMEM_ROOT=/b"]), made);
        assert_eq!(root(&["HAKMEM_ROOT=a", "HAKMEM_ROOT=/made"]), Root::new());
        assert_eq!(root(&[]), Root::new());
        assert!(read(&["HAKMEM_ROOT=/made"]).1.is_empty());
    }

    #[test]
    fn walks_a_c_environment() {
        let strings = [c"A=b".as_ptr(), c"HAKMEM_STATS=1".as_ptr(), core::ptr::null()];
        // SAFETY: static strings, and a null pointer at the end.
        let found: Vec<&[u8]> = unsafe { variables(strings.as_ptr()) }.collect();
        assert_eq!(found, [&b"A=b"[..], b"HAKMEM_STATS=1"]);
        // SAFETY: null is allowed.
        assert_eq!(unsafe { variables(core::ptr::null()) }.count(), 0);
    }

    #[test]
    fn shared_options_come_back() {
        let shared = Shared::new();
        assert_eq!(shared.load(), Options::default());
        for foreign in [Foreign::Abort, Foreign::Libc, Foreign::Ignore] {
            for (stats, crash) in [(false, true), (true, false)] {
                let options = Options { foreign, stats, crash };
                shared.store(options);
                assert_eq!(shared.load(), options);
            }
        }
    }
}
