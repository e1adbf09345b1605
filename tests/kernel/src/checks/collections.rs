//! The collections of `alloc`, at a size that means something.

use super::DIVISOR;
use super::random::Random;
use alloc::collections::{BTreeMap, VecDeque};
use alloc::format;
use alloc::string::String;
use alloc::sync::Arc;
use alloc::vec::Vec;

const ENTRIES: usize = 100_000 / DIVISOR;
/// 8 MiB of them.
const NUMBERS: usize = (1 << 20) / DIVISOR;

pub(super) fn hold_what_was_put_in() -> String {
    tree();
    hash_table();
    let largest = numbers();
    strings();
    queue();
    format!("{ENTRIES} entries each, a vector of {} KiB", largest >> 10)
}

fn tree() {
    let mut map = BTreeMap::new();
    let mut random = Random::new(1);
    let keys: Vec<u64> = (0..ENTRIES).map(|_| random.number()).collect();
    for (at, key) in keys.iter().enumerate() {
        map.insert(*key, [at; 3]);
    }
    // Half goes, and room for it is made and used anew.
    for key in keys.iter().step_by(2) {
        assert!(map.remove(key).is_some());
    }
    for (at, key) in keys.iter().enumerate().step_by(2) {
        map.insert(*key, [at; 3]);
    }
    assert_eq!(map.len(), ENTRIES);
    assert!(keys.iter().enumerate().all(|(at, key)| map[key] == [at; 3]));
    assert!(map.keys().is_sorted());
}

fn hash_table() {
    let mut table: Vec<Vec<(usize, String)>> = Vec::new();
    table.resize_with(ENTRIES / 2, Vec::new);
    let hash = |key: usize| key.wrapping_mul(0x9e37_79b9_7f4a_7c15) >> 20;
    for key in 0..ENTRIES {
        table[hash(key) % (ENTRIES / 2)].push((key, format!("entry {key}")));
    }
    for key in 0..ENTRIES {
        let bucket = &table[hash(key) % (ENTRIES / 2)];
        let (_, value) = bucket.iter().find(|entry| entry.0 == key).expect("it was put in");
        assert_eq!(value.strip_prefix("entry ").and_then(|n| n.parse().ok()), Some(key));
    }
}

fn numbers() -> usize {
    let mut numbers = Vec::new();
    for number in 0..NUMBERS {
        numbers.push(number);
    }
    assert!(numbers.iter().enumerate().all(|(at, number)| at == *number));
    numbers.truncate(NUMBERS / 3);
    numbers.shrink_to_fit();
    assert!(numbers.iter().enumerate().all(|(at, number)| at == *number));
    NUMBERS * size_of::<usize>()
}

fn strings() {
    let mut text = String::new();
    let mut words: Vec<Arc<str>> = Vec::new();
    for number in 0..ENTRIES / 4 {
        let word = format!("{number:x};");
        text += &word;
        words.push(word.into());
    }
    let copies = words.clone();
    drop(words);
    assert_eq!(copies.iter().map(|word| word.len()).sum::<usize>(), text.len());
    assert!(text.split_terminator(';').zip(&copies).all(|(a, b)| a == &b[..b.len() - 1]));
}

fn queue() {
    let mut queue = VecDeque::new();
    let mut taken = 0;
    for number in 0..ENTRIES {
        queue.push_back(alloc::boxed::Box::new(number));
        if number % 3 == 0 {
            assert_eq!(queue.pop_front().map(|number| *number), Some(taken));
            taken += 1;
        }
    }
    assert!(queue.iter().enumerate().all(|(at, number)| **number == taken + at));
}
