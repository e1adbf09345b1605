//! Transparent huge pages: what the system does by itself, and advice to it.

use crate::container::{self, Root};
use crate::libc;
use core::ptr::NonNull;
use core::sync::atomic::{AtomicU8, Ordering::Relaxed};
use hakmem_core::{HugeAdvice, HugePages};
use rustix::mm::{Advice, madvise};

/// Bytes of the huge pages that the heap advises about.
const SIZE: usize = 2 << 20;
const PAGE_SIZE: &[u8] = b"/sys/kernel/mm/transparent_hugepage/hpage_pmd_size";
const OF_SIZE: &[u8] = b"/sys/kernel/mm/transparent_hugepage/hugepages-2048kB/enabled";
const OF_ALL: &[u8] = b"/sys/kernel/mm/transparent_hugepage/enabled";
/// Bytes of the smallest page.
const SMALL: usize = 4096;

/// What the system does, read at the first question.
pub(crate) struct System(AtomicU8);

impl System {
    pub(crate) const fn new() -> Self {
        Self(AtomicU8::new(0))
    }

    /// Which memory gets huge pages, by the files below `root`.
    pub(crate) fn get(&self, root: impl FnOnce() -> Root) -> HugePages {
        match self.0.load(Relaxed) {
            1 => HugePages::None,
            2 => HugePages::Asked,
            3 => HugePages::All,
            _ => {
                let read = read(&root());
                self.0.store(1 + read as u8, Relaxed);
                read
            }
        }
    }
}

fn read(root: &Root) -> HugePages {
    // Other sizes come with larger pages.
    if container::small_file(root, PAGE_SIZE, number).flatten() != Some(SIZE) {
        return HugePages::None;
    }
    // Since Linux 6.8 each size has a setting of its own, which mostly says: as the one for all.
    let setting = |path| container::small_file(root, path, chosen).flatten();
    setting(OF_SIZE).or_else(|| setting(OF_ALL)).unwrap_or_default()
}

/// What the word in brackets says; `None`: something else.
fn chosen(text: &[u8]) -> Option<HugePages> {
    let mut words = text.split(|byte| byte.is_ascii_whitespace());
    match words.find(|word| word.starts_with(b"["))? {
        b"[always]" => Some(HugePages::All),
        b"[madvise]" => Some(HugePages::Asked),
        b"[never]" => Some(HugePages::None),
        _ => None,
    }
}

fn number(text: &[u8]) -> Option<usize> {
    core::str::from_utf8(text.trim_ascii_end()).ok()?.parse().ok()
}

/// # Safety
/// As for [`PageSource::advise_huge`](hakmem_core::PageSource::advise_huge).
pub(crate) unsafe fn advise(base: NonNull<u8>, size: usize, advice: HugeAdvice) -> bool {
    let tell = |size, advice| {
        // SAFETY: mapped, by the caller's word; contents stay.
        unsafe { madvise(base.as_ptr().cast(), size, advice) }.is_ok()
    };
    match advice {
        HugeAdvice::Ask => tell(size, Advice::LinuxHugepage),
        // Linux before 6.1 does not know the second; its daemon comes by later.
        HugeAdvice::Gather => {
            let asked = tell(size, Advice::LinuxHugepage);
            if asked {
                collapse(base, size);
            }
            asked
        }
        // A huge page of which part is dropped is kept as a whole until memory runs short. To call
        // one small page of it cold makes it come apart (since Linux 5.4), and loses nothing.
        HugeAdvice::Refuse => {
            let refused = tell(size, Advice::LinuxNoHugepage);
            tell(SMALL.min(size), Advice::LinuxCold);
            refused
        }
    }
}

