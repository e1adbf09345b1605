//! Pages over mmap.

use core::ffi::c_void;
use core::ptr::NonNull;
use rustix::mm::{
    Advice, MapFlags, MprotectFlags, MremapFlags, ProtFlags, madvise, mmap_anonymous, mprotect,
    mremap, mremap_fixed, munmap,
};

/// Maps `size` zeroed bytes at a multiple of `align`; both are multiples of the page.
///
/// ```text
///   |<---------------- size + align - page ----------------->|
///   |  head, unmapped  |  size, at a multiple of align | tail |
/// ```
pub(crate) fn map(size: usize, align: usize, page: usize) -> Option<NonNull<u8>> {
    // The kernel places maps downwards, side by side: after one that is aligned, the next of the
    // same size mostly is too, and one call is enough.
    let place = match map_at(0, size, align)? {
        Ok(base) => return Some(base),
        Err(address) => address & !(align - 1),
    };
    // There was room from here on, and below it mostly is more: one call in place of three.
    if let Some(Ok(base)) = map_at(place, size, align) {
        return Some(base);
    }
    reserve(size, align, page, ProtFlags::READ | ProtFlags::WRITE)
        .or_else(|| open(reserve(size, align, page, ProtFlags::empty())?, size))
}

/// Maps at the address `wish`, if nothing is in the way; else, and at 0, wherever the kernel likes. If
/// that is no multiple of `align`, it is undone: the address.
fn map_at(wish: usize, size: usize, align: usize) -> Option<Result<NonNull<u8>, usize>> {
    let base = map_near(wish, size, ProtFlags::READ | ProtFlags::WRITE)?;
    let address = base.addr().get();
    if address & (align - 1) == 0 {
        return Some(Ok(base));
    }
    // SAFETY: just mapped, and nobody else knows of it.
    unsafe { unmap(base, size) }.then_some(Err(address))
}

/// Makes a reserved range writable. Only now it counts as data, and as memory that the system has
/// promised: where either is short, there may be no room for more than what is kept.
#[cold]
fn open(base: NonNull<u8>, size: usize) -> Option<NonNull<u8>> {
    let access = MprotectFlags::READ | MprotectFlags::WRITE;
    // SAFETY: a range that was reserved just now, and nobody else knows of it.
    let opened = unsafe { mprotect(pointer(base), size, access) }.is_ok();
    if !opened {
        // SAFETY: the same.
        unsafe { unmap(base, size) };
    }
    opened.then_some(base)
}

/// A range at a multiple of `align`, cut out of a larger one.
fn reserve(size: usize, align: usize, page: usize, protection: ProtFlags) -> Option<NonNull<u8>> {
    let whole = size.checked_add(align - page)?;
    let base = map_near(0, whole, protection)?;
    let address = base.addr().get();
    let head = address.next_multiple_of(align) - address;
    let tail = whole - head - size;
    // SAFETY: head <= align - page, so the aligned range lies in the mapping, and so does its end.
    let (aligned, end) = unsafe { (base.add(head), base.add(head + size)) };
    // SAFETY: head and tail are whole pages of the mapping just made, outside the aligned range.
    let cut = unsafe { (head == 0 || unmap(base, head)) && (tail == 0 || unmap(end, tail)) };
    if !cut {
        // The kernel is at its limit of mappings. What was unmapped already may be somebody
        // else's by now; the rest was never touched.
        // SAFETY: the aligned range is still this function's own.
        unsafe { unmap(aligned, size) };
        return None;
    }
    Some(aligned)
}

fn map_near(wish: usize, size: usize, protection: ProtFlags) -> Option<NonNull<u8>> {
    let wish = core::ptr::without_provenance_mut(wish);
    // SAFETY: a new private mapping of no fixed place touches nothing that exists.
    let base = unsafe { mmap_anonymous(wish, size, protection, MapFlags::PRIVATE) };
    NonNull::new(base.ok()?.cast())
}

/// # Safety
/// As for [`PageSource::unmap`](hakmem_core::PageSource::unmap).
pub(crate) unsafe fn unmap(base: NonNull<u8>, size: usize) -> bool {
    // SAFETY: nobody uses the range, by the caller's word.
    unsafe { munmap(pointer(base), size) }.is_ok()
}

/// # Safety
/// As for [`PageSource::purge`](hakmem_core::PageSource::purge).
pub(crate) unsafe fn purge(base: NonNull<u8>, size: usize) -> bool {
    // SAFETY: nobody uses the contents, by the caller's word. On private anonymous memory the call
    // succeeds only if every page of it reads zero afterwards.
    unsafe { madvise(pointer(base), size, Advice::LinuxDontNeed) }.is_ok()
}

