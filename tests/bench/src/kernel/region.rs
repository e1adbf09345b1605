//! The memory that an allocator is given.

use core::ptr::null_mut;

/// Regions begin at a multiple of their size, of a huge page's at most: no allocator has to cut its
/// start.
const HUGE: usize = 2 << 20;
const PAGE: usize = 4096;

/// A region of memory, all of it there: no page fault is measured.
pub(super) struct Region {
    pub(super) start: *mut u8,
    pub(super) size: usize,
    mapping: *mut libc::c_void,
    length: usize,
}

impl Region {
    /// A region of `size` bytes, on huge pages where the system has them, as a kernel's own memory
    /// is.
    pub(super) fn new(size: usize) -> Self {
        let align = size.next_power_of_two().clamp(PAGE, HUGE);
        let length = size + align;
        // SAFETY: a new mapping disturbs nobody; the calls get its bounds.
        unsafe {
            let prot = libc::PROT_READ | libc::PROT_WRITE;
            let flags = libc::MAP_PRIVATE | libc::MAP_ANONYMOUS;
            let mapping = libc::mmap(null_mut(), length, prot, flags, -1, 0);
            assert_ne!(mapping, libc::MAP_FAILED, "no memory for the region");
            // Refused: it lies on small pages.
            libc::madvise(mapping, length, libc::MADV_HUGEPAGE);
            let start = mapping.cast::<u8>();
            let start = start.add(start.align_offset(align));
            start.write_bytes(0, size);
            Self { start, size, mapping, length }
        }
    }
}

impl Drop for Region {
    fn drop(&mut self) {
        // SAFETY: the mapping is ours; heaps on it borrow the region.
        unsafe { libc::munmap(self.mapping, self.length) };
    }
}