/// Moves a range onto huge pages, where it can be done. The contents stay.
fn collapse(base: NonNull<u8>, size: usize) {
    let errno = libc::errno();
    // SAFETY: the kernel checks the range, and changes nothing that the process can read.
    if unsafe { libc::madvise(base.as_ptr().cast(), size, libc::MADV_COLLAPSE) } != 0 {
        libc::set_errno(errno);
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{Adapter, Linux, pages};
    use core::cell::Cell;
    use core::ffi::{c_char, c_void};
    use hakmem_core::{Cache, Heap, Huge};
    use std::boxed::Box;
    use std::string::String;
    use std::vec::Vec;
    use std::{format, fs, println};

    static HEAP: Heap<Linux<Tested>> = Heap::new(Linux::new());

    struct Tested;

    impl Adapter for Tested {
        fn heap() -> &'static Heap<Linux<Self>> {
            &HEAP
        }

        fn environment() -> Option<*const *const c_char> {
            None
        }

        fn with_asking<T>(act: impl FnOnce(&Cell<bool>) -> T) -> T {
            act(&Cell::new(false))
        }

        fn cache() -> *mut Cache {
            core::ptr::null_mut()
        }

        unsafe fn free_foreign(_: *mut c_void) {}
    }

    /// Whether this machine has huge pages for those who ask.
    fn has_huge_pages() -> bool {
        let has = System::new().get(Root::new) != HugePages::None;
        if !has {
            println!("passed over: this machine makes no huge pages of 2 MiB");
        }
        has
    }

    /// A line of the mapping at an address, in `smaps`.
    fn mapping(address: usize, line: &str) -> String {
        let smaps = fs::read_to_string("/proc/self/smaps").expect("smaps");
        let mut lines = smaps.lines().skip_while(|line| {
            let range = line.split(' ').next().and_then(|range| range.split_once('-'));
            !range.is_some_and(|(start, end)| {
                let bounds = [start, end].map(|bound| usize::from_str_radix(bound, 16));
                matches!(bounds, [Ok(start), Ok(end)] if (start..end).contains(&address))
            })
        });
        lines.find_map(|found| found.strip_prefix(line)).expect("the mapping").into()
    }

    fn has_flag(address: usize, flag: &str) -> bool {
        mapping(address, "VmFlags:").split(' ').any(|found| found == flag)
    }

    #[test]
    fn the_setting_of_the_size_comes_first() {
        assert_eq!(chosen(b"always [madvise] never\n"), Some(HugePages::Asked));
        assert_eq!(chosen(b"[always] inherit madvise never\n"), Some(HugePages::All));
        assert_eq!(chosen(b"always madvise [never]\n"), Some(HugePages::None));
        assert_eq!(chosen(b"always [inherit] madvise never\n"), None);
        assert_eq!(chosen(b""), None);

        let folder = std::env::temp_dir().join(format!("hakmem-huge-{}", std::process::id()));
        let files = folder.join("sys/kernel/mm/transparent_hugepage");
        fs::create_dir_all(files.join("hugepages-2048kB")).expect("a folder");
        let write = |file: &str, text: &str| fs::write(files.join(file), text).expect("a file");
        let root = Root::at(folder.to_str().expect("a path").as_bytes()).expect("a root");
        assert_eq!(read(&root), HugePages::None);
        write("enabled", "[always] madvise never\n");
        assert_eq!(read(&root), HugePages::None, "the size is not known");
        write("hpage_pmd_size", "2097152\n");
        assert_eq!(read(&root), HugePages::All);
        write("hugepages-2048kB/enabled", "always [inherit] madvise never\n");
        assert_eq!(read(&root), HugePages::All);
        write("hugepages-2048kB/enabled", "always inherit [madvise] never\n");
        assert_eq!(read(&root), HugePages::Asked);
        write("hpage_pmd_size", "33554432\n");
        assert_eq!(read(&root), HugePages::None);
        fs::remove_dir_all(&folder).expect("to clean up");
    }

    #[test]
    fn the_kernel_takes_advice_and_keeps_the_contents() {
        if !has_huge_pages() {
            return;
        }
        let base = pages::map(SIZE, SIZE, SMALL).expect("memory");
        let address = base.addr().get();
        // SAFETY: the test's own mapping.
        let bytes = unsafe { core::slice::from_raw_parts_mut(base.as_ptr(), SIZE) };
        bytes.iter_mut().enumerate().for_each(|(at, byte)| *byte = at as u8);
        for (advice, flag) in
            [(HugeAdvice::Gather, "hg"), (HugeAdvice::Refuse, "nh"), (HugeAdvice::Ask, "hg")]
        {
            // SAFETY: as above.
            assert!(unsafe { super::advise(base, SIZE, advice) });
            assert!(has_flag(address, flag), "{advice:?}");
            assert!(bytes.iter().enumerate().all(|(at, byte)| *byte == at as u8));
            if advice == HugeAdvice::Refuse {
                let huge = mapping(address, "AnonHugePages:");
                assert!(huge.trim().starts_with("0 "), "{huge}");
            }
        }
        // SAFETY: as above, and used no more.
        assert!(unsafe { pages::unmap(base, SIZE) });
    }

    #[test]
    fn a_dense_superslab_is_advised_about_until_it_is_purged() {
        if !has_huge_pages() {
            return;
        }
        // The thread's last destructor looks at it.
        let cache = Box::leak(Box::new(Cache::new()));
        let mut take = || {
            // SAFETY: the cache is this heap's alone.
            let block = unsafe { HEAP.allocate(cache, 1000) };
            assert!(!block.is_null());
            block
        };
        let blocks: Vec<*mut u8> = (0..6000).map(|_| take()).collect();
        // Some of each slot.
        let mut some = blocks.iter().copied().step_by(50);
        assert!(some.clone().all(|block| !has_flag(block.addr(), "hg")));
        for _ in 0..100 {
            HEAP.decay();
        }
        let block = some.find(|block| has_flag(block.addr(), "hg")).expect("a dense superslab");
        assert_ne!(HEAP.stats().huge, 0);
        let mut free = |block| {
            // SAFETY: a block of this heap, given up.
            unsafe { HEAP.deallocate(cache, block) };
        };
        blocks.iter().copied().filter(|other| *other != block).for_each(&mut free);
        HEAP.purge(&mut Cache::new());
        assert!(has_flag(block.addr(), "nh"));
        free(block);
        HEAP.retire_cache(cache);
        HEAP.set_huge(Huge::Never);
        assert_eq!(HEAP.huge(), Huge::Never);
    }
}
