//! Burst with survivors: a small part of the blocks is never freed, chosen at random (the worst case:
//! every slab and every page may have one) or in runs of blocks that were allocated one after
//! another, as the records of one request are.

use std::str::FromStr;

use crate::alloc::Alloc;
use crate::random::Random;
use crate::release::blocks::{Block, book_for, fill, thin};
use crate::release::print::{sample, samples_over};

/// Blocks of a run.
const RUN: usize = 256;

/// How the survivors are chosen.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Choice {
    Random,
    Runs,
}

impl FromStr for Choice {
    type Err = ();

    fn from_str(text: &str) -> Result<Self, ()> {
        match text {
            "random" => Ok(Self::Random),
            "runs" => Ok(Self::Runs),
            _ => Err(()),
        }
    }
}

/// Bursts to `mib`, of which so many blocks in a thousand stay.
pub(crate) fn run<A: Alloc>(mib: usize, per_mille: u32, choice: Choice, seconds: &[u64]) {
    sample("before", 0);
    let bytes = mib << 20;
    let mut random = Random::new(43);
    let mut book = book_for(bytes);
    fill::<A>(&mut book, &mut random, bytes);
    choose(&mut book, per_mille, choice, &mut random);
    let live = thin::<A>(&mut book, &mut random);
    samples_over(seconds, live);
    for block in book.iter().filter(|block| block.kept) {
        // SAFETY: kept blocks are live.
        unsafe { block.check() };
    }
}

/// Marks the survivors.
fn choose(blocks: &mut [Block], per_mille: u32, choice: Choice, random: &mut Random) {
    let run = match choice {
        Choice::Random => 1,
        Choice::Runs => RUN,
    };
    for part in blocks.chunks_mut(run) {
        let kept = random.below(1000) < per_mille;
        for block in part {
            block.kept = kept;
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn chosen(choice: Choice) -> Vec<bool> {
        let nothing = Block { start: core::ptr::null_mut(), size: 1, kept: false };
        let mut blocks = vec![nothing; 1 << 18];
        choose(&mut blocks, 50, choice, &mut Random::new(3));
        blocks.iter().map(|block| block.kept).collect()
    }

    #[test]
    fn as_many_stay_either_way() {
        for choice in [Choice::Random, Choice::Runs] {
            let kept = chosen(choice);
            let part = kept.iter().filter(|kept| **kept).count() as f64 / kept.len() as f64;
            assert!((0.03..0.07).contains(&part), "{choice:?}: {part}");
        }
    }

    #[test]
    fn runs_stay_together() {
        let edges = |kept: &[bool]| kept.windows(2).filter(|pair| pair[0] != pair[1]).count();
        assert!(edges(&chosen(Choice::Runs)) * 50 < edges(&chosen(Choice::Random)));
    }
}
