//! What the boot loader says: the command line, and which memory there is (the PVH protocol).

use core::ffi::{CStr, c_char};
use core::ops::Range;

const MAGIC: u32 = 0x336e_c578;
/// The type of a range that is ordinary memory.
const RAM: u32 = 1;

/// The start information, as QEMU leaves it in memory.
#[repr(C)]
pub(crate) struct StartInfo {
    magic: u32,
    version: u32,
    flags: u32,
    modules: u32,
    module_list: u64,
    command_line: u64,
    root_table: u64,
    memory_map: u64,
    memory_map_entries: u32,
    reserved: u32,
}

#[repr(C)]
struct MemoryMapEntry {
    address: u64,
    size: u64,
    kind: u32,
    reserved: u32,
}

unsafe extern "C" {
    static kernel_start: u8;
    static kernel_end: u8;
}

impl StartInfo {
    /// # Safety
    /// `address` is what the boot loader passed, and nothing was written there since.
    pub(crate) unsafe fn at(address: usize) -> &'static Self {
        // SAFETY: by the caller's word.
        let info = unsafe { &*(address as *const Self) };
        assert!(info.magic == MAGIC && info.version >= 1, "not started through the PVH protocol");
        info
    }

    /// The words after `-append`.
    pub(crate) fn command_line(&self) -> &'static str {
        if self.command_line == 0 {
            return "";
        }
        // SAFETY: the protocol has a string there, which ends with a zero.
        let text = unsafe { CStr::from_ptr(self.command_line as *const c_char) };
        text.to_str().expect("the command line is text").trim()
    }

    /// The longest range of memory above the kernel.
    pub(crate) fn memory(&self) -> Range<usize> {
        // SAFETY: the protocol has so many entries there.
        let entries = unsafe {
            core::slice::from_raw_parts(
                self.memory_map as *const MemoryMapEntry,
                self.memory_map_entries as usize,
            )
        };
        let kernel = kernel();
        let usable = entries.iter().filter(|entry| entry.kind == RAM).map(|entry| {
            let start = (entry.address as usize).max(kernel.end);
            // Only the first 4 GiB are mapped, and devices begin at 3.
            let end = (entry.address + entry.size).min(3 << 30) as usize;
            start..end.max(start)
        });
        usable.max_by_key(|range| range.len()).expect("there is memory")
    }
}

/// Where the kernel itself lies.
pub(crate) fn kernel() -> Range<usize> {
    (&raw const kernel_start).addr()..(&raw const kernel_end).addr()
}
