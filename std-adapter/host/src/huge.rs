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
