//! The learner: it looks at what a heap and its process did, and moves the heap's [policy](crate::Policy).
//!
//! [`step`] is a function of what it remembers, what it is shown and what time it is: no floating point, no
//! memory of its own but [`State`], no clock, no chance. The same looks at the same times come to the same
//! decisions, so a [record] of a run can be replayed, and this page says what will be decided.
//!
//! ```text
//! step(state, look, now)
//! |- less than 10 ms since the last look: nothing; the next look covers it
//! |- the clock went back or on by more than 10 s, or a counter went back or jumped: nothing but to look
//! `- a tick: what happened between two looks
//!    |- told to watch only (freeze): nothing
//!    |- fresh    follows growth                                     in each phase
//!    |- sharers  follows active caches                              in each phase
//!    `- the process used 1 ms of CPU or more
//!       |- Frozen: outside of its profile for 3 such ticks? then Learn
//!       |- decay: the episode is over? then choose the next one's time
//!       |- Canary: its time is up? then keep or undo, and go on
//!       |- Learn, from the 3rd such tick on: shorten one class's lists, or try longer ones
//!       `- nothing changed, tried or waited for in 12 such ticks? then Frozen
//! ```
//!
//! # The price
//!
//! Time and memory are weighed in one unit, millionths: time as a share of the CPU time that the process spent
//! meanwhile, memory as a share of what is in use and 8 MiB. *One percent of time is worth one percent of
//! memory.* A trip behind the lists is reckoned as 100 ns and 8 ns a block moved, a page fault as what the
//! system's time says: what it took for each fault in ticks with 256 faults or more, 0.25 to 10 us, smoothed, and
//! 1 us until then.
//!
//! # The levers
//!
//! | lever | evidence | bounds | tried | undone |
//! |---|---|---|---|---|
//! | `list` of a class | twice the length is expected to save half of what its trips cost; asked: twice what 5 lists in each active cache are worth, and 500 millionths | blocks up to 1 KiB; default to 32 times that, 2,048 blocks; all together a sixteenth of what is in use and 8 MiB | one class at a time, the one that saves most by the byte; one busy tick to take it up, four to watch | if less than a quarter came true; then not again for 2 s, 4 s, 8 s, … Without penalty if other classes' trips doubled or halved meanwhile, or 30 s were not enough. Halved if its trips cost less than half of what the last doubling is worth for 16 s without a break, or all lists hold twice their budget |
//! | `sharers` | active caches, as the last round of decay found them, rounded up to a power of two | 1 to all | up with the first look after that round | down after 8 ticks (16, 32, … where it had to come up again) that saw half as many or fewer |
//! | `decay` | faults of what was given back and missed, against what lay free | 125 ms to 4 s | an episode of 4 s or 4 times the time, the neighbour on the dearer side first; then UCB1 | unless an eighth better than what was left for it |
//! | `fresh` | superslabs opened on memory that nobody had touched: 32 MiB or more a second; 64 MiB in use, three quarters of what is mapped | | at once, each way for 64 MiB of growth, or 16 that take twice as long as page by page: huge pages where there are any, populating; again after 1 GiB, 2, 4, … | unless an eighth cheaper in system time than page by page, in each window of 64 MiB anew. Off after 0.5 s below 8 MiB a second, or below five eighths of what is mapped |
//!
//! `growth`, `batch` and `kept` stay as they were given.
//!
//! # The life cycle
//!
//! It begins in [`Phase::Learn`], or with a policy that was learned before in [`Phase::Frozen`]. A list that is
//! tried makes it [`Phase::Canary`]. 12 busy ticks in a row with nothing to do make it frozen, and its profile is
//! the least and the most of some numbers in that stretch: what each class's trips cost, bytes in use and
//! free, growth, and the faults of what was missed. Three busy ticks in a row outside, by a factor of two
//! beyond a floor (1,000 millionths, 8 MiB, 32 MiB a second), make it learn again; where that came within a
//! minute, the next stretch is twice as long, up to 8 times. A loaded policy's profile is its first 20 ticks.
//!
//! A step asks for the next one in 100 ms while anything moves, is tried or grows, else in twice the last pause, up
//! to 1 s, and 2 s when frozen or idle. A host that sees the heap grow does well to step sooner.
//!
//! # An example
//!
//! A program of 24 MiB with one thread, busy all the time, makes 40,000 trips a second of 32 blocks of 48
//! bytes each. These cost 100 + 32 * 8 ns, 14,240 millionths of its time. Twice 64 blocks save 7,120; 5 * 64 * 48
//! bytes of 32 MiB are 457: worth a try at 6,663, and it comes true. The next doubling saves 3,560 for 915, and
//! stays. The one after would save 1,780 for 1,831, and is not tried.
//!
//! ```
//! use hakmem_core::Policy;
//! use hakmem_core::learn::{Counters, Note, Phase, Start, State, step};
//!
//! let mut state = State::new();
//! state.begin(&Policy::DEFAULT, Start::default());
//! let mut seen = Counters { in_use: 24 << 20, caches: 1, active: 1, ..Counters::ZERO };
//! let mut now = 0;
//! let mut found = String::new();
//! loop {
//!     let answer = step(&mut state, &seen, now);
//!     for note in answer.notes.iter().flatten() {
//!         found += &match note {
//!             Note::Changed(it) => format!("{now}: {} to {}, {}\n", it.from, it.to, it.expected),
//!             Note::Settled(it) => format!("{now}: {}, stays: {}\n", it.realised, it.stays),
//!         };
//!     }
//!     if answer.phase == Phase::Frozen {
//!         found += &format!("{now}: frozen");
//!         break;
//!     }
//!     let ms = u64::from(answer.pause);
//!     now += ms;
//!     seen.user += 1000 * ms;
//!     let trips = 40 * ms * 64 / u64::from(answer.policy.lists[3]);
//!     seen.classes[3].refills += trips;
//!     seen.classes[3].moved += 32 * trips;
//! }
//! assert_eq!(found, "\
//! 300: 64 to 128, 6663
//! 800: 6663, stays: true
//! 800: 128 to 256, 2645
//! 1300: 2645, stays: true
//! 10700: frozen");
//! ```

#![deny(unsafe_code, clippy::float_arithmetic)]

mod cost;
mod counters;
mod decay;
mod decisions;
mod fresh;
mod life;
mod lists;
mod notes;
pub mod record;
mod sharers;
mod start;
mod state;
mod tick;

pub use counters::{ClassCounters, Counters};
pub use decisions::{Change, Decisions, Lever, Note, Phase, Reason, Verdict};
pub use start::{Fixed, Start};
pub use state::{State, step};

#[cfg(all(test, not(loom)))]
#[allow(unsafe_code, reason = "one looks at bytes")]
mod tests;
