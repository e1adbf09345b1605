//! The kernel's heap.

use crate::platform::interrupts;
use core::alloc::{GlobalAlloc, Layout};
use core::cell::UnsafeCell;
use core::ops::Range;
use core::sync::atomic::{AtomicBool, Ordering};
use linked_list_allocator::Heap;

pub(crate) struct StandIn(AtomicBool, UnsafeCell<Heap>);
unsafe impl Sync for StandIn {}
impl StandIn {
    fn with<T>(&self, act: impl FnOnce(&mut Heap) -> T) -> T {
        let _disabled = interrupts::disable();
        while self.0.swap(true, Ordering::Acquire) {
            core::hint::spin_loop();
        }
        let value = act(unsafe { &mut *self.1.get() });
        self.0.store(false, Ordering::Release);
        value
    }
}
unsafe impl GlobalAlloc for StandIn {
    unsafe fn alloc(&self, layout: Layout) -> *mut u8 {
        self.with(|heap| heap.allocate_first_fit(layout))
            .map_or(core::ptr::null_mut(), |p| p.as_ptr())
    }
    unsafe fn dealloc(&self, ptr: *mut u8, layout: Layout) {
        self.with(|heap| unsafe { heap.deallocate(core::ptr::NonNull::new_unchecked(ptr), layout) })
    }
}

#[global_allocator]
static HEAP: StandIn = StandIn(AtomicBool::new(false), UnsafeCell::new(Heap::empty()));

pub(crate) unsafe fn give_memory(memory: Range<usize>) {
    HEAP.with(|heap| unsafe { heap.init(memory.start as *mut u8, memory.len()) });
}
