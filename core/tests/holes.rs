//! Inside slabs that are in use, what no live block touches goes back, page by page.

mod fakes;
mod held;

use fakes::Fake;
use hakmem_core::Cache;
use held::{finish, take};
use std::collections::BTreeSet;
use std::vec::Vec;

const KIB: usize = 1 << 10;
const PAGE: usize = 4 * KIB;
const SLOT: usize = 64 * KIB;

/// The pages that a block touches.
fn pages(start: usize, size: usize) -> impl Iterator<Item = usize> {
    (start / PAGE..=(start + size - 1) / PAGE).map(|page| page * PAGE)
}

#[test]
fn a_live_block_pins_the_pages_that_it_touches_and_no_other() {
    for size in [64, 1000, 3000, 5000] {
        let heap = fakes::heap(Fake::new());
        let mut cache = Cache::new();
        let blocks: Vec<_> = (0..(4096 * KIB / size) as u64)
            .map(|mark| take(&heap, &mut cache, size, 1, mark).expect("memory"))
            .collect();
        let (live, gone): (Vec<_>, Vec<_>) =
            blocks.into_iter().enumerate().partition(|(at, _)| at * size % (256 * KIB) < size);
        let touched: BTreeSet<_> =
            live.iter().flat_map(|(_, block)| pages(block.start.addr(), size)).collect();
        let slots: BTreeSet<_> =
            live.iter().map(|(_, block)| block.start.addr() / SLOT * SLOT).collect();
        gone.into_iter().for_each(|(_, block)| block.free(&heap, &mut cache, false));
        let purged = heap.purge(&mut cache);
        assert!(purged.bytes > 0);
        for slot in slots {
            for page in (slot..slot + SLOT).step_by(PAGE) {
                let bytes: *const u8 = core::ptr::with_exposed_provenance(page);
                // SAFETY: a slab with live blocks is mapped.
                let bytes = unsafe { core::slice::from_raw_parts(bytes, PAGE) };
                let is_zero = bytes.iter().all(|&byte| byte == 0);
                assert_ne!(is_zero, touched.contains(&page), "blocks of {size}: page {page:#x}");
            }
        }
        // What went back is handed out again, and the live blocks are as they were.
        let again: Vec<_> =
            (0..1000).map(|_| take(&heap, &mut cache, size, 1, 7).expect("memory")).collect();
        live.iter().for_each(|(_, block)| block.check());
        let all = live.into_iter().map(|(_, block)| block).chain(again);
        all.for_each(|block| block.free(&heap, &mut cache, false));
        finish(&heap, [&mut cache]);
    }
}
