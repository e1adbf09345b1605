//! Programs that change while they run: the scenarios behind `cargo measure learner`, each a mode of
//! the worker (`worker learner SCENARIO ARGS`) that ends with one JSON line.
//!
//! The phases go by the clock, so that every allocator is in each of them for the same time: what
//! differs is how much is done in it, and what is resident meanwhile. The latter `measure` watches
//! from outside; the scenarios' own lists lie in memory whose bytes the last line tells.
//!
//! ```text
//!   shift   bursts   turns     swap       growth      one scenario each
//!        \    |     /          /            |
//!         set: blocks that are replaced    |
//!              \         /                 |
//!               piece: one block, written and checked
//! ```

mod bursts;
mod growth;
mod piece;
mod set;
mod shift;
mod swap;
mod turns;

use core::str::FromStr;
use core::time::Duration;

use crate::alloc::Alloc;
use crate::clock::Took;
use crate::release::book;
use crate::release::print::line;
use crate::worker::fail;

const USAGE: &str = "usage: worker learner shift PHASES SECONDS [FIRST] | swap PHASES SECONDS | \
                     bursts COUNT SECONDS QUIET_SECONDS MIB | turns THREADS SECONDS | \
                     growth MIB THREADS";

/// Threads of the scenarios that do not say how many they have.
const THREADS: usize = 2;

/// `worker learner SCENARIO ARGS`.
pub(crate) fn main<A: Alloc>(mut args: impl Iterator<Item = String>) {
    let scenario = args.next().unwrap_or_default();
    let args = &mut args;
    match scenario.as_str() {
        "shift" => shift::run::<A>(number(args), seconds(args), argument(args).unwrap_or(0)),
        "swap" => swap::run::<A>(number(args), seconds(args)),
        "bursts" => bursts::run::<A>(number(args), seconds(args), seconds(args), number(args)),
        "turns" => turns::run::<A>(number(args), seconds(args)),
        "growth" => growth::run::<A>(number(args), number(args)),
        _ => fail(USAGE),
    }
}

/// The next argument, above 0.
fn number(args: &mut impl Iterator<Item = String>) -> usize {
    argument(args).filter(|&number| number > 0).unwrap_or_else(|| fail(USAGE))
}

/// The next argument, a number of seconds.
fn seconds(args: &mut impl Iterator<Item = String>) -> Duration {
    let seconds = argument(args).and_then(|seconds| Duration::try_from_secs_f64(seconds).ok());
    seconds.unwrap_or_else(|| fail(USAGE))
}

fn argument<T: FromStr>(args: &mut impl Iterator<Item = String>) -> Option<T> {
    args.next()?.parse().ok()
}

/// Prints what was done, and `more` fields.
fn done(count: usize, took: Took, book_kib: usize, more: core::fmt::Arguments) {
    let Took { wall, cpu } = took;
    line(format_args!(
        "{{\"count\":{count},\"wall\":{wall},\"cpu\":{cpu},\"bookkeeping_kib\":{book_kib}{more}}}"
    ));
}

/// KiB of all lists that are open now.
fn book_kib() -> usize {
    book::bytes() / 1024
}
