//! Spans, large blocks, and wrong sizes: seen at once.

use super::{AGES, KIB, MIB, allocate, cache, free, free_sized, heap, kinds, only};
use crate::held::finish;
use hakmem_core::MisuseKind::{DoubleFree, Interior, NotOurs, WrongSize};
use hakmem_core::{Cache, Call};

#[test]
fn spans_and_large_blocks() {
    for size in [33 * KIB, 100 * KIB, 700 * KIB, 2 * MIB, 2 * MIB + 1, 5 * MIB] {
        for age in AGES {
            let heap = heap();
            let mut cache = cache(&heap, age);
            let mut keeper = Cache::new();
            let guard = allocate(&heap, &mut keeper, size);
            let block = allocate(&heap, &mut keeper, size);
            for offset in [1, 8, 16, 4096, size / 2, size - 1] {
                free(&heap, &mut cache, block.wrapping_add(offset));
                let misuse = only(&heap);
                assert!(matches!(misuse.kind, Interior | NotOurs), "{size} + {offset} {misuse:?}");
                // SAFETY: a wrong call, which must be noticed.
                let moved = unsafe { heap.reallocate(&mut cache, block.wrapping_add(offset), 99) };
                assert!(moved.is_null());
                let misuse = only(&heap);
                assert_eq!(misuse.call, Call::Reallocate);
                assert!(matches!(misuse.kind, Interior | NotOurs), "{misuse:?}");
            }
            for (size, align) in [(size / 2, 1), (64, 1), (2 * size, 1), (usize::MAX, 1)] {
                free_sized(&heap, &mut cache, block, size, align);
                assert_eq!(only(&heap).kind, WrongSize);
            }
            free_sized(&heap, &mut cache, block, size, 1);
            assert_eq!(kinds(&heap), []);
            let again = |cache: &mut Cache| {
                free(&heap, cache, block);
                free_sized(&heap, cache, block, size, 1);
                // SAFETY: a wrong call, which must be noticed.
                assert!(unsafe { heap.reallocate(cache, block, 99) }.is_null());
                kinds(&heap)
            };
            assert_eq!(again(&mut cache), [DoubleFree; 3]);
            heap.retire_cache(&mut cache);
            assert_eq!(again(&mut cache), [DoubleFree; 3]);
            heap.validate().expect("a sound heap");
            free(&heap, &mut keeper, guard);
            finish(&heap, [&mut keeper]);
        }
    }
}

#[test]
fn wrong_sizes() {
    for size in [1, 8, 9, 16, 100, 128, 129, 1000, 1024, 1025, 5000, 32768] {
        let heap = heap();
        let [mut owner, mut other] = [Cache::new(), Cache::new()];
        let block = allocate(&heap, &mut owner, size);
        let room = heap.usable_size(block).unwrap();
        for cache in [&mut owner, &mut other] {
            for (size, align) in [
                (room + 1, 1),
                (2 * room, 1),
                (MIB, 1),
                (8 * MIB, 1),
                (usize::MAX, 1),
                (size, 65536),
                (size, 4 * MIB),
                (if room == 8 { 9 } else { room / 2 }, 1),
            ] {
                free_sized(&heap, cache, block, size, align);
                let misuse = only(&heap);
                assert_eq!((misuse.kind, misuse.block), (WrongSize, room), "{size} at {align}");
                assert_eq!((misuse.address, misuse.size), (block.addr(), size));
            }
        }
        heap.validate().expect("a sound heap");
        free_sized(&heap, &mut other, block, size, 1);
        assert_eq!(kinds(&heap), []);
        finish(&heap, [&mut owner, &mut other]);
    }
}

/// Two threads free one block at the same time: one of them is told.
#[test]
fn two_threads_free_one_block() {
    for size in [40 * KIB, 3 * MIB] {
        let heap = heap();
        let mut owner = Cache::new();
        let guard = allocate(&heap, &mut owner, size);
        let meet = std::sync::Barrier::new(2);
        for _ in 0..200 {
            let block = allocate(&heap, &mut owner, size).expose_provenance();
            std::thread::scope(|scope| {
                for _ in 0..2 {
                    scope.spawn(|| {
                        let mut cache = Cache::new();
                        meet.wait();
                        free(&heap, &mut cache, core::ptr::with_exposed_provenance_mut(block));
                        heap.retire_cache(&mut cache);
                    });
                }
            });
            assert!(matches!(only(&heap).kind, DoubleFree | NotOurs));
        }
        heap.validate().expect("a sound heap");
        free(&heap, &mut owner, guard);
        finish(&heap, [&mut owner]);
    }
}

/// A user writes zero to a block that it freed: what lay behind it in the list is lost, and nothing
/// else; it is no wrong free.
#[test]
fn a_list_that_its_user_tore() {
    let heap = heap();
    let mut cache = Cache::new();
    let blocks: Vec<_> = (0..2000).map(|_| allocate(&heap, &mut cache, 64)).collect();
    for (at, block) in blocks.iter().enumerate() {
        free(&heap, &mut cache, *block);
        if at == 20 {
            // SAFETY: the heap's memory is mapped; the write is the mistake that is tested.
            unsafe { block.cast::<usize>().write(0) };
        }
    }
    heap.retire_cache(&mut cache);
    assert_eq!(kinds(&heap), []);
    let lost = heap.validate().expect("a sound heap").blocks;
    assert!((1..=20).contains(&lost), "{lost} blocks");
}
