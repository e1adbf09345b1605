//! Collections that take an allocator.

use allocator_api2::alloc::{Allocator, Layout};
use allocator_api2::boxed::Box;
use allocator_api2::vec::Vec;
use hakmem::Hakmem;

#[test]
fn a_vector_on_the_heap() {
    let mut numbers = Vec::new_in(Hakmem);
    for number in 0..100_000_u32 {
        numbers.push(number);
    }
    numbers.truncate(10_000);
    numbers.shrink_to_fit();
    assert!(numbers.iter().copied().eq(0..10_000));
    let boxed = Box::new_in([7_u64; 64], Hakmem);
    assert_eq!(boxed.iter().sum::<u64>(), 7 * 64);
    // More than everything else here together, or the blocks would come from somewhere else.
    let large: Vec<u8, Hakmem> = Vec::with_capacity_in(64 << 20, Hakmem);
    assert!(hakmem::stats().mapped >= large.capacity());
}

#[test]
fn grows_and_shrinks_between_all_kinds_of_layouts() {
    let layouts = [(0, 1), (0, 4096), (1, 1), (24, 8), (24, 64), (5_000, 16), (300_000, 4096)];
    for (old_size, old_align) in layouts {
        for (new_size, new_align) in layouts {
            let old = Layout::from_size_align(old_size, old_align).expect("a layout");
            let new = Layout::from_size_align(new_size, new_align).expect("a layout");
            let block = Hakmem.allocate(old).expect("memory");
            // SAFETY: each block has the layout that it was last given.
            unsafe {
                block.cast::<u8>().write_bytes(0x5a, old_size);
                let resized = if new_size >= old_size {
                    Hakmem.grow_zeroed(block.cast(), old, new)
                } else {
                    Hakmem.shrink(block.cast(), old, new)
                };
                let bytes = resized.expect("memory").as_ref();
                assert_eq!(bytes.as_ptr().addr() % new_align, 0);
                assert_eq!(bytes.len(), new_size);
                let (kept, fresh) = bytes.split_at(old_size.min(new_size));
                assert!(kept.iter().all(|&byte| byte == 0x5a));
                assert!(fresh.iter().all(|&byte| byte == 0));
                Hakmem.deallocate(resized.expect("memory").cast(), new);
            }
        }
    }
}
