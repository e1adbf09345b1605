//! What a request may ask for beside a size.

use super::block::Block;
use crate::heaps::HEAP;
use alloc::format;
use alloc::string::String;
use alloc::vec::Vec;
use core::alloc::Layout;
use core::ptr::NonNull;
use hakmem_core::{AllocError, Request};

const SIZES: [usize; 8] = [1, 8, 100, 1000, 5000, 40_000, 300_000, 3_000_000];

pub(super) fn are_zeroed_aligned_and_resized() -> String {
    let mut blocks: Vec<(NonNull<u8>, Layout)> = Vec::new();
    let mut served = 0;
    let mut most = 0;
    for _ in 0..2 {
        for size in SIZES {
            for align in [1, 16, 64, 4096, 1 << 16] {
                let layout = Layout::from_size_align(size, align).expect("a small layout");
                let block = HEAP.allocate(Request::new(layout).zeroed()).expect("there is memory");
                assert!(block.len() >= size && block.cast::<u8>().addr().get() % align == 0);
                // SAFETY: just allocated, and as long.
                let bytes = unsafe { &mut *block.as_ptr() };
                assert!(bytes.iter().all(|byte| *byte == 0), "{layout:?} does not read zero");
                bytes.fill(0xaa);
                blocks.push((block.cast(), layout));
                served += 1;
                most = most.max(align);
            }
        }
        for (block, layout) in blocks.drain(..) {
            // SAFETY: from there, with this layout.
            unsafe { HEAP.deallocate(block, layout) }.expect("a block of this heap");
        }
    }
    format!("{served} blocks that read zero, aligned up to {most}, {} resized in place", resized())
}

fn resized() -> usize {
    let mut count = 0;
    for size in SIZES {
        let layout = Layout::from_size_align(size, 8).expect("a small layout");
        let start = HEAP.allocate(Request::new(layout)).expect("there is memory").cast::<u8>();
        Block::fill(start.as_ptr(), layout, 4).check();
        let mut layout = layout;
        for new in [size + 1, size * 2, size / 2 + 1, size] {
            // SAFETY: from there, with this layout.
            match unsafe { HEAP.resize_in_place(start, layout, new) } {
                Ok(()) => {
                    layout = Layout::from_size_align(new, 8).expect("a small layout");
                    Block::fill(start.as_ptr(), layout, 4).check();
                    count += 1;
                }
                Err(error) => assert_eq!(error, AllocError::NoRoom),
            }
        }
        // SAFETY: as above.
        unsafe { HEAP.deallocate(start, layout) }.expect("a block of this heap");
    }
    // Each block has its own size at least.
    assert!(count >= SIZES.len());
    count
}
