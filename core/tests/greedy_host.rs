//! A host that allocates while a cache starts.

mod fakes;

use core::ptr::NonNull;
use fakes::Fake;
use hakmem_core::{Cache, Heap, Host, Misuse, PageSource, Verdict};
use std::sync::OnceLock;

const KIB: usize = 1 << 10;
/// A size of each layer, and of classes whose slabs have one, two and four slots.
const SIZES: [usize; 10] =
    [0, 8, 64, 1000, 5000, 16 * KIB, 32 * KIB, 33 * KIB, 700 * KIB, 3072 * KIB];

/// A host that allocates from the very cache whose start it is told of, as one does that keeps a
/// list of them.
struct Greedy {
    fake: Fake,
    heap: OnceLock<&'static Heap<Greedy>>,
    sizes: [usize; 3],
}

// SAFETY: the fake's promises.
unsafe impl PageSource for Greedy {
    fn page_size(&self) -> usize {
        self.fake.page_size()
    }

    fn map(&self, size: usize, align: usize) -> Option<NonNull<u8>> {
        self.fake.map(size, align)
    }

    unsafe fn unmap(&self, base: NonNull<u8>, size: usize) -> bool {
        // SAFETY: the caller's promise.
        unsafe { self.fake.unmap(base, size) }
    }

    unsafe fn purge(&self, base: NonNull<u8>, size: usize) -> bool {
        // SAFETY: the caller's promise.
        unsafe { self.fake.purge(base, size) }
    }

    unsafe fn populate(&self, base: NonNull<u8>, size: usize) -> bool {
        // SAFETY: the caller's promise.
        unsafe { self.fake.populate(base, size) }
    }

    unsafe fn remap(
        &self,
        base: NonNull<u8>,
        old: usize,
        new: usize,
        align: usize,
    ) -> Option<NonNull<u8>> {
        // SAFETY: the caller's promise.
        unsafe { self.fake.remap(base, old, new, align) }
    }
}

impl Host for Greedy {
    fn relax() {
        Fake::relax();
    }

    fn cache_started(&self, cache: *mut Cache) {
        let heap = self.heap.get().expect("the heap is known");
        for size in self.sizes {
            // SAFETY: the heap lends the cache for this call.
            let block = unsafe { heap.allocate(&mut *cache, size) };
            // SAFETY: just allocated, and given up at once.
            unsafe {
                block.write_bytes(0x5a, size);
                heap.deallocate(&mut *cache, block);
            }
        }
    }

    fn misuse(&self, misuse: Misuse) -> Verdict {
        self.fake.misuse(misuse)
    }
}

#[test]
fn a_host_may_allocate_when_a_cache_starts() {
    for size in SIZES {
        let builder = std::thread::Builder::new().stack_size(64 << 20);
        let greedy = move || Greedy {
            fake: Fake::new(),
            heap: OnceLock::new(),
            sizes: [64, 40 * KIB, size],
        };
        let heap = builder.spawn(move || Box::leak(Box::new(Heap::new(greedy()))));
        let made = &raw mut *heap.expect("a thread").join().expect("a heap");
        // SAFETY: leaked, and shared by reference alone until it is dropped below.
        let heap: &'static Heap<Greedy> = unsafe { &*made };
        heap.host().heap.set(heap).ok().expect("set once");
        for free_first in [false, true] {
            let [mut cache, mut other] = [Cache::new(), Cache::new()];
            // SAFETY: the caches are this heap's alone; each block is given up once.
            unsafe {
                let kept = heap.allocate(&mut other, size);
                if free_first {
                    heap.deallocate(&mut cache, kept);
                }
                let block = heap.allocate(&mut cache, size);
                assert!(free_first || block != kept);
                heap.deallocate(&mut cache, block);
                if !free_first {
                    heap.deallocate(&mut cache, kept);
                }
            }
            heap.validate().expect("a sound heap");
            heap.retire_cache(&mut cache);
            heap.retire_cache(&mut other);
            assert_eq!(heap.validate().expect("a sound heap").blocks, 0, "size {size}");
        }
        // SAFETY: a box was leaked, and nobody looks at it any more. There may not be addresses for all.
        drop(unsafe { Box::from_raw(made) });
    }
}
