//! The standard collections on hakmem, by one thread and by several.

use std::alloc::{GlobalAlloc, Layout};
use std::collections::{BTreeMap, HashMap, VecDeque};
use std::sync::mpsc;
use std::thread;

#[global_allocator]
static GLOBAL: hakmem::Hakmem = hakmem::Hakmem;

#[test]
fn collections_keep_what_they_are_given() {
    let mut tree = BTreeMap::new();
    let mut table = HashMap::new();
    let mut queue = VecDeque::new();
    for number in 0..50_000_u64 {
        let text = format!("{number:>width$}", width = (number % 90) as usize);
        tree.insert(number.wrapping_mul(0x9e37_79b9_7f4a_7c15), text.clone());
        table.insert(text.clone(), number);
        queue.push_back(text);
        if number % 3 == 0 {
            let oldest = queue.pop_front().expect("one at least");
            let known = table.remove(&oldest).expect("each text once");
            assert_eq!(tree.remove(&known.wrapping_mul(0x9e37_79b9_7f4a_7c15)), Some(oldest));
        }
    }
    assert_eq!(tree.len(), table.len());
    assert_eq!(queue.len(), table.len());
    for text in queue {
        assert_eq!(text.trim_start().parse::<u64>().ok(), table.get(&text).copied());
    }
}

#[test]
fn every_layout_is_aligned_and_keeps_its_bytes() {
    for align in (0..=21).map(|power| 1_usize << power) {
        for size in [1, 7, 8, 9, 24, 100, 1024, 1025, 4096, 33_000, 100_000, 3 << 20] {
            let layout = Layout::from_size_align(size, align).expect("a layout");
            // SAFETY: the size is not zero, and each block is freed with the layout it has by then.
            unsafe {
                let block = GLOBAL.alloc(layout);
                assert!(!block.is_null());
                assert_eq!(block.addr() % align, 0, "{layout:?}");
                block.write_bytes(0xa5, size);
                let grown = GLOBAL.realloc(block, layout, 2 * size + 1);
                assert!(!grown.is_null());
                assert_eq!(grown.addr() % align, 0, "{layout:?} grown");
                let kept = std::slice::from_raw_parts(grown, size);
                assert!(kept.iter().all(|&byte| byte == 0xa5), "{layout:?} grown");
                let layout = Layout::from_size_align(2 * size + 1, align).expect("a layout");
                let shrunk = GLOBAL.realloc(grown, layout, size.div_ceil(3));
                let layout = Layout::from_size_align(size.div_ceil(3), align).expect("a layout");
                assert_eq!(shrunk.addr() % align, 0, "{layout:?} shrunk");
                assert!(
                    std::slice::from_raw_parts(shrunk, layout.size()).iter().all(|&b| b == 0xa5)
                );
                GLOBAL.dealloc(shrunk, layout);

                let zeroed = GLOBAL.alloc_zeroed(layout);
                assert_eq!(zeroed.addr() % align, 0, "{layout:?} zeroed");
                assert!(std::slice::from_raw_parts(zeroed, layout.size()).iter().all(|&b| b == 0));
                GLOBAL.dealloc(zeroed, layout);
            }
        }
    }
}

#[test]
fn more_memory_than_there_is_is_an_error_and_no_end() {
    let mut bytes: Vec<u8> = Vec::new();
    assert!(bytes.try_reserve_exact(isize::MAX as usize).is_err());
    assert!(bytes.try_reserve_exact(1 << 50).is_err());
    assert!(bytes.try_reserve_exact(1 << 16).is_ok());
}

#[test]
fn threads_pass_vectors_to_each_other() {
    const RING: usize = 4;
    const ROUNDS: usize = 2_000;
    let (senders, receivers): (Vec<_>, Vec<_>) = (0..RING).map(|_| mpsc::channel()).unzip();
    let threads: Vec<_> = receivers
        .into_iter()
        .enumerate()
        .map(|(index, receiver)| {
            let next = senders[(index + 1) % RING].clone();
            thread::spawn(move || {
                let mut sum = 0;
                for round in 0..ROUNDS {
                    let fresh: Vec<usize> = (0..round % 300 + 1).map(|at| at + index).collect();
                    next.send((index, vec![fresh; 3])).expect("a neighbour");
                    let (from, vectors): (usize, Vec<Vec<usize>>) =
                        receiver.recv().expect("a neighbour");
                    for vector in vectors {
                        assert!(vector.iter().enumerate().all(|(at, &value)| value == at + from));
                        sum += vector.len();
                    }
                }
                sum
            })
        })
        .collect();
    drop(senders);
    let expected: usize = (0..ROUNDS).map(|round| 3 * (round % 300 + 1)).sum();
    for thread in threads {
        assert_eq!(thread.join().expect("no panic"), expected);
    }
}