/// Purges many ranges in one call, where the kernel has one for a process's own memory (6.14 and
/// later); one by one elsewhere.
///
/// # Safety
/// As for [`PageSource::purge_all`](hakmem_core::PageSource::purge_all).
pub(crate) unsafe fn purge_all(ranges: &[(NonNull<u8>, usize)]) -> bool {
    // SAFETY: nobody uses the contents, by the caller's word.
    if ranges.len() > 1 && unsafe { vector::purge(ranges) } {
        return true;
    }
    // SAFETY: the same; to purge a range again does no harm.
    ranges.iter().fold(true, |all, &(base, size)| unsafe { purge(base, size) } && all)
}

/// `process_madvise` on the process itself, which rustix does not have.
mod vector {
    use crate::libc;
    use core::ffi::{c_long, c_void};
    use core::ptr::NonNull;
    use core::sync::atomic::{AtomicBool, Ordering};

    /// Ranges of one call; the kernel takes up to 1,024.
    const MOST: usize = 64;
    /// "This process", in place of a file descriptor.
    const SELF: c_long = -10_001;
    const DONT_NEED: c_long = 4;

    /// `struct iovec`.
    #[repr(C)]
    struct Range {
        base: *mut c_void,
        size: usize,
    }

    /// Whether the kernel refused: before Linux 6.14, or inside a sandbox.
    static REFUSED: AtomicBool = AtomicBool::new(false);

    /// # Safety
    /// As for [`super::purge_all`].
    pub(super) unsafe fn purge(ranges: &[(NonNull<u8>, usize)]) -> bool {
        if REFUSED.load(Ordering::Relaxed) {
            return false;
        }
        ranges.chunks(MOST).all(|part| {
            let mut vector = [const { Range { base: core::ptr::null_mut(), size: 0 } }; MOST];
            for (range, &(base, size)) in vector.iter_mut().zip(part) {
                *range = Range { base: base.as_ptr().cast(), size };
            }
            let bytes: usize = part.iter().map(|(_, size)| size).sum();
            let errno = libc::errno();
            // SAFETY: the kernel reads `part.len()` entries; nobody uses what they name.
            let done = unsafe {
                libc::syscall(
                    libc::SYS_PROCESS_MADVISE,
                    SELF,
                    vector.as_ptr(),
                    part.len(),
                    DONT_NEED,
                    0 as c_long,
                )
            };
            if done < 0 {
                libc::set_errno(errno);
                REFUSED.store(true, Ordering::Relaxed);
            }
            // The kernel may stop early.
            done == bytes as c_long
        })
    }
}

/// # Safety
/// As for [`PageSource::populate`](hakmem_core::PageSource::populate).
pub(crate) unsafe fn populate(base: NonNull<u8>, size: usize) -> bool {
    // SAFETY: the contents stay. Linux before 5.14 refuses the advice.
    unsafe { madvise(pointer(base), size, Advice::LinuxPopulateWrite) }.is_ok()
}

/// # Safety
/// As for [`PageSource::remap`](hakmem_core::PageSource::remap).
pub(crate) unsafe fn remap(
    base: NonNull<u8>,
    old: usize,
    new: usize,
    align: usize,
    page: usize,
) -> Option<NonNull<u8>> {
    // SAFETY: one mapping of the caller's; it grows or shrinks where it stands, or not at all.
    if unsafe { mremap(pointer(base), old, new, MremapFlags::empty()) }.is_ok() {
        return Some(base);
    }
    // The kernel alone would move it to any page. So an aligned place is reserved first.
    let place = reserve(new, align, page, ProtFlags::empty())?;
    // SAFETY: the destination is this function's own, the source the caller's. If the kernel
    // refuses, the source is as it was; whether the reservation still stands is not known, and
    // unmapping it could hit another thread's new mapping: its addresses are given up.
    let moved =
        unsafe { mremap_fixed(pointer(base), old, new, MremapFlags::MAYMOVE, pointer(place)) };
    moved.is_ok().then_some(place)
}

fn pointer(base: NonNull<u8>) -> *mut c_void {
    base.as_ptr().cast()
}

#[cfg(test)]
mod tests {
    use super::*;

    const SLOT: usize = 64 << 10;

    fn page() -> usize {
        crate::libc::getauxval(crate::libc::AT_PAGESZ) as usize
    }

