//! Lists in mapped memory of their own, so that the bookkeeping of a scenario is neither in the heap
//! under test nor in its figures.

use core::ops::{Deref, DerefMut};
use core::sync::atomic::{AtomicUsize, Ordering};

/// Bytes of all books of the process.
static BYTES: AtomicUsize = AtomicUsize::new(0);

/// Bytes of all books that are open now. All of them are resident.
pub(crate) fn bytes() -> usize {
    BYTES.load(Ordering::Relaxed)
}

/// A list of fixed capacity. Its pages are resident from the start, whatever it holds.
pub(crate) struct Book<T: Copy> {
    start: *mut T,
    capacity: usize,
    length: usize,
}

// SAFETY: a book owns its mapping, as a vector does its buffer.
unsafe impl<T: Copy + Send> Send for Book<T> {}

impl<T: Copy> Book<T> {
    /// An empty list with room for `capacity` items.
    pub(crate) fn new(capacity: usize) -> Self {
        const { assert!(align_of::<T>() <= 4096 && size_of::<T>() > 0) };
        let length = Self::mapped(capacity);
        // SAFETY: a new private mapping touches nothing that exists.
        let start = unsafe {
            libc::mmap(
                core::ptr::null_mut(),
                length,
                libc::PROT_READ | libc::PROT_WRITE,
                libc::MAP_PRIVATE | libc::MAP_ANONYMOUS | libc::MAP_POPULATE,
                -1,
                0,
            )
        };
        assert_ne!(start, libc::MAP_FAILED, "no memory for {capacity} items of bookkeeping");
        BYTES.fetch_add(length, Ordering::Relaxed);
        Self { start: start.cast(), capacity, length: 0 }
    }

    /// Bytes of a mapping for so many items: whole pages, one at least.
    fn mapped(capacity: usize) -> usize {
        (capacity * size_of::<T>()).max(1).next_multiple_of(4096)
    }

    /// Appends an item; the scenario has counted what it needs.
    pub(crate) fn push(&mut self, item: T) {
        assert!(self.length < self.capacity, "the bookkeeping is full");
        // SAFETY: the place is inside the mapping.
        unsafe { self.start.add(self.length).write(item) };
        self.length += 1;
    }

    /// Forgets all items.
    pub(crate) fn clear(&mut self) {
        self.length = 0;
    }
}

impl<T: Copy> Deref for Book<T> {
    type Target = [T];

    fn deref(&self) -> &[T] {
        // SAFETY: so many items were written, and the mapping lives as long as the book.
        unsafe { core::slice::from_raw_parts(self.start, self.length) }
    }
}

impl<T: Copy> DerefMut for Book<T> {
    fn deref_mut(&mut self) -> &mut [T] {
        // SAFETY: as in `deref`; the borrow of the book is exclusive.
        unsafe { core::slice::from_raw_parts_mut(self.start, self.length) }
    }
}

impl<T: Copy> Drop for Book<T> {
    fn drop(&mut self) {
        let length = Self::mapped(self.capacity);
        // SAFETY: the mapping is ours, of this very length, and nothing borrows from it any more.
        unsafe { libc::munmap(self.start.cast(), length) };
        BYTES.fetch_sub(length, Ordering::Relaxed);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn keeps_what_is_pushed() {
        let mut book = Book::new(3);
        for item in [5_u32, 6, 7] {
            book.push(item);
        }
        book[1] = 9;
        assert_eq!(*book, [5, 9, 7]);
        book.clear();
        assert!(book.is_empty());
    }

    #[test]
    #[should_panic(expected = "full")]
    fn refuses_what_it_has_no_room_for() {
        let mut book = Book::new(1);
        book.push(1_u64);
        book.push(2);
    }

    #[test]
    fn mappings_are_whole_pages() {
        assert_eq!(Book::<u64>::mapped(0), 4096);
        assert_eq!(Book::<u64>::mapped(512), 4096);
        assert_eq!(Book::<u64>::mapped(513), 8192);
    }
}
