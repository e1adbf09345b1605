//! A kernel's heap as the global allocator of a whole program: this test, its harness and its threads.

#![cfg(not(loom))]

use hakmem_core::{Hosted, LockedHeap};
use std::cell::UnsafeCell;
use std::collections::{BTreeMap, HashMap};
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::mpsc::channel;

const MIB: usize = 1 << 20;

/// All memory that the program gets.
#[repr(align(4096))]
struct Memory(UnsafeCell<[u8; 56 * MIB]>);
// SAFETY: the heap's alone.
unsafe impl Sync for Memory {}
static MEMORY: Memory = Memory(UnsafeCell::new([0; 56 * MIB]));

/// A program has no place before its first allocation, as a kernel has: so the heap asks.
fn memory(_: usize, _: usize) -> Option<(*mut u8, usize)> {
    static GIVEN: AtomicBool = AtomicBool::new(false);
    let given = GIVEN.swap(true, Ordering::Relaxed);
    (!given).then_some((MEMORY.0.get().cast(), 56 * MIB))
}

#[global_allocator]
static HEAP: LockedHeap<Hosted> = LockedHeap::with_growth(memory);

#[test]
fn collections_of_real_size() {
    let map: HashMap<u32, String> = (0..20_000).map(|n| (n, format!("number {n}"))).collect();
    let tree: BTreeMap<String, u32> = map.iter().map(|(n, text)| (text.clone(), *n)).collect();
    assert!(map.iter().all(|(n, text)| tree.get(text) == Some(n)));
    let mut bytes = Vec::new();
    (0..4 * MIB).for_each(|n| bytes.push(n as u8));
    assert!(bytes.iter().enumerate().all(|(n, &byte)| byte == n as u8));
    let stats = HEAP.stats();
    assert!(stats.in_use >= 4 * MIB && stats.total == 56 * MIB, "{stats}");
}

#[test]
fn threads_hand_blocks_to_each_other() {
    let (send, receive) = channel::<Vec<u64>>();
    let makers: Vec<_> = (0..3)
        .map(|maker| {
            let send = send.clone();
            std::thread::spawn(move || {
                for n in 0..5_000_u64 {
                    let len = 1 + (n * 37 + maker) % 200;
                    send.send(vec![n; len as usize]).expect("a receiver");
                }
            })
        })
        .collect();
    drop(send);
    let mut got = 0;
    for block in receive {
        assert!(block.iter().all(|word| *word == block[0]));
        got += 1;
    }
    assert_eq!(got, 15_000);
    makers.into_iter().for_each(|maker| maker.join().expect("a maker"));
}