    fn bytes(base: NonNull<u8>, size: usize) -> &'static mut [u8] {
        // SAFETY: a mapping that the test made and has not unmapped.
        unsafe { core::slice::from_raw_parts_mut(base.as_ptr(), size) }
    }

    /// Whether every page of the range is mapped.
    fn mapped(base: NonNull<u8>, size: usize) -> bool {
        // SAFETY: asynchronous write-back of anonymous memory does nothing but check the range.
        unsafe { rustix::mm::msync(pointer(base), size, rustix::mm::MsyncFlags::ASYNC) }.is_ok()
    }

    #[test]
    fn maps_aligned_and_zeroed() {
        let page = page();
        let mut gone = 0;
        for align in [page, SLOT, 1 << 20, 2 << 20, 64 << 20] {
            for size in [page, 3 * SLOT, 2 << 20] {
                let base = map(size, align, page).expect("memory");
                assert_eq!(base.addr().get() % align, 0);
                assert!(bytes(base, size).iter().all(|&byte| byte == 0));
                bytes(base, size).fill(1);
                // SAFETY: the test's own.
                assert!(unsafe { unmap(base, size) });
                gone += usize::from(!mapped(base, size));
            }
        }
        // Another test's thread may have mapped the same place at once, but hardly every time.
        assert_ne!(gone, 0);
    }

    #[test]
    fn an_impossible_size_is_refused() {
        assert_eq!(map(1 << 60, page(), page()), None);
        assert_eq!(map(usize::MAX & !(SLOT - 1), SLOT, page()), None);
    }

    #[test]
    fn purge_zeroes_and_populate_keeps() {
        let page = page();
        let size = 4 * page;
        let base = map(size, page, page).expect("memory");
        bytes(base, size).fill(7);
        // SAFETY: the test's own.
        unsafe {
            populate(base, size);
            assert!(bytes(base, size).iter().all(|&byte| byte == 7));
            assert!(purge(base.add(page), page));
        }
        assert!(bytes(base, page).iter().all(|&byte| byte == 7));
        assert!(bytes(base, 2 * page)[page..].iter().all(|&byte| byte == 0));
        // SAFETY: the test's own.
        assert!(unsafe { unmap(base, size) });
    }

    #[test]
    fn many_ranges_are_purged_and_what_lies_between_stays() {
        let page = page();
        let size = 300 * page;
        let base = map(size, page, page).expect("memory");
        bytes(base, size).fill(5);
        let odd = |at: &usize| at % 2 == 1;
        let ranges: std::vec::Vec<_> = (0..300)
            .filter(odd)
            .map(|at| (base.map_addr(|a| a.saturating_add(at * page)), page))
            .collect();
        // SAFETY: the test's own.
        assert!(unsafe { purge_all(&ranges) });
        for (at, contents) in bytes(base, size).chunks(page).enumerate() {
            let expected = if odd(&at) { 0 } else { 5 };
            assert!(contents.iter().all(|&byte| byte == expected), "page {at}");
        }
        // SAFETY: the test's own.
        assert!(unsafe { unmap(base, size) });
    }

    #[test]
    fn remap_moves_to_an_aligned_place_and_keeps_the_contents() {
        let page = page();
        let mut size = SLOT;
        let mut base = map(size, SLOT, page).expect("memory");
        bytes(base, size).fill(9);
        let mut moves = 0;
        for step in 1..30 {
            let new = if step % 3 == 0 { size - page } else { size + 5 * page };
            // Something stands right behind the mapping as often as not.
            let behind = map(page, page, page).expect("memory");
            // SAFETY: the test's own.
            let next = unsafe { remap(base, size, new, SLOT, page) }.expect("memory");
            assert_eq!(next.addr().get() % SLOT, 0);
            moves += usize::from(next != base);
            assert!(bytes(next, SLOT).iter().all(|&byte| byte == 9));
            if new > size {
                assert!(bytes(next, new)[size..].iter().all(|&byte| byte == 0));
            }
            (base, size) = (next, new);
            // SAFETY: the test's own.
            assert!(unsafe { unmap(behind, page) });
        }
        // SAFETY: the test's own.
        assert!(unsafe { unmap(base, size) });
        assert_ne!(moves, 0, "nothing ever stood in the way");
    }

    #[test]
    fn remap_that_fails_changes_nothing() {
        let page = page();
        let base = map(SLOT, SLOT, page).expect("memory");
        bytes(base, SLOT).fill(3);
        // SAFETY: the test's own.
        assert_eq!(unsafe { remap(base, SLOT, 1 << 60, SLOT, page) }, None);
        assert!(bytes(base, SLOT).iter().all(|&byte| byte == 3));
        // SAFETY: the test's own.
        assert!(unsafe { unmap(base, SLOT) });
    }
}
