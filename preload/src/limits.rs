//! The functions of `include/hakmem.h`, and the program's word before an allocation is refused.

use crate::thread::cache;
use crate::{HEAP, libc};
use core::ffi::c_void;
use hakmem_core::Purged;
use hakmem_host::OnRefusal;

/// What 0 and `SIZE_MAX` bytes ask for is no limit.
fn bytes(bytes: usize) -> Option<usize> {
    Some(bytes).filter(|bytes| *bytes != 0)
}

#[unsafe(no_mangle)]
extern "C" fn hakmem_set_limit(limit: usize) {
    HEAP.set_limit(bytes(limit));
}

#[unsafe(no_mangle)]
extern "C" fn hakmem_set_soft_limit(limit: usize) {
    HEAP.set_soft_limit(bytes(limit));
}

#[unsafe(no_mangle)]
extern "C" fn hakmem_mapped() -> usize {
    HEAP.mapped()
}

/// `struct hakmem_purged`.
#[repr(C)]
struct Answer {
    bytes: usize,
    refused: usize,
    pinned: usize,
    caches: usize,
    cached: usize,
}

#[unsafe(no_mangle)]
unsafe extern "C" fn hakmem_purge(answer: *mut Answer) {
    // SAFETY: the cache is this thread's, and no other call on it is under way.
    let Purged { bytes, kept, pinned, caches, cached } = HEAP.purge(unsafe { &mut *cache() });
    if !answer.is_null() {
        // SAFETY: the caller's place for the answer.
        unsafe { answer.write(Answer { bytes, refused: kept, pinned, caches, cached }) };
    }
}

#[unsafe(no_mangle)]
extern "C" fn hakmem_on_refusal(function: Option<OnRefusal>, argument: *mut c_void) {
    HEAP.host().set_on_refusal(function, argument);
}

/// What `allocate` gets; before it gets nothing, the program is asked. Leaves `errno` alone.
#[inline(always)]
pub(crate) fn or_refuse(size: usize, allocate: impl Fn() -> *mut u8) -> *mut u8 {
    let block = allocate();
    HEAP.host().attend();
    if block.is_null() { refuse(size, allocate) } else { block }
}

/// Asks the program, which may change `errno`.
#[cold]
#[inline(never)]
pub(crate) fn refuse(size: usize, again: impl Fn() -> *mut u8) -> *mut u8 {
    let errno = libc::errno();
    let block = HEAP.host().refuse(size, again);
    libc::set_errno(errno);
    block
}
