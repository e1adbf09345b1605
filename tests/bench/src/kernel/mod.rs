//! Allocators of kernels on one fixed region: the scenarios behind `cargo measure kernel`, each a
//! mode of `worker-kernel` (`worker-kernel ALLOCATOR SCENARIO ARGS`) that prints one JSON line.
//!
//! What an allocator keeps outside its region counts: a region of 8 KiB under an allocator whose
//! static has 500 bytes is 500 bytes smaller. All play the same traces, made from a seed before a
//! clock starts; every block is written at both ends.
//!
//! ```text
//!   speed  worst  fill  churn  threads  check      one scenario each
//!      \     \     |     |      /        /
//!       player: plays a trace on a heap;  trace, sizes: what is played
//!                  |
//!       contender: who takes part  (peers, ours);  region: the memory
//! ```

mod check;
mod churn;
mod contender;
mod cpu;
mod fill;
mod nothing;
mod ours;
mod peers;
mod player;
mod region;
mod sizes;
mod speed;
mod threads;
mod trace;
mod worst;

use std::str::FromStr;

use serde_json::{Value, json};

pub use contender::{Contestant, LINKED_LIST, NOTHING, TALC, contestants};

use crate::worker::fail;
use contender::Contender;
use region::Region;

const USAGE: &str = "usage: worker-kernel ALLOCATOR speed REGION SEED OPERATIONS LOAD | \
                     worst REGION SEED OPERATIONS PASSES | fill REGION SEED growing|aged | \
                     churn REGION SEED OPERATIONS | threads REGION SEED OPERATIONS COUNT | \
                     check REGION SEED OPERATIONS";

/// Live bytes of the timed traces, in hundredths of the region.
const TIMED_LOAD: usize = 50;
/// The same of the long churn.
const CHURN_LOAD: usize = 90;

/// What a run came to; an error says why the allocator cannot take part.
type Outcome = Result<Value, String>;

/// The main function of `worker-kernel`.
pub fn main() {
    let mut args = std::env::args().skip(1);
    let (name, scenario) = (args.next().unwrap_or_default(), args.next().unwrap_or_default());
    let args: Vec<String> = args.collect();
    let size: usize = number(&args, 0);
    let Some(contestant) = contestants().find(|one| one.name == name && size <= one.most) else {
        fail("no such allocator");
    };
    let line = match (contestant.run)(&scenario, &args) {
        Ok(line) => line,
        Err(reason) => json!({ "none": reason }),
    };
    println!("{line}");
}

/// Runs one scenario on one allocator.
fn run<C: Contender>(scenario: &str, args: &[String]) -> Outcome {
    let number = |index| number(args, index);
    let mut region = Region::new(number(0));
    let seed = number(1) as u64;
    match scenario {
        "speed" => speed::run::<C>(&mut region, seed, number(2), number(3)),
        "worst" => worst::run::<C>(&mut region, seed, number(2), number(3)),
        "fill" => fill::run::<C>(&mut region, seed, is_aged(args)),
        "churn" => churn::run::<C>(&mut region, seed, number(2)),
        "threads" => threads::run::<C>(&mut region, seed, number(2), number(3)),
        "check" => check::run::<C>(&mut region, seed, number(2)),
        _ => fail(USAGE),
    }
}

fn number<T: FromStr>(args: &[String], index: usize) -> T {
    args.get(index).and_then(|text| text.parse().ok()).unwrap_or_else(|| fail(USAGE))
}

fn is_aged(args: &[String]) -> bool {
    match args.get(2).map(String::as_str) {
        Some("growing") => false,
        Some("aged") => true,
        _ => fail(USAGE),
    }
}
