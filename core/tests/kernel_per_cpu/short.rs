//! The short ways of the global allocator: what the lists of a CPU serve by themselves.

use super::{CPUS, Heap, empty, finish, heap_of};
use crate::cpus::{depth, move_to, pins};
use crate::kernels::{KIB, MIB, layout, region};
use core::alloc::GlobalAlloc;
use core::slice::from_raw_parts;

/// Sizes at the ends of classes, of what is copied pinned, of the classes and of the spans.
const SIZES: [usize; 17] = [
    1,
    8,
    9,
    16,
    100,
    112,
    500,
    1000,
    KIB,
    KIB + 1,
    1280,
    5 * KIB,
    20 * KIB,
    32 * KIB,
    32 * KIB + 1,
    70 * KIB,
    300 * KIB,
];

fn byte(at: usize) -> u8 {
    (at % 251) as u8
}

/// A block goes from one size to the other, its contents kept.
fn moves<const TEST: usize>(heap: &Heap<TEST>, from: usize, to: usize, align: usize) {
    // SAFETY: sizes are not 0; the block is live and as long as stated.
    unsafe {
        let start = heap.alloc(layout(from, align));
        assert!(!start.is_null());
        (0..from).for_each(|at| start.add(at).write(byte(at)));
        let moved = heap.realloc(start, layout(from, align), to);
        assert!(!moved.is_null() && moved.addr() % align == 0, "{from} to {to} at {align}");
        let kept = from_raw_parts(moved, from.min(to));
        let is_kept = kept.iter().enumerate().all(|(at, &found)| found == byte(at));
        assert!(is_kept, "{from} to {to} at {align}");
        moved.write_bytes(1, to);
        heap.dealloc(moved, layout(to, align));
    }
    assert_eq!(depth(), 0);
}

#[test]
fn contents_move_from_every_size_to_every_other() {
    let heap = heap_of::<6>(16 * MIB);
    for cpu in 0..2 {
        move_to(cpu);
        for align in [1, 8, 16, 64, 4 * KIB] {
            for from in SIZES {
                // Twice: what the first leaves in the lists is ready for the second.
                SIZES.into_iter().chain(SIZES).for_each(|to| moves(heap, from, to, align));
            }
        }
    }
    finish(heap);
}

/// A block of another CPU's is not this one's to put into a list.
#[test]
fn a_block_of_another_cpu_moves() {
    let heap = heap_of::<7>(16 * MIB);
    for (from, to) in [(100, 300), (300, 100), (2000, 3000), (100, 101)] {
        // SAFETY: as in `moves`.
        unsafe {
            move_to(1);
            // It has one ready.
            moves(heap, to, to, 8);
            move_to(0);
            let start = heap.alloc(layout(from, 8));
            start.write_bytes(7, from);
            move_to(1);
            let moved = heap.realloc(start, layout(from, 8), to);
            assert!(from_raw_parts(moved, from.min(to)).iter().all(|&found| found == 7));
            heap.dealloc(moved, layout(to, 8));
        }
    }
    finish(heap);
}

/// To disable interrupts and to restore them is a good part of a short call.
#[test]
fn a_call_that_a_list_serves_pins_once() {
    let heap = heap_of::<16>(16 * MIB);
    let count = |call: &mut dyn FnMut()| {
        let before = pins();
        call();
        pins() - before
    };
    for (from, to) in [(8, 16), (16, 8), (100, 200), (700, 1000), (100, 101), (1000, 5 * KIB)] {
        // Blocks lie ready.
        moves(heap, from, to, 8);
        moves(heap, to, from, 8);
        let mut block = core::ptr::null_mut();
        // SAFETY: as in `moves`.
        unsafe {
            assert_eq!(count(&mut || block = heap.alloc(layout(from, 8))), 1, "{from}");
            let resize = &mut || block = heap.realloc(block, layout(from, 8), to);
            assert_eq!(count(resize), 1, "{from} to {to}");
            assert_eq!(count(&mut || heap.dealloc(block, layout(to, 8))), 1, "{to}");
        }
    }
    finish(heap);
}

/// Wrong calls that a list must not serve; each ends in a panic, see `panics`.
pub(super) fn call_wrongly(call: &str) {
    let small = layout(100, 8);
    // SAFETY: what must be noticed.
    unsafe {
        if call == "realloc on an untouched CPU" {
            // Inside the window, of nobody: its entry is what an untouched cache might take for its own.
            let heap = empty::<13>();
            let start = region(4 * MIB);
            heap.init(start, 4 * MIB).expect("a region");
            move_to(CPUS - 1);
            _ = heap.realloc(start.add(2 * MIB), layout(8, 8), 4);
            return;
        }
        let heap = heap_of::<14>(4 * MIB);
        // Lists are filled, and have room.
        moves(heap, 100, 300, 8);
        let block = heap.alloc(small);
        match call {
            "realloc inside" => _ = heap.realloc(block.add(16), small, 300),
            "realloc of another size" => _ = heap.realloc(block, layout(200, 8), 300),
            "realloc of what is free" => {
                heap.dealloc(block, small);
                _ = heap.realloc(block, small, 300);
            }
            _ => {}
        }
    }
}
