//! Phases: a program that needs one size, then another, then a third. Memory that one phase freed
//! must serve the next, or the peak grows with the number of phases.

use crate::alloc::Alloc;
use crate::memory::Resident;
use crate::release::book::Book;
use crate::release::print::{now, sample, sample_of};

/// Sizes of the phases: one for each way that an allocator may serve a block.
const SIZES: [(&str, usize); 4] =
    [("64 B", 64), ("1 KiB", 1 << 10), ("24 KiB", 24 << 10), ("200 KiB", 200 << 10)];
/// Samples while a phase fills up.
const SAMPLES: usize = 16;

/// Each phase fills `mib`, then frees all, and the next follows at once.
pub(crate) fn run<A: Alloc>(mib: usize) {
    let bytes = mib << 20;
    let mut book: Book<usize> = Book::new(bytes / SIZES[0].1 + 1);
    sample("before", 0);
    let mut peak = now();
    let mut most = 0;
    for (name, size) in SIZES {
        let count = bytes / size;
        most = most.max(count * size);
        for index in 0..count {
            let block = A::alloc(size);
            // SAFETY: the block has `size` bytes.
            unsafe { block.write_bytes(index as u8, size) };
            book.push(block.expose_provenance());
            if index % (count / SAMPLES).max(1) == 0 {
                peak = larger(peak, now());
            }
        }
        let taken = now();
        peak = larger(peak, taken);
        sample_of(name, taken, count * size);
        for (index, block) in book.iter().enumerate() {
            let block: *mut u8 = core::ptr::with_exposed_provenance_mut(*block);
            // SAFETY: live since the loop above, and freed once.
            unsafe {
                let ends = (block.read(), block.add(size - 1).read());
                assert_eq!(ends, (index as u8, index as u8), "a block was overwritten");
                A::free(block, size);
            }
        }
        book.clear();
    }
    sample_of("peak", peak, most);
    sample("end", 0);
}

fn larger(one: Resident, other: Resident) -> Resident {
    if other.kib > one.kib { other } else { one }
}
