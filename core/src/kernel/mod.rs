//! Heaps for kernels: a `static` that is the global allocator, over memory that the kernel hands it.
//!
//! ```no_run
//! use hakmem_core::{Embedded, LockedHeap};
//!
//! #[global_allocator]
//! static HEAP: LockedHeap<Embedded> = LockedHeap::empty();
//!
//! # fn free_memory() -> (*mut u8, usize) { (core::ptr::null_mut(), 0) }
//! // Once, as soon as the kernel knows of memory that nobody else uses:
//! let (start, size) = free_memory();
//! // SAFETY: it is the heap's from here on.
//! unsafe { HEAP.init(start, size) }.expect("memory for the heap");
//! ```
//! From then on `alloc`'s collections work. A heap is all zero before, so it is in `.bss`, and needs no
//! constructor.
//!
//! # Which heap
//!
//! | memory | calls come from | heap | of `.bss`, at most |
//! |---|---|---|---|
//! | 8 KiB to some MiB | anywhere | `LockedHeap<Embedded>` | 64 bytes |
//! | 8 MiB and more | one CPU, or several that allocate seldom | `LockedHeap<Hosted>` | 25 KiB |
//! | 8 MiB and more | several CPUs | `PerCpuHeap` | 13 KiB, and 12 a CPU |
//!
//! [`Hosted`] is the faster one: most calls are a pop or a push, whatever the heap holds. It carves slabs of
//! 64 KiB, one size class each, out of superslabs of 1 and 2 MiB, and keeps its tables in the regions:
//! below 8 MiB a good part of the memory is in slabs that have room for other sizes only. [`Embedded`]
//! puts block beside block, and a small region is as full as it can be.
//!
//! The regions of a [`Hosted`] heap lie in a window of addresses: 64 MiB from the MiB on in which the first
//! one begins, unless the profile says otherwise (`Hosted<16384>`: 1 GiB; 8 GiB at most; 64 KiB of window
//! cost 6 bytes of `.bss`). So the lowest region is the one to begin with.
//!
//! # Memory
//!
//! Any start and size of a region will do; what is not a whole unit at its ends (4 KiB in `Hosted`, 8
//! bytes in `Embedded`) is left alone. What cannot be taken is answered with a [`RegionError`](crate::RegionError)
//! and nothing has changed. More regions are [added](LockedHeap::add) at any time, up to 8 that adjoin no
//! other in `Hosted`. None is ever given back.
//!
//! A kernel that would rather be asked makes the heap by [`LockedHeap::with_growth`]: its hook gets the least
//! that would do, under no lock and with interrupts as the caller has them.
//!
//! ```
//! use core::alloc::Layout;
//! use core::cell::UnsafeCell;
//! use core::sync::atomic::{AtomicBool, Ordering};
//! use hakmem_core::{Hosted, LockedHeap, Request};
//!
//! /// Memory of the kernel's own image, as good as any.
//! #[repr(align(4096))]
//! struct Memory(UnsafeCell<[u8; 8 << 20]>);
//! // SAFETY: handed to the heap, and used by nothing else.
//! unsafe impl Sync for Memory {}
//! static MEMORY: Memory = Memory(UnsafeCell::new([0; 8 << 20]));
//!
//! fn more(size: usize, _align: usize) -> Option<(*mut u8, usize)> {
//!     static GIVEN: AtomicBool = AtomicBool::new(false);
//!     let first = !GIVEN.swap(true, Ordering::Relaxed);
//!     (first && size <= 8 << 20).then_some((MEMORY.0.get().cast(), 8 << 20))
//! }
//!
//! static HEAP: LockedHeap<Hosted> = LockedHeap::with_growth(more);
//!
//! // The fallible interface: an answer in place of a null, and requests that are more than a layout.
//! let layout = Layout::new::<[u64; 64]>();
//! let block = HEAP.allocate(Request::new(layout).zeroed())?;
//! // SAFETY: a block of 512 bytes that read zero.
//! assert_eq!(unsafe { block.cast::<[u64; 64]>().read() }, [0; 64]);
//! println!("{}", HEAP.stats());
//! // SAFETY: allocated above, with this layout.
//! unsafe { HEAP.deallocate(block.cast(), layout) }?;
//! # Ok::<(), Box<dyn std::error::Error>>(())
//! ```
//!
//! # Interrupts
//!
//! A handler that allocates while the code it interrupted is in a call of the heap would wait for itself.
//! So where handlers use the heap, it is made with a [`Cpu`] whose pin disables interrupts: the second
//! parameter of [`LockedHeap`]. That costs each call to save, disable and restore them, and holds a handler
//! off for as long as one call takes, and, on several CPUs, the calls of those that wait for the lock before.
//! What takes longest is done when interrupts are as they were again: blocks of up to 32 KiB are cleared,
//! more than 1 KiB of a block that moves is copied, hooks are asked. With [`NoCpu`], which is what a heap has that is told
//! nothing, no handler may allocate or free.
//!
//! A handler that must not wait for the lock asks [now](Request::now): what is not to be had at once is
//! [`WouldWait`](AllocError::WouldWait).
//!
//! # What a panic means
//!
//! Out of memory is a null pointer or [`NoMemory`](AllocError::NoMemory), and never a panic: what was freed
//! serves the next request. The heap panics if `GlobalAlloc`'s `dealloc` or `realloc` is called wrongly, for
//! these can answer nothing: a block that is not the heap's, or is free already, or of another size; a `dealloc`
//! before there was memory, or on a CPU whose number has no cache. The message names the block's address. It is
//! a bug of the kernel's, found where the heap noticed it: the crate's "What is caught" says how soon that
//! is, and that of [`SmallHeap`](crate::SmallHeap) for the embedded profile. The heap itself is whole and under no lock, so the panic handler may go on to allocate.
//! [`LockedHeap::deallocate`] and its like answer the same as a [`FreeError`].
//!
//! # Map
//!
//! | file | what |
//! |---|---|
//! | `cpu` | what the kernel says of its CPUs: how to pin the caller, and which one it is |
//! | `host` | the heap's host: it waits by spinning, and writes wrong calls down for later |
//! | `request` | an allocation's request, and what can go wrong with it |
//! | `locked` | one engine behind one lock |
//! | `profile` `hosted` `embedded` | the engines: slabs with a cache in front, or blocks side by side |
//! | `per_cpu` | a cache for each CPU over the lock-free pool |
//! | `stats` | a heap in numbers |

mod cpu;
#[cfg(target_has_atomic = "64")]
mod host;
#[cfg(target_has_atomic = "64")]
mod per_cpu;
mod request;
mod stats;

// A heap behind one lock is nothing for loom, under which no heap is made at compile time.
#[cfg(not(loom))]
mod embedded;
#[cfg(all(not(loom), target_has_atomic = "64"))]
mod hosted;
#[cfg(not(loom))]
mod locked;
#[cfg(not(loom))]
mod profile;

pub use cpu::{Cpu, NoCpu};
#[cfg(target_has_atomic = "64")]
pub use host::KernelHost;
#[cfg(not(loom))]
pub use locked::LockedHeap;
#[cfg(target_has_atomic = "64")]
pub use per_cpu::PerCpuHeap;
#[cfg(not(loom))]
pub use profile::{Embedded, Hosted, Profile};
pub use request::{AllocError, FreeError, Request};
pub use stats::KernelStats;
