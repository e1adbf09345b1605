//! Collections of the standard library, built and dropped, on the worker's global allocator (which
//! is `malloc` in `worker-c`).

use core::hash::{BuildHasherDefault, Hasher};
use core::hint::black_box;
use std::collections::{BTreeMap, HashMap};

use crate::race::race;
use crate::random::Random;
use crate::workload::{Outcome, Scale};

/// Keys of each B-tree.
const BTREE: usize = 100_000;
/// Entries of each hash map.
const HASH: usize = 200_000;
/// Strings of each list.
const STRINGS: usize = 200_000;
/// Depth of the binary tree that lives through the run; its nodes are 2^(depth+1) - 1.
const LONG_LIVED: u32 = 16;
/// Depth of the trees that come and go.
const SHORT_LIVED: u32 = 10;

/// A hash of one multiplication: the time is to go to the allocator.
#[derive(Default)]
struct OneMultiply(u64);

impl Hasher for OneMultiply {
    fn finish(&self) -> u64 {
        self.0
    }

    fn write(&mut self, bytes: &[u8]) {
        for &byte in bytes {
            self.write_u64(u64::from(byte));
        }
    }

    fn write_u64(&mut self, value: u64) {
        const FACTOR: u128 = 0x9E37_79B9_7F4A_7C15_F39C_C060_5CED_C835;
        let product = u128::from(self.0 ^ value).wrapping_mul(FACTOR);
        self.0 = (product >> 64) as u64 ^ product as u64;
    }
}

/// Runs `work` so often that a full run does it `times`; it says how many items it handled.
fn repeat(times: usize, scale: Scale, work: impl Fn(&mut Random) -> usize + Sync) -> Outcome {
    let times = scale.of(times);
    let all = |mut random: Random| (0..times).map(|_| work(&mut random)).sum::<usize>();
    let (items, took) = race(1, |_| Random::new(5), all);
    Outcome::new(items[0], took)
}

/// Maps of boxed values, built in random order, half of the keys removed, then dropped.
pub(crate) fn btree(scale: Scale) -> Outcome {
    repeat(20, scale, |random| {
        let mut map = BTreeMap::new();
        for _ in 0..BTREE {
            let key = random.number();
            map.insert(key, Box::new([key; 4]));
        }
        let count = map.len();
        map.retain(|key, _| key & 1 == 0);
        assert!(map.iter().all(|(key, value)| value[3] == *key), "a value was overwritten");
        count
    })
}

/// Hash maps of boxes of mixed sizes.
pub(crate) fn hash(scale: Scale) -> Outcome {
    repeat(20, scale, |random| {
        let mut map: HashMap<u64, Box<[u8]>, BuildHasherDefault<OneMultiply>> = HashMap::default();
        for _ in 0..HASH {
            let key = random.number();
            let size = 1 + (key & 127) as usize;
            map.insert(key, vec![key as u8; size].into_boxed_slice());
        }
        let count = map.len();
        assert!(map.iter().all(|(key, value)| value[0] == *key as u8), "a value was overwritten");
        count
    })
}

/// Lists of strings, grown a few letters at a time, copied, sorted and dropped.
pub(crate) fn strings(scale: Scale) -> Outcome {
    repeat(8, scale, |random| {
        let list: Vec<String> = (0..STRINGS).map(|_| word(random)).collect();
        let mut copy = list.clone();
        copy.sort_unstable();
        let bytes = |list: &[String]| list.iter().map(String::len).sum::<usize>();
        assert_eq!(bytes(&list), bytes(&copy));
        assert!(list.iter().all(|text| text.bytes().all(|byte| byte.is_ascii_lowercase())));
        list.len() + copy.len()
    })
}

fn word(random: &mut Random) -> String {
    let mut text = String::new();
    let pieces = random.between(1, 16);
    for _ in 0..pieces {
        let letter = b'a' + random.below(26) as u8;
        for _ in 0..random.between(1, 4) {
            text.push(char::from(letter));
        }
    }
    text
}

/// A node of a binary tree.
struct Node {
    children: Option<(Box<Self>, Box<Self>)>,
}

impl Node {
    fn grow(depth: u32) -> Box<Self> {
        let children = (depth > 0).then(|| (Self::grow(depth - 1), Self::grow(depth - 1)));
        Box::new(Self { children })
    }

    fn count(&self) -> usize {
        1 + self.children.as_ref().map_or(0, |(left, right)| left.count() + right.count())
    }
}

/// Binary trees that come and go beside one that stays, on each of `threads` threads.
pub(crate) fn tree(threads: usize, scale: Scale) -> Outcome {
    let trees = scale.of(8000);
    let work = |()| {
        let long_lived = black_box(Node::grow(LONG_LIVED));
        let mut nodes = 0;
        for _ in 0..trees {
            nodes += black_box(Node::grow(SHORT_LIVED)).count();
        }
        assert_eq!(nodes, trees * ((2 << SHORT_LIVED) - 1));
        nodes + long_lived.count()
    };
    let (nodes, took) = race(threads, |_| (), work);
    Outcome::new(nodes.iter().sum(), took)
}
