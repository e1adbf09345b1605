//! How memory goes back: the scenarios behind `cargo measure release`, each a mode of the worker
//! (`worker release SCENARIO ARGS`) that prints JSON lines.
//!
//! What is measured is the resident set of a whole process, so the scenarios keep out of it: their
//! lists of blocks lie in mapped memory of their own ([`book`]), whose bytes are subtracted, and
//! samples are read and printed without an allocation ([`print`]). The same seeds everywhere give
//! every allocator the same blocks in the same order.
//!
//! ```text
//!   burst  survivors  idle_threads  phases  producer  threads  forks  stalls     one scenario each
//!       \      |        /             |        |         |       |     |  \
//!        blocks: fill, free, check    |        |         little        |
//!              \                      |        |                      /
//!               book: lists in memory of their own;  print: samples as JSON lines
//! ```

pub(crate) mod blocks;
pub(crate) mod book;
mod burst;
mod forks;
mod idle_threads;
mod little;
mod phases;
pub(crate) mod print;
mod producer;
mod stalls;
mod survivors;
mod threads;

use std::str::FromStr;

use crate::alloc::Alloc;
use crate::worker::fail;

const USAGE: &str = "usage: worker release burst MIB THREADS SECONDS,... | \
                     survivors MIB PER_MILLE random|runs SECONDS,... | \
                     idle-threads THREADS MIB SECONDS,... | phases MIB | producer SECONDS | \
                     threads COUNT | forks COUNT | stalls CYCLES";

/// `worker release SCENARIO ARGS`.
pub(crate) fn main<A: Alloc>(mut args: impl Iterator<Item = String>) {
    let scenario = args.next().unwrap_or_default();
    let args = &mut args;
    match scenario.as_str() {
        "burst" => burst::run::<A>(number(args), number(args), &seconds(args)),
        "survivors" => {
            survivors::run::<A>(number(args), number(args), number(args), &seconds(args));
        }
        "idle-threads" => idle_threads::run::<A>(number(args), number(args), &seconds(args)),
        "phases" => phases::run::<A>(number(args)),
        "producer" => producer::run::<A>(number(args)),
        "threads" => threads::run::<A>(number(args)),
        "forks" => forks::run::<A>(number(args)),
        "stalls" => stalls::run::<A>(number(args)),
        _ => fail(USAGE),
    }
}

/// The next argument.
fn number<T: FromStr>(args: &mut impl Iterator<Item = String>) -> T {
    args.next().and_then(|text| text.parse().ok()).unwrap_or_else(|| fail(USAGE))
}

/// The next argument, as a list of rising numbers of seconds.
fn seconds(args: &mut impl Iterator<Item = String>) -> Vec<u64> {
    let text = args.next().unwrap_or_default();
    let list: Option<Vec<u64>> = text.split(',').map(|part| part.parse().ok()).collect();
    match list {
        Some(list) if list.is_sorted() => list,
        _ => fail(USAGE),
    }
}
