//! glibc's functions that look at the heap or tune it.

use crate::out::{Out, Sink};
use crate::thread::cache;
use crate::{HEAP, libc, next, report, start};
use core::ffi::{c_int, c_void};
use core::fmt::Write;
use hakmem_core::Stats;
use hakmem_host::Foreign;

/// Bytes that may be used behind a pointer; 0 for null and for what is not a block of this heap.
#[unsafe(no_mangle)]
unsafe extern "C" fn malloc_usable_size(block: *mut c_void) -> usize {
    match HEAP.usable_size(block.cast()) {
        Some(size) => size,
        None if block.is_null() || HEAP.host().options().foreign != Foreign::Libc => 0,
        // SAFETY: not ours, and the user says that the rest is the C library's.
        None => unsafe { next::usable_size(block) },
    }
}

/// Gives back what is free; 1 if that was anything. There is no top of the heap to pad.
#[unsafe(no_mangle)]
extern "C" fn malloc_trim(_pad: usize) -> c_int {
    // SAFETY: the cache is this thread's, and no other call on it is under way.
    let purged = HEAP.purge(unsafe { &mut *cache() });
    c_int::from(purged.bytes != 0)
}

/// 1 for glibc's hints about its own heap's layout, which mean nothing to this one; 0 for what
/// would change what a program sees (`M_PERTURB`, `M_CHECK_ACTION`), and for what nobody knows.
#[unsafe(no_mangle)]
extern "C" fn mallopt(parameter: c_int, value: c_int) -> c_int {
    const M_MXFAST: c_int = 1;
    const M_TRIM_THRESHOLD: c_int = -1;
    const M_TOP_PAD: c_int = -2;
    const M_MMAP_THRESHOLD: c_int = -3;
    const M_MMAP_MAX: c_int = -4;
    const M_ARENA_TEST: c_int = -7;
    const M_ARENA_MAX: c_int = -8;
    // glibc's largest fast bin, in bytes, on 64 bits.
    const MOST_FAST: c_int = 160;
    match parameter {
        M_MXFAST => c_int::from((0..=MOST_FAST).contains(&value)),
        M_TRIM_THRESHOLD | M_TOP_PAD | M_MMAP_THRESHOLD | M_MMAP_MAX => 1,
        M_ARENA_TEST | M_ARENA_MAX => c_int::from(value > 0),
        _ => 0,
    }
}

/// `struct mallinfo2`, and with `int` fields `struct mallinfo`.
#[repr(C)]
struct Info<T> {
    /// Bytes of slabs, spans and tables, and what is kept free.
    arena: T,
    /// Blocks that lie free in slabs.
    ordblks: T,
    smblks: T,
    /// Large blocks, each a mapping of its own.
    hblks: T,
    /// Their bytes.
    hblkhd: T,
    usmblks: T,
    fsmblks: T,
    /// Bytes held by the program and by threads' caches.
    uordblks: T,
    /// Bytes of slabs and spans that nobody holds, and what is kept free.
    fordblks: T,
    /// Bytes that `malloc_trim` could give back.
    keepcost: T,
}

fn info<T>(number: impl Fn(usize) -> T) -> Info<T> {
    let Stats { mapped, tables, kept, slabs, spans, large, classes, .. } = HEAP.stats();
    let arena = mapped.saturating_sub(large.mapped);
    let held = slabs.held + spans.held;
    Info {
        arena: number(arena),
        ordblks: number(classes.iter().map(|class| class.returned).sum()),
        smblks: number(0),
        hblks: number(large.count),
        hblkhd: number(large.mapped),
        usmblks: number(0),
        fsmblks: number(0),
        uordblks: number(held + large.held),
        fordblks: number(arena.saturating_sub(tables + held)),
        keepcost: number(kept),
    }
}

#[unsafe(no_mangle)]
extern "C" fn mallinfo2() -> Info<usize> {
    info(|number| number)
}

/// Numbers past `INT_MAX` read `INT_MAX`.
#[unsafe(no_mangle)]
extern "C" fn mallinfo() -> Info<c_int> {
    info(|number| c_int::try_from(number).unwrap_or(c_int::MAX))
}

/// Prints the table of `HAKMEM_STATS=1` to standard error.
#[unsafe(no_mangle)]
extern "C" fn malloc_stats() {
    report::write(Sink::Descriptor(2), start::program());
}

/// Writes the counters to a stream as XML, in glibc's words where they fit. 0, or -1 if the stream
/// does not take it, or `EINVAL` for options, of which there are none.
#[unsafe(no_mangle)]
unsafe extern "C" fn malloc_info(options: c_int, stream: *mut c_void) -> c_int {
    if options != 0 {
        return libc::EINVAL;
    }
    let stats = HEAP.stats();
    let mut out = Out::new(Sink::Stream(stream));
    let written = xml(&mut out, &stats).is_ok();
    if out.finish() && written { 0 } else { -1 }
}

fn xml(out: &mut Out, stats: &Stats) -> core::fmt::Result {
    writeln!(out, "<malloc version=\"1\">\n<heap nr=\"0\">\n<sizes>")?;
    let (mut free_blocks, mut free_bytes, mut below) = (0, 0, 0);
    for class in &stats.classes {
        if class.returned != 0 {
            let total = class.size * class.returned;
            writeln!(
                out,
                "  <size from=\"{}\" to=\"{}\" total=\"{total}\" count=\"{}\"/>",
                below + 1,
                class.size,
                class.returned
            )?;
            free_blocks += class.returned;
            free_bytes += total;
        }
        below = class.size;
    }
    writeln!(out, "</sizes>")?;
    writeln!(out, "<total type=\"rest\" count=\"{free_blocks}\" size=\"{free_bytes}\"/>")?;
    writeln!(
        out,
        "<total type=\"mmap\" count=\"{}\" size=\"{}\"/>",
        stats.large.count, stats.large.mapped
    )?;
    writeln!(out, "<system type=\"current\" size=\"{}\"/>", stats.mapped)?;
    writeln!(out, "<system type=\"max\" size=\"{}\"/>", stats.mapped_peak)?;
    writeln!(out, "</heap>\n</malloc>")
}
